//! How a core asks a command.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::model::{Reason, Refusal};
use crate::protocol::message::Message;
use crate::protocol::revision::Era;

use super::ask::{Ask, Numbers, Said, What};
use super::count::Count;
use super::exchange::{Exchange, Left, exchange};
use super::key::Per;

/// A server that is a command, as cores reach it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) lefts: mpsc::UnboundedSender<Left>,
    pub(super) per: Per,
    pub(super) fingerprint: u64,
    pub(super) count: Arc<Count>,
}

/// One request of HTTP to a command.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What is asked.
    pub verb: Verb<'a>,
    /// Its era.
    pub era: Era,
    /// Who asks: what is shared by caller is shared by this text.
    pub caller: &'a str,
    /// The session, as it was given in the head of an answer.
    pub session: Option<&'a str>,
    /// Whether the client takes an event stream.
    pub takes_events: bool,
}

/// The HTTP methods of streamable HTTP.
#[derive(Clone, Copy, Debug)]
pub enum Verb<'a> {
    /// A message or a batch, and the bytes they are places in.
    Post(&'a [Message], &'a Bytes),
    /// The stream of a session, or what came on one after the event of this id.
    Get(Option<&'a str>),
    /// The end of a session.
    Delete,
}

impl Handle {
    /// Hands a request over. It may wait for its turn; what it asks for has not been begun so long.
    ///
    /// # Errors
    /// `invalid_request` for what no client may say to a server; `internal` where the thread has ended.
    pub async fn ask(&self, asked: Asked<'_>, numbers: &Numbers) -> Result<Exchange, Refusal> {
        let number = numbers.next();
        let what = match asked.verb {
            Verb::Get(after) => What::Listen(after.map(str::to_owned)),
            Verb::Delete => What::Leave,
            Verb::Post(messages, bytes) => {
                let shared = self.per != Per::Session || asked.era == Era::Modern;
                let said = messages.iter().map(|message| Said::of(message, bytes, shared, numbers));
                What::Say(said.collect::<Option<_>>().ok_or_else(nothing_to_say)?)
            }
        };
        let (exchange, sink) = exchange(number, &self.lefts);
        let ask = Ask {
            number,
            era: asked.era,
            caller: asked.caller.to_owned(),
            // What is no number of ours is no session of ours.
            session: asked.session.map(|text| u64::from_str_radix(text, 16).unwrap_or(0)),
            what,
            takes_events: asked.takes_events,
            sink,
        };
        let sent = self.asks.send(ask).await;
        sent.map_err(|_| Refusal::new(Reason::Internal, "the commands' thread has ended"))?;
        Ok(exchange)
    }

    /// What sealed session ids name this server by: another command, or another life of the daemon, is another.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What is counted of its processes.
    pub fn count(&self) -> &Arc<Count> {
        &self.count
    }
}

fn nothing_to_say() -> Refusal {
    Refusal::new(Reason::InvalidRequest, "a client sends requests, notifications and answers, and this is none of them")
}
