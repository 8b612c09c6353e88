//! What a client brings back is opened for the server that gave it, by splicing: cursors, `requestState`, task ids.
//!
//! | message | what is opened |
//! | --- | --- |
//! | a list of any kind | `cursor` |
//! | any request that is known here | `requestState` |
//! | `tasks/*` | `taskId`, and `Mcp-Name` where it names the same |
//! | `subscriptions/listen` | `notifications.taskIds[]` |
//! | any request | `_meta["io.modelcontextprotocol/related-task"].taskId` |
//! | a notification, a posted answer, a method that nobody here knows | the same, where it is of ours |
//!
//! What is of somebody else, forged, of another route, server or purpose, or not sealed at all is answered as what nobody
//! knows, and never passed on. In the last row it may be the client's own, and passes. `null` and the empty string bring
//! nothing back, and pass.

use std::borrow::Cow;

use crate::catalog::respelt;
use crate::model::{Principal, Reason, Refusal};
use crate::protocol::headers;
use crate::protocol::json::{self, Kind, Span, Value};
use crate::protocol::message::{self, Message, is_lookalike};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::seal::{Binder, Opaque};

/// Proof that what a message brings back is its caller's own. Nobody else can make one.
#[derive(Debug)]
pub struct Opened {
    bytes: Option<Vec<u8>>,
    name: Option<Box<str>>,
}

/// A refusal of one message.
#[derive(Debug)]
pub struct Closed {
    /// Why.
    pub refusal: Refusal,
    /// Which of the messages.
    pub message: usize,
}

impl Opened {
    /// Whether anything was opened.
    pub fn is_changed(&self) -> bool {
        self.bytes.is_some()
    }

    /// The body as the server is to read it; `None` where it is the client's.
    pub fn take_bytes(&mut self) -> Option<Vec<u8>> {
        self.bytes.take()
    }

    /// `Mcp-Name` as the server is to read it; `None` where it is the client's.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// Opens all messages of a body. Nothing is sealed for the anonymous caller, or where there is no `binder`.
///
/// # Errors
/// `unknown_value` with the first of the messages that brings back what was not given to this caller here;
/// `invalid_params` where it cannot be told.
pub fn open(
    binder: Option<&Binder>,
    principal: &Principal,
    era: Era,
    messages: &[Message],
    bytes: &[u8],
) -> Result<Opened, Box<Closed>> {
    let mut opened = Opened { bytes: None, name: None };
    let Some(binder) = binder.filter(|_| !principal.is_anonymous()) else { return Ok(opened) };
    let mut opening = Opening { binder, key: principal.key(), era, bytes, places: Vec::new(), name: None };
    for (at, message) in messages.iter().enumerate() {
        opening.message(message).map_err(|refusal| Box::new(Closed { refusal, message: at }))?;
    }
    let Opening { mut places, name, .. } = opening;
    if !places.is_empty() {
        places.sort_unstable_by_key(|(span, _)| span.start);
        opened.bytes = Some(respelt(bytes, &places));
        opened.name = name;
    }
    Ok(opened)
}

/// The refusal where what was opened does not fit in its place: the server gave what is no JSON to a client.
pub fn unfit() -> Refusal {
    unknown(Opaque::State)
}

struct Opening<'a> {
    binder: &'a Binder,
    key: &'a str,
    era: Era,
    bytes: &'a [u8],
    /// Where something was opened, and the server's own token.
    places: Vec<(Span, Vec<u8>)>,
    name: Option<Box<str>>,
}

