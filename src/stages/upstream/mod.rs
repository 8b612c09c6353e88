//! Making the call: the request's head written anew, a connection from this core's pool, time-outs, and what is safe
//! to try again.

mod abandoned;
mod ask;
mod call;
mod head;
mod make;
mod miss;

use std::rc::Rc;
use std::time::Duration;

use crate::net::command::Numbers;
use crate::net::upstream::Pool;

pub use abandoned::{Abandoned, Room};
pub use ask::ask;
pub use call::Call;
pub use head::Outgoing;
pub use make::{Told, make};

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

/// How a call may be treated.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Making it twice can do no harm.
    pub reads_only: bool,
    /// Where it goes on when the client leaves; `None`: leaving cancels it.
    pub outlives: Option<Rc<Room>>,
}

/// What one core makes calls with.
#[derive(Debug)]
pub struct Client {
    /// Its kept connections.
    pub pool: Rc<Pool>,
    /// Calls whose client left, and which go on without it.
    pub abandoned: Rc<Abandoned>,
    /// What it numbers requests to commands with.
    pub numbers: Numbers,
}

#[cfg(test)]
pub(crate) mod tests;
