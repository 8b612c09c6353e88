//! Answers to calls against the `outputSchema` of their tools, on every way that they take.
//!
//! | an answer | is held against |
//! | --- | --- |
//! | to a call | the schema of its tool |
//! | to `tasks/result`; `result` in that to `tasks/get` | the schema of the tool of the call that became the task |
//! | replayed on a session's own stream | what was remembered when the call was made |
//!
//! Where nothing is known of the call any more, what has `structuredContent` cannot be checked, and counts as what does
//! not fit: nothing that a check is asked for passes without. Anything else passes, since tools alone answer with that.

use std::rc::Rc;
use std::sync::Arc;

use crate::catalog::{Checked, Schema};
use crate::protocol::json::{self, Kind, Value};
use crate::protocol::message::{Body, Kind as Said, Message, OwnedId};
use crate::telemetry::ServerMeter;

use super::remembered::{Known, Remembered, Session, Source};

/// What the answer to a request has to be.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Whose.
    id: OwnedId,
    /// `None` where nothing is known of the call that is answered.
    known: Option<Known>,
    /// One that does not fit is refused.
    refuses: bool,
}

/// Where what was promised is remembered.
#[derive(Clone, Debug)]
pub struct Memory {
    /// What is remembered.
    pub all: Arc<Remembered>,
    /// The server.
    pub source: Source,
    /// The session, where there is one.
    pub session: Option<Session>,
}

/// The promises of one body's calls, or of all that a session's own stream replays.
#[derive(Clone, Debug)]
pub struct Promises {
    all: Vec<Promise>,
    /// On a session's own stream: whether what does not fit is refused.
    replayed: Option<bool>,
    memory: Memory,
    /// Where it is counted that one was not kept.
    meter: Rc<ServerMeter>,
}

/// A promise that was not kept, where that is refused.
pub(super) struct Broken {
    /// Whose answer it is.
    pub(super) id: OwnedId,
    pub(super) why: String,
}

impl Promise {
    /// That the answer with this id fits a schema, where there is one; whether it is refused otherwise.
    pub fn new(id: OwnedId, schema: Option<&Arc<Schema>>, refuses: bool) -> Self {
        Self { id, known: Some(Known { schema: schema.cloned(), within: false }), refuses }
    }

    /// The same of what is said of a task: whether it has the answer within, as `tasks/get` does.
    pub fn of_task(id: OwnedId, memory: &Memory, task: &str, within: bool, refuses: bool) -> Self {
        let known = memory.all.task(memory.source, task).map(|known| Known { within, ..known });
        Self { id, known, refuses }
    }

    /// Whether there is anything that an answer could break.
    pub fn binds(&self) -> bool {
        self.known.as_ref().is_none_or(|known| known.schema.is_some())
    }
}

impl Promises {
    /// Those of a body's requests.
    pub fn of(all: &[Promise], memory: Memory, meter: &Rc<ServerMeter>) -> Self {
        Self { all: all.to_vec(), replayed: None, memory, meter: Rc::clone(meter) }
    }

    /// Those of whatever was called in the session.
    pub fn replayed(refuses: bool, memory: Memory, meter: &Rc<ServerMeter>) -> Self {
        Self { all: Vec::new(), replayed: Some(refuses), memory, meter: Rc::clone(meter) }
    }

    /// Whether there is anything that an answer could break.
    pub(super) fn bind(&self) -> bool {
        self.replayed.is_some() || self.all.iter().any(Promise::binds)
    }

    /// Remembers them: their answers come in a stream, which the session may replay.
    pub fn remember(&self) {
        let Memory { all, session: Some(session), .. } = &self.memory else { return };
        for Promise { id, known, .. } in &self.all {
            if let Some(known) = known {
                all.keep_answer(*session, &id.as_id(), id.raw(), known.clone());
            }
        }
    }

