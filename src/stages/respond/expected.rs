//! What a server may say on an answer, and what has been said.

use crate::catalog::Observer;
use crate::protocol::message::{Kind, Limits, Message, OwnedId, SeenMessage};
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

/// Whose offer an answer describes (`tools/list`, `server/discover`).
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// The place of the server.
    pub server: usize,
    /// The list was asked for without a cursor.
    pub first_page: bool,
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
    /// What the catalog may learn from the answer.
    pub lesson: Option<Lesson>,
    answered: bool,
}

impl Expected {
    /// Nothing has been said yet.
    pub fn new(awaited: Awaited, era: Era, method: Option<Method>, limits: Limits) -> Self {
        Self { awaited, era, method, limits, lesson: None, answered: false }
    }

    /// The same, from which the catalog may learn.
    pub fn teaching(self, lesson: Lesson) -> Self {
        Self { lesson: Some(lesson), ..self }
    }

    /// Shows the catalog an answer that passes.
    pub(super) fn teach(&self, observer: &Observer, bytes: &[u8], message: &Message) {
        match (self.method, self.lesson) {
            (Some(Method::ToolsList), Some(lesson)) => {
                observer.saw_tools(lesson.server, bytes, message, lesson.first_page);
            }
            (Some(Method::Discover), Some(lesson)) => observer.saw_supported(lesson.server, bytes, message),
            _ => {}
        }
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
        let id = message.id.as_ref();
        self.judge_by(message.kind, id.is_none(), |awaited| id.is_some_and(|id| awaited.matches(id, bytes)))
    }

    /// Judges a message that was checked while it passed.
    pub fn judge_seen(&mut self, seen: &SeenMessage) -> Verdict {
        self.judge_by(seen.kind, seen.id.is_none(), |awaited| seen.id.as_ref() == Some(awaited))
    }

    fn judge_by(&mut self, kind: Kind, nameless: bool, is: impl Fn(&OwnedId) -> bool) -> Verdict {
        let modern = self.era == Era::Modern;
        match kind {
            Kind::Request if modern => Verdict::Stray("a request on a stream of 2026-07-28"),
            Kind::Notification if modern && self.answered => Verdict::Stray("a message after the answer"),
            Kind::Request | Kind::Notification => Verdict::Pass,
            // A server that could not read the id says so with an error that has none (JSON-RPC 2.0, 5).
            Kind::Error => self.judge_answer(nameless, is),
            Kind::Answer => self.judge_answer(false, is),
        }
    }

    fn judge_answer(&mut self, nameless: bool, is: impl Fn(&OwnedId) -> bool) -> Verdict {
        match &mut self.awaited {
            Awaited::Any => Verdict::Pass,
            Awaited::None if nameless => Verdict::Pass,
            Awaited::None => Verdict::Stray("an answer where none was asked for"),
            Awaited::Request(_) | Awaited::Batch(_) if self.answered => Verdict::Stray("a second answer"),
            Awaited::Request(id) if nameless || is(id) => {
                self.answered = true;
                Verdict::Answer
            }
            Awaited::Request(_) => Verdict::Stray("an answer to another request"),
            Awaited::Batch(ids) => match ids.iter().position(is) {
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
