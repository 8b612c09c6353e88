//! The era with sessions (2025-03-26 to 2025-11-25): `initialize` first, then messages that name their session.
//!
//! What needs no session is answered without one, so that a single line of `curl` shows something.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{HeaderMap, HeaderName, StatusCode, header};

use crate::protocol::headers::MCP_PROTOCOL_VERSION;
use crate::protocol::message::{Kind, Message};
use crate::protocol::revision::{Era, NEWEST_LEGACY, Revision};

use super::asked::{Answered, Asked};
use super::news::{Listener, News};
use super::notes::URI;
use super::reply::Failure;
use super::sessions::{Session, Wait};
use super::site::{Path, Site};
use super::stream::{Stream, Work};
use super::{methods, question};

/// The header that names a session.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Answers a message; with it the id of the session that it opened.
pub(super) fn answer(
    site: &Arc<Site>,
    path: Path,
    headers: &HeaderMap,
    message: &Message,
    bytes: &[u8],
) -> Result<(Answered, Option<String>), Failure> {
    version(headers)?;
    let method = message.method.and_then(|method| method.text(bytes)).unwrap_or_default();
    if let (Kind::Request, "initialize", Some(id)) = (message.kind, &*method, &message.id) {
        let (members, session) = initialize(site, path, message, bytes)?;
        let asked = Asked { site, path, era: Era::Legacy, session: None, message, bytes, id: id.raw(bytes) };
        return Ok((asked.result(&members)?, Some(session)));
    }
    let session = session(site, headers)?;
    let accepted = Ok((Answered::Status(StatusCode::ACCEPTED), None));
    let Some(id) = message.id else {
        if let (Some(session), "notifications/cancelled") = (&session, &*method) {
            cancel(session, message, bytes);
        }
        return accepted;
    };
    let id = id.raw(bytes);
    if message.kind != Kind::Request {
        let number = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        let (Some(session), Some(number)) = (session, number) else { return Err(nobody_asked()) };
        let heard = session.tell(&Wait::Answer(number), message.span.of(bytes).to_vec());
        return if heard { accepted } else { Err(nobody_asked()) };
    }
    let asked = Asked { site, path, era: Era::Legacy, session: session.as_ref(), message, bytes, id };
    let answered = match &*method {
        "ping" => asked.result(""),
        "resources/subscribe" if path == Path::Sample => subscribe(&asked, true),
        "resources/unsubscribe" if path == Path::Sample => subscribe(&asked, false),
        method => methods::answer(&asked, method),
    };
    Ok((answered?, None))
}

/// Answers a batch (2025-03-26 alone): the answers of its requests, none of which may be a stream.
pub(super) fn batch(
    site: &Arc<Site>,
    path: Path,
    headers: &HeaderMap,
    messages: &[Message],
    bytes: &[u8],
) -> Result<Answered, Failure> {
    let oldest = Revision::V2025_03_26;
    let named = headers.get(MCP_PROTOCOL_VERSION).is_none_or(|version| version == oldest.as_str());
    if !named || session(site, headers)?.is_some_and(|session| session.revision != oldest) {
        return Err(Failure::request("batches are of 2025-03-26 alone"));
    }
    let mut answers: Vec<Vec<u8>> = Vec::new();
    for message in messages {
        let is_initialize = message.method.is_some_and(|method| method.is(bytes, "initialize"));
        let answered = match is_initialize {
            true => Err(Failure::request("initialize may not be part of a batch")),
            false => answer(site, path, headers, message, bytes),
        };
        let id = message.id.filter(|_| message.kind == Kind::Request);
        let alone = || Failure::request("this cannot be part of a batch; send it on its own");
        match (answered, id) {
            (_, None) => {}
            (Ok((Answered::Text(text), _)), Some(_)) => answers.push(text),
            (Ok(_), Some(id)) => answers.push(alone().text(Some(id.raw(bytes)))),
            (Err(failure), Some(id)) => answers.push(failure.text(Some(id.raw(bytes)))),
        }
    }
    if answers.is_empty() {
        return Ok(Answered::Status(StatusCode::ACCEPTED));
    }
    Ok(Answered::Text([b"[", &*answers.join(&b","[..]), b"]"].concat()))
}

