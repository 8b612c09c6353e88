//! Whom an error of ours is addressed to: what was read of the message when it was refused.

use crate::protocol::message::OwnedId;
use crate::protocol::revision::Era;

use super::Refusal;

/// A refusal and whom it is addressed to. Boxed: it is rare, and every step of the way returns it.
pub type Refused = Box<(Refusal, Addressee)>;

/// What an error answers. It decides the id and, by era, the status (security, "Which status a client sees").
#[derive(Clone, Debug, Default)]
pub enum Addressee {
    /// No message was read: a bad head, a bad body, a GET or DELETE.
    #[default]
    Nobody,
    /// A message that could not be read but for its id.
    Unread(OwnedId),
    /// A notification or a posted answer: it takes no answer, only a status.
    Notification {
        /// The era it is of.
        era: Era,
        /// Whether somebody waits for it: a posted answer, or `notifications/initialized`.
        awaited: bool,
    },
    /// A request.
    Request {
        /// The era it is of.
        era: Era,
        /// Whether it is `initialize`, which has the statuses of the table in every era.
        initialize: bool,
        /// The id that the client gave it.
        id: OwnedId,
    },
    /// The requests of a batch (2025-03-26), each of which takes an answer.
    Batch {
        /// Their ids, in their order.
        ids: Vec<OwnedId>,
        /// What of it is refused.
        culprit: Culprit,
    },
}

/// What of a batch is refused: it goes on whole or not at all, and each of its requests is told why it did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Culprit {
    /// All of it.
    #[default]
    All,
    /// One message; its place among the requests, unless it is none.
    Request(Option<usize>),
}
