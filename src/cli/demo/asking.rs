//! A question on its way to the client of a session, and the wait for what it says.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::net::client::Next;

use super::question::{self, Question};
use super::sessions::Waiting;
use super::stream::{To, event};

/// How long a client may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(300);

/// A question that was put to the client of a session.
pub(super) struct Asking {
    pub(super) to: To,
    /// The event that asks, until it has been written.
    event: Vec<u8>,
    waiting: Waiting,
    patience: Pin<Box<Sleep>>,
}

impl Asking {
    pub(super) fn new(to: To, number: u64, question: &Question<'_>, waiting: Waiting) -> Self {
        let request = format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"elicitation/create","params":{}}}"#,
            question.params(false)
        );
        Self { to, event: event(request.as_bytes()), waiting, patience: Box::pin(sleep(PATIENCE)) }
    }

    /// The question, then what came of it.
    pub(super) async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        if !self.event.is_empty() {
            out.append(&mut self.event);
            return Next::More;
        }
        let said = tokio::select! {
            told = &mut self.waiting.told => told.ok(),
            () = self.patience.as_mut() => None,
        };
        let text = said.map_or_else(|| "nobody answered in time".to_owned(), |said| question::heard(&said));
        out.extend_from_slice(&self.to.say(&text, false));
        Next::Last
    }
}
