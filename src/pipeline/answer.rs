//! Taking a server's answer: what shape it has, how much of it is read before the status goes out, and what passes.
//!
//! | status | asked by | what passes |
//! | --- | --- | --- |
//! | 3xx | anything | nothing: a redirect is never followed |
//! | 4xx, 5xx | anything | it, as the server's own verdict |
//! | 2xx | a POST with a request | an answer to that request, as JSON or as events |
//! | 2xx | a POST without one | events, or the status alone |
//! | 2xx | GET, DELETE | events, or whatever it is |

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::model::Refusal;
use crate::net::upstream::{Collected, ResponseHead};
use crate::protocol::media;
use crate::protocol::message::{Limits, Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::respond::{self, Awaited, Checked, Events, Expected, Lesson};
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

/// What a body turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Empty,
    /// In a coding.
    Encoded,
    Events,
    Json,
    Other,
}

/// Takes the answer of a call.
pub(super) async fn take(exchange: &Exchange<'_, Ready>, call: Call, head: ResponseHead) -> Result<Answer, Refusal> {
    let (status, shape) = (head.status, shape(&head));
    let taking = Taking { exchange, call, head, expected: expected(exchange) };
    if status.is_redirection() {
        return taking.refuse("a redirect, which is never followed");
    }
    if !status.is_success() {
        return taking.unjudged(shape == Shape::Json).await;
    }
    match shape {
        Shape::Events => taking.events().await,
        Shape::Encoded if exchange.verb == Verb::Get => taking.refuse("it is encoded, which was not asked for"),
        _ if exchange.verb != Verb::Post => taking.unjudged(false).await,
        _ if !taking.expected.awaits() => taking.status_alone().await,
        Shape::Json => taking.json().await,
        Shape::Empty => taking.refuse("it is empty"),
        Shape::Encoded if exchange.message().may_be_encoded() => taking.unread(),
        Shape::Encoded => taking.refuse("it is encoded, which was not asked for"),
        Shape::Other => taking.refuse("it is neither JSON in UTF-8 nor an event stream"),
    }
}

fn shape(head: &ResponseHead) -> Shape {
    if head.length == Some(0) {
        return Shape::Empty;
    }
    let is_identity = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if !head.headers.get_all(header::CONTENT_ENCODING).iter().all(is_identity) {
        return Shape::Encoded;
    }
    let mut types = head.headers.get_all(header::CONTENT_TYPE).iter();
    // Of two types nobody knows which one counts.
    let (Some(Ok(only)), None) = (types.next().map(HeaderValue::to_str), types.next()) else { return Shape::Other };
    match media::essence(only) {
        // Always in UTF-8, whatever it says (WHATWG HTML, 9.2.5).
        events if events.eq_ignore_ascii_case("text/event-stream") => Shape::Events,
        json if json.eq_ignore_ascii_case("application/json") && media::is_utf8(only) => Shape::Json,
        _ => Shape::Other,
    }
}

fn expected(exchange: &Exchange<'_, Ready>) -> Expected {
    let message = exchange.message();
    let id = |of: &Message| of.id.as_ref().filter(|_| of.method.is_some()).map(|id| OwnedId::of(id, message.bytes()));
    let awaited = match (exchange.verb, message.message(), message.batch()) {
        (Verb::Get, _, _) => Awaited::Any,
        (_, Some(one), _) => id(one).map_or(Awaited::None, Awaited::Request),
        (_, _, Some(batch)) if batch.iter().any(|one| id(one).is_some()) => {
            Awaited::Batch(batch.iter().filter_map(id).collect())
        }
        _ => Awaited::None,
    };
    let limits = Limits { depth: exchange.core.bounds.depth, ..Limits::default() };
    let first_page = message.message().is_some_and(|one| one.fields.cursor.is_none());
    let lesson = Lesson { server: exchange.route.server, first_page };
    let expected = Expected::new(awaited, message.era(), message.method(), limits);
    expected.reading_only(exchange.reads_only()).teaching(lesson)
}

/// An answer of which the head has come.
struct Taking<'a, 'b> {
    exchange: &'a Exchange<'b, Ready>,
    call: Call,
    head: ResponseHead,
    expected: Expected,
}

impl Taking<'_, '_> {
    /// Nobody waits for the rest of what is refused.
    fn refuse(self, why: &str) -> Result<Answer, Refusal> {
        self.call.cut();
        Err(respond::bad(why, self.expected.reads_only))
    }

