//! What a server may say on an answer, and what has been said.

use crate::protocol::message::{Id, Kind, Limits, Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;

/// Whose answer is awaited.
#[derive(Clone, Debug)]
pub enum Awaited {
    /// One request's.
    Request(OwnedId),
    /// Those of a batch's requests.
    Batch(Vec<OwnedId>),
    /// Any: on a session's own stream, answers are replays of earlier requests of that session.
    Any,
    /// None: a notification, or a posted answer.
    None,
}

/// What a message of the server's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Pass,
    /// It passes, and is (one of) the awaited.
    Answer,
    /// It does not belong here.
    Stray(&'static str),
}

/// The rules of one answer.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Whose answer is awaited.
    pub awaited: Awaited,
    /// The era of the request.
    pub era: Era,
    /// Its method, where it is one message.
    pub method: Option<Method>,
    /// Bounds of reading.
    pub limits: Limits,
    answered: bool,
}

impl Expected {
    /// Nothing has been said yet.
    pub fn new(awaited: Awaited, era: Era, method: Option<Method>, limits: Limits) -> Self {
        Self { awaited, era, method, limits, answered: false }
    }

    /// Whether repeating the request can do no harm.
    pub fn reads_only(&self) -> bool {
        matches!(self.awaited, Awaited::Any | Awaited::None) || self.method.is_some_and(Method::only_reads)
    }

    /// Whether every awaited answer has come.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// Judges one message, and remembers what it answers.
    pub fn judge(&mut self, message: &Message, bytes: &[u8]) -> Verdict {
        match message.kind {
            Kind::Answer | Kind::Error => self.judge_answer(message, bytes),
            Kind::Request if self.era == Era::Modern => Verdict::Stray("a request on a stream of 2026-07-28"),
            Kind::Notification if self.era == Era::Modern && self.answered => Verdict::Stray("a message after the answer"),
            Kind::Request | Kind::Notification => Verdict::Pass,
        }
    }

    fn judge_answer(&mut self, message: &Message, bytes: &[u8]) -> Verdict {
        // A server that could not read the id says so with an error that has none (JSON-RPC 2.0, 5).
        let nameless = message.kind == Kind::Error && message.id.is_none();
        let is = |id: &OwnedId, other: &Option<Id>| other.as_ref().is_some_and(|other| id.matches(other, bytes));
        match &mut self.awaited {
            Awaited::Any => Verdict::Pass,
            Awaited::None if nameless => Verdict::Pass,
            Awaited::None => Verdict::Stray("an answer where none was asked for"),
            Awaited::Request(_) | Awaited::Batch(_) if self.answered => Verdict::Stray("a second answer"),
            Awaited::Request(id) if nameless || is(id, &message.id) => {
                self.answered = true;
                Verdict::Answer
            }
            Awaited::Request(_) => Verdict::Stray("an answer to another request"),
            Awaited::Batch(ids) => match ids.iter().position(|id| is(id, &message.id)) {
                Some(at) => {
                    ids.swap_remove(at);
                    self.answered = ids.is_empty();
                    Verdict::Answer
                }
                None if nameless => Verdict::Pass,
                None => Verdict::Stray("an answer to another request"),
            },
        }
    }
}
