//! Asking a server for its tools on behalf of a call whose tool the catalog does not know, or not as it is now.
//!
//! It is asked in the caller's name and conversation, as they would ask: one at a time a server, whoever else needs it
//! waits. What came of it holds for a while, so that names which nobody offers are no way to make a server work.

mod turn;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use crate::model::{Principal, Reason, Refusal, RequestId, clock};
use crate::net::command::{self, Asked};
use crate::net::upstream::{Collected, ResponseHead};
use crate::protocol::json::{self, Kind, Value};
use crate::protocol::message::{self, Body, Limits, Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::protocol::sse;
use crate::stages::respond::{self, Awaited, Events, Expected};
use crate::stages::session::Bound;
use crate::stages::upstream::{self, Call, Manner, Outgoing, Told};
use crate::stages::wellformed::{Verb, WellFormed};
use crate::stages::{session, vouch};
use crate::telemetry::trace::Trace;

use super::core::{Behind, Core, Route, Server};
use super::relay::Relay;
use super::way::Way;

use turn::{HOLDS, Turn};

pub use turn::Lookup;

/// How long a call waits for the list in all, its turn included.
const LONGEST: Duration = Duration::from_secs(10);
/// Pages of a list.
const PAGES: usize = 100;
/// Bytes of a page, and of an answer.
const PAGE: usize = 4 << 20;

/// A call that wants to know of its tool: what is asked is asked as its caller would.
pub(super) struct Asking<'a> {
    pub(super) core: &'a Core,
    pub(super) route: &'a Route,
    pub(super) headers: &'a HeaderMap,
    pub(super) id: RequestId,
    pub(super) message: &'a WellFormed,
    pub(super) principal: &'a Principal,
    pub(super) bound: &'a Bound,
}

impl Asking<'_> {
    fn server(&self) -> &Server {
        &self.core.servers[self.route.server]
    }

    fn knows(&self, name: &str) -> bool {
        self.core.catalog.tool(self.route.server, name).is_some()
    }

    /// Notifications so far that the server's list has changed.
    fn changes(&self) -> u64 {
        self.core.catalog.changes(self.route.server)
    }

    fn caller(&self) -> u64 {
        self.server().lookup.caller(self.principal.key(), self.bound.upstream_id())
    }

    async fn turn(&self, until: Instant) -> Result<Turn<'_>, Refusal> {
        let turn = timeout_at(until, self.server().lookup.turn()).await.map_err(|_| slow())?;
        turn.ok_or_else(|| {
            let message = "too many calls wait for this server's list of tools; nothing was sent to the server";
            Refusal::new(Reason::Overloaded, message).retryable(HOLDS)
        })
    }
}

/// Asks for a tool that is not known. It is there then, or is not offered.
///
/// # Errors
/// Why the server's list could not be had. Nothing of the call was sent.
pub(super) async fn unknown(asking: &Asking<'_>, name: &str) -> Result<(), Refusal> {
    let until = clock::timer_now() + LONGEST;
    let mut turn = asking.turn(until).await?;
    if asking.knows(name) {
        return Ok(());
    }
    match turn.last(asking.caller(), asking.changes()) {
        Some(true) => Ok(()),
        Some(false) => Err(unread("it was asked for it a moment ago")),
        None if turn.begin() => read(asking, &mut turn, Some(name), until).await,
        None => Err(unread("it was asked for it too often a moment ago")),
    }
}

/// Asks for the whole list where the server has said that it has changed. Where it was asked often a moment ago what is
/// known counts until it may be asked again.
///
/// # Errors
/// As [`unknown`].
pub(super) async fn changed(asking: &Asking<'_>) -> Result<(), Refusal> {
    let until = clock::timer_now() + LONGEST;
    let mut turn = asking.turn(until).await?;
    if !asking.core.catalog.has_changed(asking.route.server) {
        return Ok(());
    }
    match turn.last(asking.caller(), asking.changes()) {
        Some(false) => Err(unread("it was asked for it a moment ago")),
        _ if turn.begin() => read(asking, &mut turn, None, until).await,
        _ => Ok(()),
    }
}

/// Asks for the whole list, unless that was done not long ago; whether it was read now.
pub(super) async fn again(asking: &Asking<'_>) -> bool {
    let until = clock::timer_now() + LONGEST;
    let Ok(mut turn) = asking.turn(until).await else { return false };
    let has_failed = turn.last(asking.caller(), asking.changes()) == Some(false);
    let is_young = turn.is_young() && !asking.core.catalog.has_changed(asking.route.server);
    !has_failed && !is_young && turn.begin() && read(asking, &mut turn, None, until).await.is_ok()
}

