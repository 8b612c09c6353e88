//! What a server may say on an answer, and what has been said.

use std::rc::Rc;
use std::sync::Arc;

use crate::catalog::{Observer, Redaction};
use crate::model::Principal;
use crate::model::grants::Sight;
use crate::protocol::message::{self, Body, Fault, Id, Kind, Limits, Message, OwnedId, SeenMessage};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::seal::Binder;
use crate::telemetry::RouteMeter;

use super::promised::{Broken, Promises};
use super::redacting::Redacting;
use super::sealing::{self, Sealing};
use super::unseen::{Memo, Shown, Unseen};

const TOOLS_CHANGED: &str = "notifications/tools/list_changed";

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
pub(super) enum Verdict {
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

/// What of a message decides, however it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    kind: Kind,
    id: Named<'a>,
}

/// The id of a message.
#[derive(Clone, Copy, Debug)]
enum Named<'a> {
    Nothing,
    Placed(&'a Id, &'a [u8]),
    Kept(&'a OwnedId),
}

impl<'a> Said<'a> {
    /// By a message that was read whole.
    pub(super) fn of(message: &'a Message, bytes: &'a [u8]) -> Self {
        Self { kind: message.kind, id: message.id.as_ref().map_or(Named::Nothing, |id| Named::Placed(id, bytes)) }
    }

    /// By a message that was checked while it passed.
    pub(super) fn seen(message: &'a SeenMessage) -> Self {
        Self { kind: message.kind, id: message.id.as_ref().map_or(Named::Nothing, Named::Kept) }
    }

    /// An error of a server that could not read whose it is (JSON-RPC 2.0, 5).
    fn is_nameless_error(self) -> bool {
        self.kind == Kind::Error && matches!(self.id, Named::Nothing)
    }

    fn answers(self, awaited: &OwnedId) -> bool {
        match self.id {
            Named::Nothing => false,
            Named::Placed(id, bytes) => awaited.matches(id, bytes),
            Named::Kept(id) => awaited == id,
        }
    }
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
    /// Whether making the call twice can do no harm.
    pub reads_only: bool,
    /// What its reader may not see of it; `None` where they may see everything.
    pub(super) unseen: Option<Unseen>,
    /// For whom is sealed what they bring back; `None` where it passes as it is.
    sealing: Option<Sealing>,
    /// What calls were promised to be answered with; `None` where nobody looks.
    promises: Option<Box<Promises>>,
    /// What rules do not show of it; `None` where they show everything.
    redacting: Option<Box<Redacting>>,
    /// It was asked to become a task of 2025-11-25.
    task: bool,
    answered: bool,
}

impl Expected {
    /// Nothing has been said yet.
    pub fn new(awaited: Awaited, era: Era, method: Option<Method>, limits: Limits) -> Self {
        let (lesson, reads_only, unseen, sealing, promises) = (None, false, None, None, None);
        let (redacting, task, answered) = (None, false, false);
        Self { awaited, era, method, limits, lesson, reads_only, unseen, sealing, promises, redacting, task, answered }
    }

    /// The same, of a call that only reads (or not).
    pub fn reading_only(self, reads_only: bool) -> Self {
        Self { reads_only, ..self }
    }

    /// The same, from which the catalog may learn.
    pub fn teaching(self, lesson: Lesson) -> Self {
        Self { lesson: Some(lesson), ..self }
    }

    /// The same, to a reader who may see no more than this. What is kept from them is counted by `meter`; `memo` is this
    /// core's.
    pub fn showing(self, sight: Option<&Sight>, meter: &Rc<RouteMeter>, memo: &Rc<Memo>) -> Self {
        let unseen = sight.map(|sight| Unseen::of(sight.clone(), self.method, Rc::clone(meter), Rc::clone(memo)));
        Self { unseen, ..self }
    }

    /// The same, with what its reader brings back sealed for them.
    pub fn sealing(self, binder: Option<&Rc<Binder>>, principal: &Principal) -> Self {
        // What is anybody's is nobody's to be kept from others.
        let binder = binder.filter(|_| !principal.is_anonymous());
        let sealing = binder.map(|binder| Sealing::new(Rc::clone(binder), principal.clone()));
        Self { sealing, ..self }
    }