    /// Whether the messages of a body may pass.
    ///
    /// # Errors
    /// The first one that may not.
    pub(super) fn kept(&self, body: &Body, bytes: &[u8]) -> Result<(), Broken> {
        match body {
            Body::One(message) => self.one_kept(message, bytes),
            Body::Batch(messages) => messages.iter().try_for_each(|message| self.one_kept(message, bytes)),
        }
    }

    fn one_kept(&self, message: &Message, bytes: &[u8]) -> Result<(), Broken> {
        let (Said::Answer, Some(id), Some(result)) = (message.kind, &message.id, message.result) else { return Ok(()) };
        let promise = self.all.iter().find(|promise| promise.id.matches(id, bytes));
        let (known, refuses) = match (promise, self.replayed, self.memory.session) {
            (Some(promise), ..) => (promise.known.clone(), promise.refuses),
            (None, Some(refuses), Some(session)) => (self.memory.all.answer(session, id, bytes), refuses),
            (None, Some(refuses), None) => (None, refuses),
            (None, None, _) => return Ok(()),
        };
        if let (Some(Known { schema, within: false }), Some(task)) = (&known, task(result, bytes)) {
            self.memory.all.keep_task(self.memory.source, &task, schema.clone());
        }
        let Err(why) = fits(known.as_ref(), result, bytes) else { return Ok(()) };
        self.meter.answer_is_unfit();
        match refuses {
            true => Err(Broken { id: OwnedId::of(id, bytes), why }),
            false => Ok(()),
        }
    }
}

/// The task that a call has become: `task.taskId` in 2025-11-25, `taskId` beside `resultType` in 2026-07-28.
fn task(result: Value, bytes: &[u8]) -> Option<String> {
    let member = |of: Value, key| json::member(bytes, of.span, key);
    let is_task = || member(result, "resultType").is_some_and(|kind| kind.is(bytes, "task"));
    let made = member(result, "task").or_else(|| is_task().then_some(result))?;
    member(made, "taskId")?.text(bytes).map(Into::into)
}

fn fits(known: Option<&Known>, result: Value, bytes: &[u8]) -> Result<(), String> {
    let member = |of: Value, key: &str| json::member(bytes, of.span, key);
    let Some(known) = known else {
        let structured = |of: Value| member(of, "structuredContent").is_some();
        return match structured(result) || member(result, "result").is_some_and(structured) {
            true => {
                Err("nothing is known here of the call that it answers, so its structuredContent cannot be checked \
                         against an outputSchema"
                    .to_owned())
            }
            false => Ok(()),
        };
    };
    let Some(schema) = &known.schema else { return Ok(()) };
    let result = match known.within {
        false => result,
        // A task that goes on has none.
        true => match member(result, "result") {
            Some(within) => within,
            None => return Ok(()),
        },
    };
    let wrong = |why: String| format!("it does not fit the tool's outputSchema: {why}");
    // A tool that failed, asks back or goes on as a task promises nothing.
    let failed = member(result, "isError").is_some_and(|value| value.kind == Kind::True);
    let incomplete = member(result, "resultType").is_some_and(|kind| !kind.is(bytes, "complete"))
        || member(result, "task").is_some();
    if failed || incomplete {
        return Ok(());
    }
    let Some(content) = member(result, "structuredContent") else {
        return Err(wrong("it has no structuredContent".to_owned()));
    };
    // Whoever reads a repeated key in another way reads another answer.
    let text = content.raw(bytes);
    json::check(text, u16::MAX).map_err(|fault| wrong(fault.to_string()))?;
    match schema.check(text) {
        Checked::Fits => Ok(()),
        Checked::Unheld(why) => Err(wrong(format!("it cannot be checked: {why}"))),
        Checked::Faulty(faults) => {
            let first = faults.told.first().map(|fault| format!("{}: {}", fault.at, fault.what));
            Err(wrong(format!("/structuredContent{}", first.unwrap_or_default())))
        }
    }
}