/// Opens the stream of a session (GET).
pub(super) fn listen(site: &Arc<Site>, headers: &HeaderMap) -> Result<Stream, Failure> {
    version(headers)?;
    let session = session(site, headers)?.ok_or_else(without_session)?;
    let accepts = headers.get(header::ACCEPT).is_none_or(|accept| {
        accept.to_str().is_ok_and(|accept| accept.contains("text/event-stream") || accept.contains("*/*"))
    });
    if !accepts {
        return Err(Failure::new(-32600, StatusCode::NOT_ACCEPTABLE, "Accept must name text/event-stream"));
    }
    let work = Work::News(News::new(site, Listener::Session(Arc::clone(&session))));
    Ok(Stream::new(site, Some(&session), work))
}

/// Ends a session (DELETE).
pub(super) fn end(site: &Arc<Site>, headers: &HeaderMap) -> Result<(), Failure> {
    version(headers)?;
    let id = named(headers)?.ok_or_else(without_session)?;
    if site.sessions.end(id) { Ok(()) } else { Err(no_such_session()) }
}

fn initialize(site: &Site, path: Path, message: &Message, bytes: &[u8]) -> Result<(String, String), Failure> {
    let fields = &message.fields;
    let asked = fields.protocol_version.and_then(|version| version.text(bytes));
    let asked = asked.ok_or_else(|| Failure::parameters("`protocolVersion` must be a string"))?;
    let known = Revision::parse(&asked).filter(|revision| revision.is_served() && revision.era() == Era::Legacy);
    let revision = known.unwrap_or(NEWEST_LEGACY);
    let elicitation = fields.capabilities.is_some_and(|found| question::can_be_asked(bytes, found.span));
    let id = site.sealer.seal(&[b"session"], b"");
    site.sessions.enter(id.clone(), revision, elicitation);
    Ok((format!(r#""protocolVersion":"{revision}",{}"#, methods::about(path)), id))
}

fn cancel(session: &Session, message: &Message, bytes: &[u8]) {
    if let Some(call) = message.fields.request_id {
        session.tell(&Wait::Cancel(call.raw(bytes).to_vec()), Vec::new());
    }
}

fn subscribe(asked: &Asked<'_>, subscribes: bool) -> Result<Answered, Failure> {
    let uri = asked.text(asked.message.fields.uri, "uri")?.ok_or_else(|| Failure::parameters("`uri` is missing"))?;
    let Some(session) = asked.session else { return Err(without_session()) };
    if *uri == *URI {
        session.subscribed.store(subscribes, Ordering::Relaxed);
    } else if super::catalog::of_uri(&uri).is_none() {
        return Err(methods::unknown(Era::Legacy, &uri));
    }
    asked.result("")
}

/// Only a revision that is served may be named ("Protocol Version Header").
fn version(headers: &HeaderMap) -> Result<(), Failure> {
    let mut named = headers.get_all(MCP_PROTOCOL_VERSION).iter();
    let known = named.next().is_none_or(|version| {
        version.to_str().ok().and_then(|version| Revision::parse(version.trim())).is_some_and(Revision::is_served)
    });
    if known && named.next().is_none() {
        Ok(())
    } else {
        Err(Failure::request("this MCP-Protocol-Version is not served"))
    }
}

/// The session that a request names.
fn session(site: &Site, headers: &HeaderMap) -> Result<Option<Arc<Session>>, Failure> {
    match named(headers)? {
        None => Ok(None),
        Some(id) => site.sessions.find(id).map(Some).ok_or_else(no_such_session),
    }
}

fn named(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut ids = headers.get_all(SESSION).iter();
    match (ids.next(), ids.next()) {
        (None, _) => Ok(None),
        (Some(id), None) => id.to_str().map(Some).map_err(|_| no_such_session()),
        (Some(_), Some(_)) => Err(Failure::request("two Mcp-Session-Id headers")),
    }
}

fn without_session() -> Failure {
    Failure::request("Mcp-Session-Id is missing")
}

fn no_such_session() -> Failure {
    Failure::new(-32001, StatusCode::NOT_FOUND, "there is no such session; begin a new one")
}

fn nobody_asked() -> Failure {
    Failure::request("nobody asked for this answer")
}
