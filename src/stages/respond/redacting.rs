//! What rules do not show of an answer: the fields of its result that they name, whatever stream it comes on.
//!
//! Answers alone are looked at, and what a notification says of a task's result: what a server says on the way to it (progress,
//! log messages, requests of its own) has no result, and an error has none either.

use std::sync::Arc;

use crate::catalog::{Redaction, redact, respelt};
use crate::protocol::message::{Body, Kind, Message};

/// What is not shown.
#[derive(Clone, Debug)]
pub(super) struct Redacting {
    all: Vec<Arc<Redaction>>,
    /// Nobody can tell what was asked, or it is about a task: the result may hold the one that is meant.
    untold: bool,
}

impl Redacting {
    pub(super) fn new(all: Vec<Arc<Redaction>>, untold: bool) -> Self {
        Self { all, untold }
    }

    /// A body that was read from `bytes` without it; `None` where nothing of it is there.
    pub(super) fn redact(&self, body: &Body, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut places = Vec::new();
        let messages = match body {
            Body::One(message) => std::slice::from_ref(message),
            Body::Batch(messages) => messages,
        };
        for message in messages {
            if let Some(value) = told(message, bytes) {
                redact(&self.all, self.untold, value, bytes, &mut places);
            }
        }
        (!places.is_empty()).then(|| respelt(bytes, &places))
    }
}

/// What of a message holds a result.
fn told(message: &Message, bytes: &[u8]) -> Option<crate::protocol::json::Value> {
    match message.kind {
        Kind::Answer => message.result,
        Kind::Notification => {
            let of_task = message.method?.text(bytes)?.starts_with("notifications/tasks");
            message.params.filter(|_| of_task)
        }
        Kind::Request | Kind::Error => None,
    }
}