impl Opening<'_> {
    fn message(&mut self, message: &Message) -> Result<(), Refusal> {
        let fields = &message.fields;
        let method = message.method.and_then(|method| method.text(self.bytes)).map(|name| Method::of(&name));
        match (message.kind, method) {
            (message::Kind::Request, Some(Method::Other)) => {
                self.ours(Opaque::Cursor, fields.cursor);
                self.ours(Opaque::State, fields.request_state);
                self.ours(Opaque::Task, fields.task_id);
            }
            (message::Kind::Request, Some(method)) => self.request(message, method)?,
            (message::Kind::Notification, _) => self.ours(Opaque::Task, self.related(message.meta.related_task)),
            (message::Kind::Answer, _) => {
                let meta = message.result.and_then(|result| json::member(self.bytes, result.span, "_meta"));
                let task = meta.and_then(|meta| json::member(self.bytes, meta.span, RELATED_TASK));
                self.ours(Opaque::Task, self.related(task));
            }
            _ => {}
        }
        Ok(())
    }

    fn request(&mut self, message: &Message, method: Method) -> Result<(), Refusal> {
        use Method::{TasksCancel, TasksGet, TasksResult, TasksUpdate};
        let fields = &message.fields;
        if method.lists() {
            self.value(Opaque::Cursor, fields.cursor)?;
        }
        self.value(Opaque::State, fields.request_state)?;
        match method {
            // A method that this era has not is said to be none; the server's answer is as good, where it may be asked.
            TasksResult if self.era == Era::Modern => {
                self.value(Opaque::Task, fields.task_id).map_err(|_| no_method())?;
            }
            TasksGet | TasksResult | TasksUpdate | TasksCancel => {
                let opened =
                    self.value(Opaque::Task, fields.task_id).map_err(|refusal| self.of_task(message, refusal))?;
                self.name = opened.map(|id| headers::encoded(&id).into());
            }
            Method::Listen => self.listened(message).map_err(|refusal| self.of_task(message, refusal))?,
            _ => {}
        }
        if let Some(task) = message.meta.related_task {
            self.shadowless(task, "taskId")?;
            self.value(Opaque::Task, self.related(Some(task)))?;
        }
        Ok(())
    }

    /// To whoever has not declared the extension of tasks that is the answer, before any about a task (SEP-2663).
    fn of_task(&self, message: &Message, unknown: Refusal) -> Refusal {
        let member = |of: Value, key| json::member(self.bytes, of.span, key);
        let extensions = message.meta.client_capabilities.and_then(|declared| member(declared, "extensions"));
        match extensions.and_then(|declared| member(declared, TASKS)) {
            None if self.era == Era::Modern => Refusal::new(
                Reason::MissingClientCapability,
                "tasks take a client that declares the extension io.modelcontextprotocol/tasks",
            )
            .with_data(format!("\"requiredCapabilities\":{{\"extensions\":{{\"{TASKS}\":{{}}}}}}")),
            _ => unknown,
        }
    }

    /// `notifications.taskIds` of `subscriptions/listen` (SEP-2663).
    fn listened(&mut self, message: &Message) -> Result<(), Refusal> {
        let filter = message.params.and_then(|params| json::member(self.bytes, params.span, "notifications"));
        let Some(filter) = filter else { return Ok(()) };
        self.shadowless(filter, "taskIds")?;
        let Some(ids) = json::member(self.bytes, filter.span, "taskIds") else { return Ok(()) };
        if !matches!(ids.kind, Kind::Array | Kind::Null) {
            return Err(Refusal::new(
                Reason::InvalidParams,
                "`params.notifications.taskIds` has to be a list of task ids",
            ));
        }
        json::elements(self.bytes, ids.span).try_for_each(|id| self.value(Opaque::Task, Some(id)).map(drop))
    }

    /// A parser that ignores case would take such a key for the known one.
    fn shadowless(&self, object: Value, known: &str) -> Result<(), Refusal> {
        let shadows = |key: &Value| key.text(self.bytes).is_some_and(|key| is_lookalike(key.as_bytes(), known));
        match json::members(self.bytes, object.span).any(|(key, _)| shadows(&key)) {
            true => {
                Err(Refusal::new(Reason::InvalidParams, "a key that differs from `taskId` or `taskIds` in case alone"))
            }
            false => Ok(()),
        }
    }

    fn related(&self, task: Option<Value>) -> Option<Value> {
        json::member(self.bytes, task?.span, "taskId")
    }

    /// Opens a value that has to be ours; what it stands for, where that is a string.
    fn value(&mut self, what: Opaque, value: Option<Value>) -> Result<Option<String>, Refusal> {
        let Some(value) = value.filter(|value| self.says_something(*value)) else { return Ok(None) };
        let token = self.opened(what, value).ok_or_else(|| unknown(what))?;
        let id = json::string(&token).map(Cow::into_owned);
        self.places.push((value.span, token));
        Ok(id)
    }

    /// Opens a value that may be ours.
    fn ours(&mut self, what: Opaque, value: Option<Value>) {
        if let Some((value, token)) = value.and_then(|value| Some((value, self.opened(what, value)?))) {
            self.places.push((value.span, token));
        }
    }

    fn opened(&self, what: Opaque, value: Value) -> Option<Vec<u8>> {
        self.binder.open(what, self.key, &value.text(self.bytes)?)
    }

    fn says_something(&self, value: Value) -> bool {
        value.kind != Kind::Null && value.raw(self.bytes) != b"\"\""
    }
}

fn no_method() -> Refusal {
    Refusal::new(Reason::MethodNotFound, "2026-07-28 has no tasks/result; tasks/get has the result")
}

/// The extension of tasks.
const TASKS: &str = "io.modelcontextprotocol/tasks";
/// The key of `_meta` that names a task of 2025-11-25.
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// The answer to what nobody gave this caller: the same whether it is anybody's or nobody's.
fn unknown(what: Opaque) -> Refusal {
    let (message, note): (_, &'static &'static str) = match what {
        Opaque::Cursor => {
            ("unknown cursor; ask for the list anew, without one", &"a cursor that was not given to this caller here")
        }
        Opaque::State => (
            "unknown requestState; make the call anew, without it",
            &"a requestState that was not given to this caller here",
        ),
        Opaque::Task => ("task not found", &"a task id that was not given to this caller here"),
    };
    Refusal::new(Reason::UnknownValue, message).noted(note)
}

#[cfg(test)]
mod tests;