    /// The same, of what this message asks for.
    pub fn asked_by(mut self, message: Option<&Message>, bytes: &[u8]) -> Self {
        let completes = self.method == Some(Method::Complete);
        self.task = message.is_some_and(|message| message.fields.task.is_some());
        if let (Some(unseen), Some(message)) = (self.unseen.as_mut().filter(|_| completes), message) {
            unseen.completing(message, bytes);
        }
        self
    }

    /// The same, with what its calls were promised to be answered with.
    pub fn promising(self, promises: Option<Promises>) -> Self {
        Self { promises: promises.map(Box::new), ..self }
    }

    /// What its calls were promised.
    pub fn promises(&self) -> Option<&Promises> {
        self.promises.as_deref()
    }

    /// The same, of which this is not shown; `untold`: nobody can tell what was asked, or it is about a task.
    pub fn redacting(self, (redactions, untold): (Vec<Arc<Redaction>>, bool)) -> Self {
        let redacting = (!redactions.is_empty()).then(|| Box::new(Redacting::new(redactions, untold)));
        Self { redacting, ..self }
    }

    /// Whether anything of it is not shown: what cannot be read does not pass.
    pub fn is_redacted(&self) -> bool {
        self.redacting.is_some()
    }

    /// Whether the messages of a body are what was promised.
    pub(super) fn keeps_promises(&self, body: &Body, bytes: &[u8]) -> Result<(), Broken> {
        self.promises.as_ref().map_or(Ok(()), |promises| promises.kept(body, bytes))
    }

    /// Whether the answer has to be read whole before any of it passes, however long it is.
    pub fn is_read_whole(&self) -> bool {
        let sealed = self.sealing.is_some() && sealing::is_read_whole(self.method);
        self.method.is_some_and(Method::answer_is_read) || self.is_cut() || sealed || self.is_promised()
    }

    fn is_promised(&self) -> bool {
        self.promises.as_ref().is_some_and(|promises| promises.bind())
    }

    /// Whether the answer may hold what has to be sealed.
    pub fn may_hold_sealed(&self) -> bool {
        self.sealing.is_some() && sealing::may_hold(self.method, self.era, self.task)
    }

    /// Whether its reader may see only part of it.
    pub fn is_cut(&self) -> bool {
        self.unseen.as_ref().is_some_and(Unseen::reads_whole) || self.is_redacted()
    }

