//! The order in which a message is checked (protocol, "Modern front"; security, "Reading a message").

use std::borrow::Cow;
use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body as HttpBody;

use crate::catalog::Catalog;
use crate::model::{Addressee, Reason, Refusal, Refused};
use crate::protocol::headers::{self, Fault, Mismatch};
use crate::protocol::json::quoted;
use crate::protocol::media;
use crate::protocol::message::{self, Body, Glimpsed, Kind, Limits, Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::{Era, Revision, SERVED_MODERN};

use super::body::{self, Bounds};
use super::{Verb, WellFormed};

/// What the checks go by.
#[derive(Clone, Copy)]
pub struct Checks<'a> {
    /// Bytes of a body.
    pub body: usize,
    /// Nesting of a message.
    pub depth: u16,
    /// What the servers were seen to offer.
    pub catalog: &'a Catalog,
    /// The server behind the route.
    pub server: usize,
    /// Where it is told how long the body was waited for, after what had come with its head.
    pub awaited: &'a Cell<Duration>,
}

/// Reads and checks a request. GET and DELETE have no body (the head guard sees to that) and pass.
///
/// # Errors
/// The refusals of the table that concern a message, each with whom it is addressed to.
pub async fn read<B>(checks: &Checks<'_>, verb: Verb, headers: &HeaderMap, body: B) -> Result<WellFormed, Refused>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if verb != Verb::Post {
        return Ok(WellFormed { bytes: Bytes::new(), body: None, era: Era::Legacy, method: None });
    }
    readable(headers).map_err(to_nobody)?;
    let limits = Limits { depth: checks.depth, ..Limits::default() };
    let bounds = Bounds { bytes: checks.body, limits, asks_first: headers.contains_key(header::EXPECT) };
    let bytes = pin!(body::collect(body, &bounds, checks.awaited)).await.map_err(|missed| unheld(*missed, headers))?;
    let body = message::read_client(&bytes, &limits).map_err(|fault| unreadable(&fault, &bytes))?;
    let (era, checked) = match &body {
        Body::One(message) => match headers::era(headers, message.meta.protocol_version.is_some(), false) {
            Era::Modern => (Era::Modern, modern(checks, headers, message, &bytes)),
            Era::Legacy => (Era::Legacy, one_version(headers)),
        },
        // Where no batch is allowed nothing of it counts as read, so the error is nobody's.
        Body::Batch(messages) => {
            batch(headers, messages, &bytes).map_err(to_nobody)?;
            (Era::Legacy, Ok(()))
        }
    };
    let method = method(&body, &bytes);
    let message = WellFormed { bytes, body: Some(body), era, method };
    match checked {
        Ok(()) => Ok(message),
        Err(refusal) => Err(Box::new((refusal, message.addressee()))),
    }
}

/// What is no JSON in UTF-8 is not read. An encoded body, or one in another charset, would be read differently by us
/// and by a server that decodes it; the media type itself is for the server to judge.
fn readable(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |what: &'static str| Err(Refusal::new(Reason::UnsupportedMediaType, what));
    let encodings = headers.get_all(header::CONTENT_ENCODING);
    if encodings.iter().any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return unsupported("a request body with Content-Encoding is not taken; send it as it is");
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(media) = types.next() else { return Ok(()) };
    if types.next().is_some() {
        return unsupported("two Content-Type headers");
    }
    match media.to_str() {
        Ok(value) if media::is_utf8(value) => Ok(()),
        Ok(_) => unsupported("a Content-Type of another charset than utf-8, or with malformed parameters"),
        Err(_) => unsupported("a Content-Type outside visible ASCII"),
    }
}

fn method(body: &Body, bytes: &[u8]) -> Option<Method> {
    let Body::One(message) = body else { return None };
    message.method.and_then(|method| method.text(bytes)).map(|name| Method::of(&name))
}

/// A message of 2026-07-28 and later: version, then names. Parameters come later, see [`params`].
fn modern(checks: &Checks<'_>, headers: &HeaderMap, message: &Message, bytes: &[u8]) -> Result<(), Refusal> {
    if matches!(message.kind, Kind::Answer | Kind::Error) {
        return Err(Refusal::new(Reason::InvalidRequest, "2026-07-28 has no posted answers; use inputResponses"));
    }
    let version = headers::check_version(headers, message, bytes).map_err(faulty)?;
    if let Some(version) = version.filter(|version| !is_served_modern(version)) {
        return Err(unsupported_version(checks, &version));
    }
    headers::check_names(headers, message, bytes).map_err(mismatch)
}