    /// JSON that answers: whole where it is short or has to be read; else checked while it passes.
    async fn json(mut self) -> Result<Answer, Refusal> {
        let has_to_be_read = self.expected.method.is_some_and(Method::answer_is_read);
        let limit = if has_to_be_read { self.exchange.core.bounds.event } else { CHECKED_FIRST };
        match self.call.whole(limit).await? {
            Collected::Whole(bytes) => {
                let endpoint = self.call.fingerprint();
                self.call.finish();
                let Checked { bytes, revision } = respond::whole(self.expected, bytes, &self.exchange.core.observer)?;
                let revision = revision.as_deref().unwrap_or("");
                Ok(Answer::Whole(reply(self.exchange, endpoint, self.head, revision)?, bytes))
            }
            Collected::Longer(_) if has_to_be_read => {
                self.refuse("it is larger than `[http] event` allows for answers that have to be read")
            }
            Collected::Longer(begun) => {
                let (endpoint, length) = (self.call.fingerprint(), self.head.length);
                let relay = Relay::long(self.call, self.expected, begun, length)?;
                stream(reply(self.exchange, endpoint, self.head, ""), relay)
            }
        }
    }

    /// A failure, or what answers nothing. A short failure in JSON is looked at, lest somebody else's result passes.
    async fn unjudged(mut self, looked_at: bool) -> Result<Answer, Refusal> {
        let (endpoint, length) = (self.call.fingerprint(), self.head.length);
        match self.call.whole(CHECKED_FIRST).await? {
            Collected::Whole(bytes) => {
                self.call.finish();
                let bytes = if looked_at { respond::failed(self.expected, bytes)? } else { bytes };
                Ok(Answer::Whole(reply(self.exchange, endpoint, self.head, "")?, bytes))
            }
            Collected::Longer(begun) => {
                let relay = Relay::unread(self.call, begun, length);
                stream(reply(self.exchange, endpoint, self.head, ""), relay)
            }
        }
    }

    /// In a coding that the client asked for: it passes as it comes, unread.
    fn unread(self) -> Result<Answer, Refusal> {
        let (endpoint, length) = (self.call.fingerprint(), self.head.length);
        let relay = Relay::unread(self.call, Bytes::new(), length);
        stream(reply(self.exchange, endpoint, self.head, ""), relay)
    }

    /// The specification has no body here (202); what a server says unasked goes no further.
    async fn status_alone(mut self) -> Result<Answer, Refusal> {
        let endpoint = self.call.fingerprint();
        match self.call.whole(CHECKED_FIRST).await {
            Ok(Collected::Whole(_)) => self.call.finish(),
            // The status has come, and says all.
            Ok(Collected::Longer(_)) | Err(_) => self.call.cut(),
        }
        let mut reply = reply(self.exchange, endpoint, self.head, "")?;
        reply.headers.remove(header::CONTENT_TYPE);
        reply.headers.remove(header::CONTENT_ENCODING);
        Ok(Answer::Whole(reply, Bytes::new()))
    }

    /// An event stream. The head of an answer to `initialize` waits for the message that names the revision.
    async fn events(self) -> Result<Answer, Refusal> {
        let core = self.exchange.core;
        let endpoint = self.call.fingerprint();
        let opens = self.expected.method == Some(Method::Initialize) && self.expected.awaits();
        let mut relay = Relay::events(self.call, Events::new(self.expected, core.bounds.event));
        let mut revision = String::new();
        if opens {
            revision = relay.until_answered(core.bounds.event, &core.observer).await?;
        }
        let reply = reply(self.exchange, endpoint, self.head, &revision).map(|mut reply| {
            reply.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            reply.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
            reply
        });
        stream(reply, relay)
    }
}

/// The head for the client. The server's session id is sealed, in the era that has sessions.
fn reply(exchange: &Exchange<'_, Ready>, endpoint: u64, head: ResponseHead, revision: &str) -> Result<Head, Refusal> {
    let legacy = exchange.message().era() == Era::Legacy;
    let upstream = head.headers.get(SESSION_ID).filter(|_| legacy).cloned();
    let mut headers = respond::passing(head.headers);
    if let Some(upstream) = upstream {
        // Not visible ASCII is as unsealable as empty.
        let upstream = upstream.to_str().unwrap_or("");
        let sealed = exchange.progress.bound.outgoing(&exchange.seal(), upstream, endpoint, revision)?;
        headers.insert(SESSION_ID, sealed);
    }
    Ok(Head { status: head.status, headers })
}

fn stream(reply: Result<Head, Refusal>, relay: Relay) -> Result<Answer, Refusal> {
    match reply {
        Ok(reply) => Ok(Answer::Stream(reply, Box::new(relay))),
        Err(refusal) => {
            relay.cut();
            Err(refusal)
        }
    }
}
