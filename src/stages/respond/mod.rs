//! What of a server's answer passes: every message of a server to a client goes through here, on whatever stream.
//!
//! Servers are not trusted (security, "Servers are not trusted either", 1): an answer has to be for this request, and
//! there is one. Nothing here does I/O; bytes go in, bytes that may pass come out.

mod events;
mod expected;
mod head;
mod parting;
mod promised;
mod redacting;
mod remembered;
mod sealing;
mod unseen;
mod whole;

pub use events::Events;
pub use expected::{Awaited, Expected, Lesson};
pub use head::passing;
pub use promised::{Memory, Promise, Promises};
pub use remembered::Remembered;
pub use sealing::may_hold as may_hold_sealed;
pub use unseen::Memo;
pub use whole::{Checked, failed, passed, whole};

use crate::model::{Reason, Refusal};

/// The refusal of an answer that is at fault; `why` says how. The call was made, so it is repeatable only where it reads.
pub fn bad(why: impl std::fmt::Display, reads_only: bool) -> Refusal {
    Refusal::new(Reason::UpstreamBadResponse, format!("the server's answer was refused: {why}"))
        .after_sending(reads_only)
}

#[cfg(test)]
mod tests;