    /// What of a body that was read from `bytes` its reader may see, and as they may have it.
    pub(super) fn show(&self, body: &Body, bytes: &[u8]) -> Result<Shown, &'static str> {
        let shown = self.redact(self.seen(body, bytes)?, body, bytes)?;
        let Some(sealing) = self.sealing.as_ref().filter(|_| self.method != Some(Method::Discover)) else {
            return Ok(shown);
        };
        match shown {
            Shown::All => Ok(sealing.seal(self.method, body, bytes).map_or(Shown::All, Shown::Less)),
            // Its places are others now.
            Shown::Less(less) => {
                let body = self.again(&less)?;
                Ok(Shown::Less(sealing.seal(self.method, &body, &less).unwrap_or(less)))
            }
            Shown::Nothing => Ok(Shown::Nothing),
        }
    }

    /// What is shown already, without what rules do not show.
    fn redact(&self, shown: Shown, body: &Body, bytes: &[u8]) -> Result<Shown, &'static str> {
        let Some(redacting) = &self.redacting else { return Ok(shown) };
        match shown {
            Shown::All => Ok(redacting.redact(body, bytes).map_or(Shown::All, Shown::Less)),
            Shown::Less(less) => Ok(Shown::Less(redacting.redact(&self.again(&less)?, &less).unwrap_or(less))),
            Shown::Nothing => Ok(Shown::Nothing),
        }
    }

    fn again(&self, less: &[u8]) -> Result<Body, &'static str> {
        message::read_server(less, &self.limits).map_err(|_| "what is left of it cannot be read")
    }

    fn seen(&self, body: &Body, bytes: &[u8]) -> Result<Shown, &'static str> {
        match (&self.unseen, body) {
            (None, _) => Ok(Shown::All),
            (Some(unseen), Body::One(message)) => unseen.show(message, bytes),
            (Some(unseen), Body::Batch(messages)) => unseen.show_batch(messages, bytes),
        }
    }

    /// Reads what a server says: a list that the catalog knows is not read again.
    pub(super) fn read(&self, observer: &Observer, bytes: &[u8]) -> Result<Body, Fault> {
        match (self.method, self.lesson) {
            (Some(Method::ToolsList), Some(lesson)) => {
                observer.read_tools(lesson.server, bytes, &self.limits, lesson.first_page)
            }
            _ => message::read_server(bytes, &self.limits),
        }
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

    /// Tells the catalog where the server says that its list of tools has changed, whoever may see that.
    pub(super) fn hear(&self, observer: &Observer, body: &Body, bytes: &[u8]) {
        let all = match body {
            Body::One(message) => std::slice::from_ref(message),
            Body::Batch(messages) => messages,
        };
        let says = |message: &Message| {
            message.kind == Kind::Notification && message.method.is_some_and(|method| method.is(bytes, TOOLS_CHANGED))
        };
        if let Some(lesson) = self.lesson.filter(|_| all.iter().any(says)) {
            observer.saw_change(lesson.server);
        }
    }

    /// Whether there is an answer to wait for.
    pub fn awaits(&self) -> bool {
        matches!(self.awaited, Awaited::Request(_) | Awaited::Batch(_)) && !self.answered
    }

    /// Whether every awaited answer has come.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether its stream has no end of its own: it is listened to, or nobody waits for anything on it.
    pub fn is_endless(&self) -> bool {
        let subscribes = self.era == Era::Modern && self.method == Some(Method::Listen);
        !self.answered && (subscribes || matches!(self.awaited, Awaited::Any | Awaited::None))
    }

    /// Judges one message of a stream, and remembers what it answers.
    pub(super) fn judge(&mut self, said: Said<'_>) -> Verdict {
        let modern = self.era == Era::Modern;
        match said.kind {
            Kind::Request if modern => Verdict::Stray("a request on a stream of 2026-07-28"),
            Kind::Notification if modern && self.answered => Verdict::Stray("a message after the answer"),
            Kind::Request | Kind::Notification => Verdict::Pass,
            Kind::Answer | Kind::Error => self.judge_answer(said),
        }
    }

    fn judge_answer(&mut self, said: Said<'_>) -> Verdict {
        match &mut self.awaited {
            Awaited::Any => Verdict::Pass,
            Awaited::None if said.is_nameless_error() => Verdict::Pass,
            Awaited::None => Verdict::Stray("an answer where none was asked for"),
            Awaited::Request(_) | Awaited::Batch(_) if self.answered => Verdict::Stray("a second answer"),
            Awaited::Request(id) if said.is_nameless_error() || said.answers(id) => {
                self.answered = true;
                Verdict::Answer
            }
            Awaited::Request(_) => Verdict::Stray("an answer to another request"),
            Awaited::Batch(ids) => match ids.iter().position(|id| said.answers(id)) {
                Some(at) => {
                    ids.swap_remove(at);
                    self.answered = ids.is_empty();
                    Verdict::Answer
                }
                None if said.is_nameless_error() => Verdict::Pass,
                None => Verdict::Stray("an answer to another request"),
            },
        }
    }

    /// Judges the messages of a batch in an event: they pass together or not at all.
    pub(super) fn judge_batch(&mut self, messages: &[Message], bytes: &[u8]) -> Result<(), &'static str> {
        if self.era == Era::Modern {
            return Err("a batch on a stream of 2026-07-28");
        }
        let before = (self.awaited.clone(), self.answered);
        for message in messages {
            if let Verdict::Stray(why) = self.judge(Said::of(message, bytes)) {
                // What stood beside it does not pass either, so it is awaited still.
                (self.awaited, self.answered) = before;
                return Err(why);
            }
        }
        Ok(())
    }

    /// Judges the messages of a body, which have to be all that was asked for and nothing else.
    pub(super) fn judge_whole<'a>(
        &mut self,
        is_batch: bool,
        all: impl Iterator<Item = Said<'a>>,
    ) -> Result<(), &'static str> {
        if is_batch && !matches!(self.awaited, Awaited::Batch(_)) {
            return Err("a batch where one message was asked for");
        }
        let mut of_all = false;
        for said in all {
            match self.judge(said) {
                Verdict::Answer => {}
                // A server that could not read a batch has one error for all of it.
                Verdict::Pass if !is_batch && said.is_nameless_error() => of_all = true,
                Verdict::Pass => return Err("a body that is no answer"),
                Verdict::Stray(why) => return Err(why),
            }
        }
        if self.answered || of_all { Ok(()) } else { Err("a batch with answers missing") }
    }
}
