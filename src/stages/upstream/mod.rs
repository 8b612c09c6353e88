//! Making the call: the request's head written anew, a connection from this core's pool, time-outs, and what is safe
//! to try again.

mod abandoned;
mod call;
mod head;
mod make;

use std::rc::Rc;
use std::time::Duration;

use crate::net::upstream::Pool;

pub use abandoned::{Abandoned, Room};
pub use call::Call;
pub use head::{Outgoing, is_hop_by_hop};
pub use make::{Manner, make};

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the request to the head of the answer; `None` for as long as the deadline allows.
    pub first_byte: Option<Duration>,
    /// Between two reads of an answer that has begun.
    pub idle: Option<Duration>,
    /// The whole call, absolute.
    pub deadline: Duration,
}

/// Longer than any stream lasts, and far from the end of any clock.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Patience {
    /// The same for a stream that is listened to.
    pub fn without_deadline(self) -> Self {
        Self { deadline: NEVER, ..self }
    }
}

/// What one core makes calls with.
#[derive(Debug)]
pub struct Client {
    /// Its kept connections.
    pub pool: Rc<Pool>,
    /// Calls whose client left, and which go on without it.
    pub abandoned: Rc<Abandoned>,
}
