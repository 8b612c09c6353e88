//! Taking a server's answer: how much of it is read before the status goes out, and what passes.

use std::pin::pin;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::model::Refusal;
use crate::net::upstream::{Collected, ResponseHead};
use crate::protocol::message::{Limits, Message, OwnedId, Progressive};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::respond::{self, Awaited, Checked, Events, Expected, Lesson, Promises};
use crate::stages::session::SESSION_ID;
use crate::stages::upstream::Call;
use crate::stages::wellformed::Verb;

use super::exchange::{Exchange, Ready};
use super::redacting;
use super::relay::Relay;
use super::way::Way;

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

/// Takes the answer of a call.
pub(super) async fn take(
    exchange: &Exchange<'_, Ready<'_>>,
    mut call: Call,
    head: ResponseHead,
) -> Result<Answer, Refusal> {
    let (expected, bounds) = (expected(exchange), &exchange.core.bounds);
    // The head of a stream is all that is waited for here; a whole answer is waited for below.
    exchange.seen.comes();
    let way = Way::of(exchange.verb, &head, &expected);
    let limit = match way {
        Way::Refuse(why) => {
            // Nobody waits for the rest of it.
            call.cut();
            return Err(respond::bad(why, expected.reads_only));
        }
        Way::Events => {
            if let Some(promises) = expected.promises().filter(|_| exchange.message().era() == Era::Legacy) {
                promises.remember();
            }
            let opens = expected.method == Some(Method::Initialize) && expected.awaits();
            let stream = Events::new(exchange.id, expected, bounds.event);
            let relay = Relay::events(call, stream, bounds.after_answer);
            // Its own box: the usual answer need not carry the room for this one.
            return Box::pin(events(exchange, head, Box::new(relay), opens)).await;
        }
        Way::Unread => {
            let (endpoint, length) = (call.fingerprint(), head.length);
            let relay = Box::new(Relay::unread(call, Bytes::new(), length));
            return stream(reply(exchange, endpoint, head, ""), relay);
        }
        Way::ReadWhole => bounds.event,
        // What may be shown only in part is never passed on unread.
        Way::LookAt if expected.is_cut() => bounds.event,
        Way::Check | Way::LookAt | Way::Pass | Way::StatusAlone => CHECKED_FIRST,
    };
    let read = pin!(call.whole(limit)).await;
    exchange.seen.comes();
    let taking = Taking { exchange, call, head, expected };
    match (way, read) {
        (Way::StatusAlone, read) => taking.status_alone(matches!(read, Ok(Collected::Whole(_)))),
        (_, Err(refusal)) => Err(refusal),
        (Way::Check | Way::ReadWhole, Ok(Collected::Whole(bytes))) => taking.checked(bytes),
        (Way::Check, Ok(Collected::Longer(begun))) if taking.expected.may_hold_sealed() => {
            // Its own box: the usual answer need not carry the room for this one.
            Box::pin(taking.long_or_sealed(begun)).await
        }
        (Way::Check, Ok(Collected::Longer(begun))) => taking.long(begun),
        (Way::ReadWhole, Ok(Collected::Longer(_))) => taking.too_long(),
        (Way::LookAt, Ok(Collected::Longer(_))) if taking.expected.is_cut() => taking.too_long(),
        (way, Ok(Collected::Whole(bytes))) => taking.unjudged(bytes, way == Way::LookAt),
        (_, Ok(Collected::Longer(begun))) => taking.unread(begun),
    }
}

fn expected(exchange: &Exchange<'_, Ready<'_>>) -> Expected {
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
    let sight = exchange.progress.permitted.limited();
    expected
        .reading_only(exchange.reads_only())
        .teaching(lesson)
        .showing(sight, &exchange.route.meter, &exchange.core.memo)
        .sealing(exchange.route.binder.as_ref(), exchange.principal())
        .asked_by(message.message(), message.bytes())
        .promising(promises(exchange))
        .redacting(redacting::of(exchange))
}

/// What calls were promised that may be answered here.
fn promises(exchange: &Exchange<'_, Ready<'_>>) -> Option<Promises> {
    let refuses = exchange.route.checks.as_ref()?.answers()?;
    let (promises, meter) = (&exchange.progress.promises, &exchange.route.meter.calls);
    match exchange.verb {
        Verb::Get => Some(Promises::replayed(refuses, exchange.memory(), meter)),
        _ => (!promises.is_empty()).then(|| Promises::of(promises, exchange.memory(), meter)),
    }
}