/// Checks what the headers of a call mirror of its arguments. It comes once the caller may use the tool: what is wrong
/// with the headers of one tells that it exists.
///
/// # Errors
/// `header_mismatch`.
pub fn params(catalog: &Catalog, server: usize, headers: &HeaderMap, read: &WellFormed) -> Result<(), Refusal> {
    let Some(message) = read.message().filter(|_| read.era() == Era::Modern) else { return Ok(()) };
    let bytes = read.bytes();
    let Some(name) = message.fields.name.filter(|_| is_call(message, bytes)).and_then(|name| name.text(bytes)) else {
        return Ok(());
    };
    // What is not known, or is defined wrongly, is for its server to judge.
    match catalog.tool(server, &name).as_deref().map(|tool| &tool.params) {
        Some(Ok(params)) => {
            // What an argument is, the caller is told, and no log.
            params.check(headers, message.fields.arguments, bytes).map_err(|found| mismatch(found).noted(&UNLIKE))
        }
        Some(Err(_)) | None => Ok(()),
    }
}

/// What the log says of headers that do not say what the arguments do.
const UNLIKE: &str = "an Mcp-Param-* header does not say what the arguments do; the caller is told which";

fn is_call(message: &Message, bytes: &[u8]) -> bool {
    message.kind == Kind::Request && message.method.is_some_and(|method| method.is(bytes, "tools/call"))
}

fn is_served_modern(version: &str) -> bool {
    Revision::parse(version).is_some_and(|revision| SERVED_MODERN.contains(&revision))
}

fn faulty(fault: Fault) -> Refusal {
    match fault {
        Fault::Mismatch(found) => mismatch(found),
        Fault::Envelope(_) => Refusal::new(Reason::InvalidParams, fault.to_string()),
    }
}

fn mismatch(found: Mismatch) -> Refusal {
    Refusal::new(Reason::HeaderMismatch, found.to_string())
}

/// `supported` names the modern revisions that this route serves: ours, cut to the server's own where they were seen.
fn unsupported_version(checks: &Checks<'_>, requested: &str) -> Refusal {
    let known = checks.catalog.supported(checks.server);
    let serves = |revision: &&Revision| known.as_ref().is_none_or(|known| known.contains(**revision));
    let supported: Vec<_> = SERVED_MODERN.iter().filter(serves).map(|revision| format!("\"{revision}\"")).collect();
    let requested: Cow<'_, str> = requested.chars().take(64).collect();
    let quoted = quoted(&requested);
    Refusal::new(Reason::UnsupportedVersion, format!("protocol version {quoted} is not served here"))
        .with_data(format!("\"supported\":[{}],\"requested\":{quoted}", supported.join(",")))
}

/// The legacy era asks nothing of the header but that there is one.
fn one_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get_all(headers::MCP_PROTOCOL_VERSION).iter().nth(1) {
        Some(_) => Err(Refusal::new(Reason::HeaderMismatch, "two MCP-Protocol-Version headers")),
        None => Ok(()),
    }
}

/// Batches are of 2025-03-26 alone, and none opens a conversation. A session may say more: see [`no_batch`].
fn batch(headers: &HeaderMap, messages: &[Message], bytes: &[u8]) -> Result<(), Refusal> {
    one_version(headers)?;
    let named = headers.get(headers::MCP_PROTOCOL_VERSION);
    if named.is_some_and(|version| version.as_bytes().trim_ascii() != Revision::V2025_03_26.as_str().as_bytes()) {
        return Err(no_batch());
    }
    let initialize = |message: &Message| message.method.is_some_and(|method| method.is(bytes, "initialize"));
    match messages.iter().any(initialize) {
        true => Err(Refusal::new(Reason::InvalidRequest, "initialize may not be part of a batch")),
        false => Ok(()),
    }
}

/// The refusal of a batch in a conversation of another revision.
pub fn no_batch() -> Refusal {
    Refusal::new(Reason::InvalidRequest, "batches are of 2025-03-26 alone; send each message on its own")
}

fn to_nobody(refusal: Refusal) -> Refused {
    Box::new((refusal, Addressee::Nobody))
}

/// A body that was not held whole, with what was seen of it. Its era goes by what was seen as well: where the header names
/// a revision of the session era, or none, the envelope may have been out of sight.
fn unheld((refusal, glimpsed): (Refusal, Glimpsed), headers: &HeaderMap) -> Refused {
    let era = |envelope| headers::era(headers, envelope, false);
    let addressee = match glimpsed {
        Glimpsed::Nothing => Addressee::Nobody,
        Glimpsed::Request { id, initialize, envelope } => Addressee::Request { era: era(envelope), initialize, id },
        Glimpsed::Notification { awaited, envelope } => Addressee::Notification { era: era(envelope), awaited },
    };
    Box::new((refusal, addressee))
}

/// A body that the strict pass refuses. It is answered before a message was read, so the status is the table's.
fn unreadable(fault: &message::Fault, bytes: &[u8]) -> Refused {
    let reason = if fault.is_parse_error() { Reason::ParseError } else { Reason::InvalidRequest };
    let refusal = Refusal::new(reason, fault.to_string());
    let addressee = fault.id.as_ref().map_or(Addressee::Nobody, |id| Addressee::Unread(OwnedId::of(id, bytes)));
    Box::new((refusal, addressee))
}