/// Reads the list, as far as to that name.
async fn read(asking: &Asking<'_>, turn: &mut Turn<'_>, name: Option<&str>, until: Instant) -> Result<(), Refusal> {
    asking.route.meter.calls.looks_up();
    let changes = asking.changes();
    let read = timeout_at(until, pages(asking, name)).await.unwrap_or_else(|_| Err(slow()));
    match &read {
        Ok(true) => {
            asking.core.catalog.was_read(asking.route.server, changes);
            turn.came(asking.caller(), changes, true);
        }
        // What is behind the page that it stands on was not read.
        Ok(false) => {}
        // Whoever begins a session anew may ask at once.
        Err(refusal) if refusal.reason == Reason::SessionNotFound => {}
        Err(_) => turn.came(asking.caller(), changes, false),
    }
    read.map(drop)
}

/// Whether the list was read to its end.
async fn pages(asking: &Asking<'_>, until: Option<&str>) -> Result<bool, Refusal> {
    let (catalog, server) = (&asking.core.catalog, asking.route.server);
    let mut cursor = None;
    for page in 0..PAGES {
        let result = one_page(asking, page, cursor.as_deref()).await?;
        let (learning, learnt) = (Arc::clone(catalog), result.clone());
        let first = cursor.is_none();
        let done = spawn_blocking(move || learning.learn(server, learnt, first)).await;
        done.map_err(|_| unread("the worker that reads it has ended"))?;
        cursor = next(&result);
        if cursor.is_none() {
            return Ok(true);
        }
        if until.is_some_and(|name| asking.knows(name)) {
            return Ok(false);
        }
    }
    Err(unread("it has no end"))
}

/// The cursor of the next page, as JSON text.
fn next(result: &[u8]) -> Option<String> {
    let end = u32::try_from(result.len()).ok()?;
    let cursor = json::member(result, json::Span { start: 0, end }, "nextCursor")?;
    let text = std::str::from_utf8(cursor.raw(result)).ok()?;
    (cursor.kind == Kind::String).then(|| text.to_owned())
}

/// The `result` of one page.
async fn one_page(asking: &Asking<'_>, page: usize, cursor: Option<&str>) -> Result<Bytes, Refusal> {
    let body = Bytes::from(request(asking, page, cursor));
    let limits = Limits { depth: asking.core.bounds.depth, ..Limits::default() };
    let Ok(Body::One(listing)) = message::read_client(&body, &limits) else {
        return Err(unread("its cursor cannot be sent back"));
    };
    let (call, head) = ask(asking, &listing, &body).await?;
    let id = listing.id.as_ref().map(|id| OwnedId::of(id, &body)).ok_or_else(|| unread("it has no id"))?;
    let expected = Expected::new(Awaited::Request(id.clone()), asking.message.era(), Some(Method::ToolsList), limits);
    let text = take(asking, call, head, expected.reading_only(true)).await?;
    match answer(&text, &id, &limits) {
        Some(result) => Ok(text.slice_ref(result.raw(&text))),
        None => Err(unread("it answers with an error")),
    }
}

