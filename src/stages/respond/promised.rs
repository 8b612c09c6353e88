//! Answers to calls against the `outputSchema` of their tools.

use std::rc::Rc;
use std::sync::Arc;

use crate::catalog::{Checked, Schema};
use crate::protocol::json::{self, Kind};
use crate::protocol::message::{Kind as Said, Message, OwnedId};
use crate::telemetry::ServerMeter;

/// What the answer to a call has to be.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Whose.
    id: OwnedId,
    schema: Arc<Schema>,
    /// One that does not fit is refused.
    refuses: bool,
}

/// The promises of one body's calls, and where it is counted that one was not kept.
#[derive(Clone, Debug)]
pub(super) struct Promises {
    pub(super) all: Vec<Promise>,
    pub(super) meter: Rc<ServerMeter>,
}

impl Promise {
    /// That the answer with this id fits a schema; whether it is refused otherwise.
    pub fn new(id: OwnedId, schema: &Arc<Schema>, refuses: bool) -> Self {
        Self { id, schema: Arc::clone(schema), refuses }
    }
}

impl Promises {
    /// Whether a message may pass.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn kept(&self, message: &Message, bytes: &[u8]) -> Result<(), String> {
        let (Said::Answer, Some(id)) = (message.kind, &message.id) else { return Ok(()) };
        let Some(promise) = self.all.iter().find(|promise| promise.id.matches(id, bytes)) else { return Ok(()) };
        let Err(why) = promise.fits(message, bytes) else { return Ok(()) };
        self.meter.answer_is_unfit();
        if promise.refuses { Err(format!("it does not fit the tool's outputSchema: {why}")) } else { Ok(()) }
    }
}

impl Promise {
    fn fits(&self, message: &Message, bytes: &[u8]) -> Result<(), String> {
        let Some(result) = message.result else { return Ok(()) };
        let member = |key: &str| json::member(bytes, result.span, key);
        // A tool that failed, asks back or goes on as a task promises nothing.
        let failed = member("isError").is_some_and(|value| value.kind == Kind::True);
        let incomplete =
            member("resultType").is_some_and(|kind| !kind.is(bytes, "complete")) || member("task").is_some();
        if failed || incomplete {
            return Ok(());
        }
        let Some(content) = member("structuredContent") else { return Err("it has no structuredContent".to_owned()) };
        // Whoever reads a repeated key in another way reads another answer.
        let text = content.raw(bytes);
        json::check(text, u16::MAX).map_err(|fault| fault.to_string())?;
        match self.schema.check(text) {
            Checked::Fits => Ok(()),
            Checked::Unheld(why) => Err(format!("it cannot be checked: {why}")),
            Checked::Faulty(faults) => {
                let first = faults.told.first().map(|fault| format!("{}: {}", fault.at, fault.what));
                Err(format!("/structuredContent{}", first.unwrap_or_default()))
            }
        }
    }
}
