//! Taking a server's answer: what shape it has, how much of it is read before the status goes out, and what passes.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::model::{Reason, Refusal};
use crate::net::upstream::{Collected, ResponseHead};
use crate::protocol::message::{Limits, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::respond::{self, Awaited, Events, Expected, Lesson, Other};
use crate::stages::session::SESSION_ID;
use crate::stages::upstream::Call;
use crate::stages::wellformed::Verb;

use super::exchange::{Exchange, Ready};
use super::relay::Relay;

/// Answers up to this many bytes are checked whole before their status goes out (protocol, "Answers").
const CHECKED_FIRST: usize = 64 * 1024;

/// Status and fields for the client.
#[derive(Debug)]
pub struct Head {
    /// The server's status.
    pub status: StatusCode,
    /// What passes of its fields, the sealed session id among them.
    pub headers: HeaderMap,
}

/// What goes to the client.
pub enum Answer {
    /// In one piece.
    Whole(Head, Bytes),
    /// Piece by piece.
    Stream(Head, Box<Relay>),
}

/// What a server's answer turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Redirect,
    Encoded,
    Empty,
    Events,
    Json,
    Other,
}

/// Takes the answer of a call.
pub(super) async fn take(exchange: &Exchange<'_, Ready>, call: Call, head: ResponseHead) -> Result<Answer, Refusal> {
    let taking = Taking { exchange, expected: expected(exchange), endpoint: call.fingerprint() };
    match shape(&head) {
        Shape::Redirect => taking.refuse("a redirect, which is never followed"),
        Shape::Encoded if taking.has_to_be_read() => taking.refuse("it is encoded, which was not asked for"),
        Shape::Events if head.status.is_success() => taking.events(call, head).await,
        Shape::Encoded => taking.unread(call, head),
        Shape::Empty if taking.awaits() && head.status.is_success() => taking.refuse("it is empty"),
        Shape::Empty => {
            call.finish();
            taking.whole(head, Bytes::new(), "")
        }
        Shape::Json => taking.json(call, head).await,
        Shape::Events | Shape::Other if taking.awaits() && head.status.is_success() => {
            taking.refuse("it is neither JSON nor an event stream")
        }
        Shape::Events | Shape::Other => taking.unread(call, head),
    }
}

fn shape(head: &ResponseHead) -> Shape {
    let value = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or("");
    let encoding = value(header::CONTENT_ENCODING).trim();
    if head.status.is_redirection() {
        return Shape::Redirect;
    }
    if head.length == Some(0) {
        return Shape::Empty;
    }
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Shape::Encoded;
    }
    let media = value(header::CONTENT_TYPE).split(';').next().unwrap_or("").trim();
    match () {
        () if media.eq_ignore_ascii_case("text/event-stream") => Shape::Events,
        () if media.eq_ignore_ascii_case("application/json") => Shape::Json,
        () => Shape::Other,
    }
}

fn expected(exchange: &Exchange<'_, Ready>) -> Expected {
    let message = exchange.message();
    let id = |of: &crate::protocol::message::Message| of.id.as_ref().map(|id| OwnedId::of(id, message.bytes()));
    let awaited = match (exchange.verb, message.message(), message.batch()) {
        (Verb::Get, _, _) => Awaited::Any,
        (_, Some(one), _) if one.method.is_some() => id(one).map_or(Awaited::None, Awaited::Request),
        (_, _, Some(batch)) => {
            let ids: Vec<_> = batch.iter().filter(|one| one.method.is_some()).filter_map(id).collect();
            if ids.is_empty() { Awaited::None } else { Awaited::Batch(ids) }
        }
        _ => Awaited::None,
    };
    let limits = Limits { depth: exchange.core.bounds.depth, ..Limits::default() };
    let first_page = message.message().is_some_and(|one| one.fields.cursor.is_none());
    let lesson = Lesson { server: exchange.route.server, first_page };
    Expected::new(awaited, message.era(), message.method(), limits).teaching(lesson)
}