/// The request for a page, with what the caller says of themselves.
fn request(asking: &Asking<'_>, page: usize, cursor: Option<&str>) -> String {
    let mut params: Vec<String> = cursor.map(|cursor| format!("\"cursor\":{cursor}")).into_iter().collect();
    if asking.message.era() == Era::Modern {
        params.push(format!("\"_meta\":{{{}}}", envelope(asking).join(",")));
    }
    let id = asking.id;
    format!(r#"{{"jsonrpc":"2.0","id":"weir-{id}-{page}","method":"tools/list","params":{{{}}}}}"#, params.join(","))
}

/// The members of the caller's `_meta` that the protocol asks for (2026-07-28, "Requests").
fn envelope(asking: &Asking<'_>) -> Vec<String> {
    let bytes = asking.message.bytes();
    let params = asking.message.message().and_then(|message| message.params);
    let meta = params.and_then(|params| json::member(bytes, params.span, "_meta"));
    let members = meta.into_iter().flat_map(|meta| json::members(bytes, meta.span));
    let of_protocol = |key: &Value| key.text(bytes).is_some_and(|key| key.starts_with("io.modelcontextprotocol/"));
    let text = |value: Value| String::from_utf8_lossy(value.raw(bytes)).into_owned();
    members.filter(|(key, _)| of_protocol(key)).map(|(key, value)| format!("{}:{}", text(key), text(value))).collect()
}

/// The client's fields, as they would be with this request.
fn fields(headers: &HeaderMap, era: Era) -> HeaderMap {
    let mut fields: HeaderMap = headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            !name.starts_with("mcp-param-") && !["mcp-name", "mcp-method", "last-event-id", "accept"].contains(&name)
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    fields.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    if era == Era::Modern {
        fields.insert(HeaderName::from_static("mcp-method"), HeaderValue::from_static("tools/list"));
    }
    fields
}

/// Makes the call where the one that waits for it would be made.
async fn ask(asking: &Asking<'_>, listing: &Message, body: &Bytes) -> Result<(Call, ResponseHead), Refusal> {
    let (server, bound, core) = (asking.server(), asking.bound, asking.core);
    let sent = Cell::new(false);
    let told = Told { meter: &asking.route.meter.calls, sent: &sent };
    let manner = Manner { reads_only: true, outlives: None };
    let era = asking.message.era();
    let endpoints = match &server.behind {
        Behind::Endpoints(endpoints) => endpoints,
        Behind::Command(handle) => {
            if bound.endpoint().is_some_and(|other| other != handle.fingerprint()) {
                return Err(session::not_found());
            }
            let asked = Asked {
                verb: command::Verb::Post(std::slice::from_ref(listing), body),
                era,
                caller: asking.principal.key(),
                session: bound.upstream_id(),
                takes_events: true,
            };
            return upstream::ask(&core.client, asking.id, told, handle, asked, server.patience, manner).await;
        }
    };
    let candidates = endpoints.candidates(bound.endpoint());
    if bound.endpoint().is_some() && candidates.len() == 0 {
        return Err(session::not_found());
    }
    let place = &asking.route.place;
    let shown = match server.vouch.look(asking.principal, asking.headers, || place.challenge()) {
        vouch::Looked::Done(done) => done?,
        vouch::Looked::Asking(waiting) => waiting.await?,
    };
    let headers = fields(asking.headers, era);
    let outgoing = Outgoing {
        id: asking.id,
        trace: &Trace::Dropped,
        method: Verb::Post.as_str(),
        headers: &headers,
        era,
        name: None,
        session: bound.upstream_id(),
        shown: shown.fields(),
        more: &[],
        encodable: false,
        length: Some(body.len()),
    };
    let candidates = candidates.map(|listed| (listed.index, &*listed.endpoint, listed.fingerprint));
    let (call, head) = upstream::make(&core.client, told, candidates, &outgoing, body, server.patience, manner).await?;
    if head.status == StatusCode::UNAUTHORIZED
        && let Some(refusal) = shown.not_taken()
    {
        call.cut();
        return Err(refusal);
    }
    if head.status == StatusCode::NOT_FOUND && bound.upstream_id().is_some() {
        call.cut();
        return Err(session::not_found());
    }
    Ok((call, head))
}

/// The text of the answer: one message, or those of a stream until it has come.
async fn take(asking: &Asking<'_>, mut call: Call, head: ResponseHead, expected: Expected) -> Result<Bytes, Refusal> {
    let (core, bounds) = (asking.core, &asking.core.bounds);
    let limit = bounds.event.min(PAGE);
    match Way::of(Verb::Post, &head, &expected) {
        Way::ReadWhole => match call.whole(limit).await? {
            Collected::Whole(bytes) => {
                call.finish();
                Ok(respond::whole(expected, bytes, &core.observer)?.bytes)
            }
            Collected::Longer(_) => {
                call.cut();
                Err(respond::bad("its list of tools is too long to be read", true))
            }
        },
        Way::Events => {
            let events = Events::new(asking.id, expected, limit);
            let mut relay = Box::new(Relay::events(call, events, bounds.after_answer));
            relay.until_answered(limit, &core.observer).await?;
            let stream = relay.kept_back();
            let mut reader = sse::Reader::new(limit);
            reader.push(&stream);
            let mut last = Bytes::new();
            while let Ok(Some(block)) = reader.next() {
                last = block.message().map_or(last, Bytes::copy_from_slice);
            }
            Ok(last)
        }
        _ => {
            call.cut();
            Err(respond::bad(format!("it answers its list of tools with status {}", head.status.as_u16()), true))
        }
    }
}

/// The result, if the text is the answer to this request.
fn answer(text: &[u8], id: &OwnedId, limits: &Limits) -> Option<Value> {
    let Ok(Body::One(message)) = message::read_server(text, limits) else { return None };
    message.id.as_ref().filter(|answered| id.matches(answered, text))?;
    message.result
}

/// What a call is refused with whose tool cannot be looked up: none of it was sent. `use_of` says what for.
pub(super) fn unhad(refusal: &Refusal, use_of: &str) -> Refusal {
    match refusal.reason {
        Reason::SessionNotFound => session::not_found(),
        reason => {
            let message = format!("the tool's definition, which {use_of}, cannot be had: {}", refusal.message);
            Refusal::new(reason, message).retryable(HOLDS)
        }
    }
}

fn unread(why: &str) -> Refusal {
    Refusal::new(Reason::UpstreamBadResponse, format!("the server's list of tools was not read: {why}"))
}

fn slow() -> Refusal {
    Refusal::new(Reason::UpstreamTimeout, "the server's list of tools was not there within 10 seconds")
}