/// An event stream. Where it `opens` a session, its head waits for the message that names the revision.
async fn events(
    exchange: &Exchange<'_, Ready<'_>>,
    head: ResponseHead,
    mut relay: Box<Relay>,
    opens: bool,
) -> Result<Answer, Refusal> {
    let (core, endpoint) = (exchange.core, relay.fingerprint());
    let mut revision = String::new();
    if opens {
        revision = relay.until_answered(core.bounds.event, &core.observer).await?;
    }
    let reply = reply(exchange, endpoint, head, &revision).map(|mut reply| {
        reply.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        reply.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        reply
    });
    stream(reply, relay)
}

/// An answer of which head and beginning have come.
struct Taking<'a, 'b> {
    exchange: &'a Exchange<'b, Ready<'b>>,
    call: Call,
    head: ResponseHead,
    expected: Expected,
}

impl Taking<'_, '_> {
    fn checked(self, bytes: Bytes) -> Result<Answer, Refusal> {
        let endpoint = self.call.fingerprint();
        self.call.finish();
        let Checked { bytes, revision } = respond::whole(self.expected, bytes, &self.exchange.core.observer)?;
        let revision = revision.as_deref().unwrap_or("");
        Ok(Answer::Whole(reply(self.exchange, endpoint, self.head, revision)?, bytes))
    }

    fn unjudged(self, bytes: Bytes, looked_at: bool) -> Result<Answer, Refusal> {
        let endpoint = self.call.fingerprint();
        self.call.finish();
        let bytes = if looked_at { respond::failed(self.expected, bytes)? } else { bytes };
        Ok(Answer::Whole(reply(self.exchange, endpoint, self.head, "")?, bytes))
    }

    fn status_alone(self, was_read: bool) -> Result<Answer, Refusal> {
        let endpoint = self.call.fingerprint();
        // Read or not: the status has come, and says all.
        if was_read {
            self.call.finish()
        } else {
            self.call.cut()
        }
        let mut reply = reply(self.exchange, endpoint, self.head, "")?;
        reply.headers.remove(header::CONTENT_TYPE);
        reply.headers.remove(header::CONTENT_ENCODING);
        Ok(Answer::Whole(reply, Bytes::new()))
    }

    /// A long answer passes as it comes, unless its beginning holds what has to be sealed: then the rest is waited for.
    async fn long_or_sealed(mut self, begun: Bytes) -> Result<Answer, Refusal> {
        let mut beginning = Progressive::new(&self.expected.limits);
        // What is wrong with it is found where it passes.
        if beginning.push(&begun).is_err() || !beginning.is_brought_back() {
            return self.long(begun);
        }
        let mut whole = Vec::from(begun);
        while let Some(piece) = self.call.chunk().await? {
            whole.extend_from_slice(&piece);
            if whole.len() > self.exchange.core.bounds.event {
                return self.too_long();
            }
        }
        self.checked(whole.into())
    }

    fn long(self, begun: Bytes) -> Result<Answer, Refusal> {
        let (endpoint, length) = (self.call.fingerprint(), self.head.length);
        let relay = Box::new(Relay::long(self.call, self.expected, begun, length)?);
        stream(reply(self.exchange, endpoint, self.head, ""), relay)
    }

    fn unread(self, begun: Bytes) -> Result<Answer, Refusal> {
        let (endpoint, length) = (self.call.fingerprint(), self.head.length);
        let relay = Box::new(Relay::unread(self.call, begun, length));
        stream(reply(self.exchange, endpoint, self.head, ""), relay)
    }

    fn too_long(self) -> Result<Answer, Refusal> {
        self.call.cut();
        let why = "it is larger than `[http] event` allows for answers that have to be read";
        Err(respond::bad(why, self.expected.reads_only))
    }
}

/// The head for the client. The server's session id is sealed, in the era that has sessions.
fn reply(
    exchange: &Exchange<'_, Ready<'_>>,
    endpoint: u64,
    head: ResponseHead,
    revision: &str,
) -> Result<Head, Refusal> {
    let legacy = exchange.message().era() == Era::Legacy;
    let upstream = if legacy { head.headers.get(SESSION_ID).cloned() } else { None };
    let mut headers = respond::passing(head.headers);
    if let Some(upstream) = upstream {
        // Not visible ASCII is as unsealable as empty.
        let upstream = upstream.to_str().unwrap_or("");
        let sealed = exchange.progress.bound.outgoing(&exchange.seal(), upstream, endpoint, revision)?;
        headers.insert(SESSION_ID, sealed);
    }
    Ok(Head { status: head.status, headers })
}

fn stream(reply: Result<Head, Refusal>, relay: Box<Relay>) -> Result<Answer, Refusal> {
    match reply {
        Ok(reply) => Ok(Answer::Stream(reply, relay)),
        Err(refusal) => {
            relay.cut();
            Err(refusal)
        }
    }
}