struct Taking<'a, 'b> {
    exchange: &'a Exchange<'b, Ready>,
    expected: Expected,
    endpoint: u64,
}

impl Taking<'_, '_> {
    fn refuse(&self, why: &str) -> Result<Answer, Refusal> {
        let refusal = Refusal::new(Reason::UpstreamBadResponse, format!("the server's answer was refused: {why}"));
        Err(refusal.after_sending(self.expected.reads_only()))
    }

    fn awaits(&self) -> bool {
        matches!(self.expected.awaited, Awaited::Request(_) | Awaited::Batch(_))
    }

    fn has_to_be_read(&self) -> bool {
        self.exchange.verb == Verb::Get || self.expected.method.is_some_and(Method::answer_is_read)
    }

    /// JSON: whole where it is short or has to be read; else checked while it passes.
    async fn json(self, mut call: Call, head: ResponseHead) -> Result<Answer, Refusal> {
        let limit = if self.has_to_be_read() { self.exchange.core.bounds.event } else { CHECKED_FIRST };
        match call.whole(limit).await? {
            Collected::Whole(bytes) => {
                call.finish();
                self.checked(head, bytes)
            }
            Collected::Longer(_) if self.has_to_be_read() => {
                self.refuse("it is larger than `[http] event` allows for answers that have to be read")
            }
            Collected::Longer(_) if !self.awaits() => self.refuse("a long body where no answer was asked for"),
            Collected::Longer(begun) => {
                let (length, reply) = (head.length, self.head(head, "")?);
                Ok(Answer::Stream(reply, Box::new(Relay::long(call, self.expected, begun, length)?)))
            }
        }
    }

    fn checked(self, head: ResponseHead, bytes: Bytes) -> Result<Answer, Refusal> {
        if !self.awaits() && head.status.is_success() {
            // The specification has no body here; what a server says unasked goes no further.
            return self.whole(head, Bytes::new(), "");
        }
        let other = if head.status.is_success() { Other::Refused } else { Other::Allowed };
        let checked = respond::whole(self.expected.clone(), bytes, other, &self.exchange.core.observer)?;
        self.whole(head, checked.bytes, checked.revision.as_deref().unwrap_or(""))
    }

    fn whole(self, head: ResponseHead, bytes: Bytes, revision: &str) -> Result<Answer, Refusal> {
        Ok(Answer::Whole(self.head(head, revision)?, bytes))
    }

    /// Nothing here has to read it: it passes as it comes.
    fn unread(self, call: Call, head: ResponseHead) -> Result<Answer, Refusal> {
        let (length, reply) = (head.length, self.head(head, "")?);
        Ok(Answer::Stream(reply, Box::new(Relay::unread(call, length))))
    }

    /// An event stream. The head of an answer to `initialize` waits for the message that names the revision.
    async fn events(self, call: Call, head: ResponseHead) -> Result<Answer, Refusal> {
        let core = self.exchange.core;
        let events = Events::new(self.expected.clone(), core.bounds.event);
        let mut relay = Relay::events(call, events);
        let mut revision = String::new();
        if self.expected.method == Some(Method::Initialize) {
            revision = relay.until_answered(core.bounds.event, &core.observer).await?;
        }
        let mut reply = self.head(head, &revision)?;
        reply.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        reply.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        Ok(Answer::Stream(reply, Box::new(relay)))
    }

    fn head(&self, head: ResponseHead, revision: &str) -> Result<Head, Refusal> {
        let upstream = head.headers.get(SESSION_ID).cloned();
        let mut headers = respond::passing(head.headers);
        if let Some(upstream) = upstream.filter(|_| self.expected.era == Era::Legacy) {
            // Not visible ASCII is as unsealable as empty.
            let upstream = upstream.to_str().unwrap_or("");
            let sealed =
                self.exchange.progress.bound.outgoing(&self.exchange.seal(), upstream, self.endpoint, revision);
            headers.insert(SESSION_ID, sealed?);
        }
        Ok(Head { status: head.status, headers })
    }
}
