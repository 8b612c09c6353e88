//! What is said: the body in its bound, read strictly, its era found, its headers held against it.
//!
//! Nothing trusts a name before this stage has passed.

mod body;
mod check;
mod rest;

use bytes::Bytes;

use crate::model::{Addressee, Culprit};
use crate::protocol::json::Value;
use crate::protocol::message::{self, Body, Kind, Limits, Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;

pub use check::{Checks, no_batch, params, read};

/// The HTTP methods of streamable HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A message, or a batch.
    Post,
    /// Opens the stream of a session (legacy), or resumes one.
    Get,
    /// Ends a session (legacy).
    Delete,
}

impl Verb {
    /// As it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Post => "POST",
            Verb::Get => "GET",
            Verb::Delete => "DELETE",
        }
    }
}

/// Proof that the message was read whole and means one thing. Nobody else can make one.
#[derive(Debug)]
pub struct WellFormed {
    bytes: Bytes,
    body: Option<Body>,
    era: Era,
    method: Option<Method>,
}

impl WellFormed {
    /// Has values spelt as its server does from now on; `None` where that cannot be read, and it stays as it was.
    pub fn respell(&mut self, bytes: Vec<u8>, depth: u16) -> Option<()> {
        let limits = Limits { depth, ..Limits::default() };
        self.body = Some(message::read_client(&bytes, &limits).ok()?);
        self.bytes = bytes.into();
        Some(())
    }

    /// The body as it came, or as its server is to have it; these bytes are forwarded, no others.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The single message, if it is one.
    pub fn message(&self) -> Option<&Message> {
        match &self.body {
            Some(Body::One(message)) => Some(message),
            _ => None,
        }
    }

    /// The messages of a batch.
    pub fn batch(&self) -> Option<&[Message]> {
        match &self.body {
            Some(Body::Batch(messages)) => Some(messages),
            _ => None,
        }
    }

    /// Its messages, be it one, a batch, or none.
    pub fn messages(&self) -> &[Message] {
        match &self.body {
            Some(Body::One(message)) => std::slice::from_ref(message),
            Some(Body::Batch(messages)) => messages,
            None => &[],
        }
    }

    /// The era of the message (protocol, "Modern front", 0). GET and DELETE are of the legacy era.
    pub fn era(&self) -> Era {
        self.era
    }

    /// What a single message's method means; `None` for answers, batches, GET and DELETE.
    pub fn method(&self) -> Option<Method> {
        self.method
    }

    /// Whether the answer may come in a coding that the client asked for: that of one request, by its method.
    pub fn may_be_encoded(&self) -> bool {
        let request = self.message().is_some_and(|message| message.kind == Kind::Request);
        request && self.method.is_some_and(Method::may_be_encoded)
    }

    /// Whom an error of ours would be addressed to.
    pub fn addressee(&self) -> Addressee {
        match &self.body {
            None => Addressee::Nobody,
            Some(Body::One(message)) => addressee(message, &self.bytes, self.era),
            Some(Body::Batch(messages)) => match ids(messages, &self.bytes) {
                none if none.is_empty() => {
                    let awaited = messages.iter().any(|message| is_awaited(message, &self.bytes));
                    Addressee::Notification { era: self.era, awaited }
                }
                ids => Addressee::Batch { ids, culprit: Culprit::All },
            },
        }
    }
}

fn addressee(message: &Message, bytes: &[u8], era: Era) -> Addressee {
    match (message.kind, &message.id) {
        (Kind::Request, Some(id)) => {
            let initialize = message.method.is_some_and(|method| method.is(bytes, "initialize"));
            Addressee::Request { era, initialize, id: OwnedId::of(id, bytes) }
        }
        _ => Addressee::Notification { era, awaited: is_awaited(message, bytes) },
    }
}

/// Whether somebody waits for a message that takes no answer: the server for an answer that it asked for, both sides for
/// the last step of a session's beginning. Of any other notification the specification promises nothing.
fn is_awaited(message: &Message, bytes: &[u8]) -> bool {
    let opens = |method: Value| method.is(bytes, "notifications/initialized");
    matches!(message.kind, Kind::Answer | Kind::Error) || message.method.is_some_and(opens)
}

fn ids(messages: &[Message], bytes: &[u8]) -> Vec<OwnedId> {
    let requests = messages.iter().filter(|message| message.kind == Kind::Request);
    requests.filter_map(|message| message.id.as_ref()).map(|id| OwnedId::of(id, bytes)).collect()
}

#[cfg(test)]
mod tests;
