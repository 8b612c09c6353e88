//! Asking a server for its tools on behalf of a call whose tool the catalog does not know.
//!
//! It is asked in the caller's name and conversation, as they would ask: one at a time a core and server, whoever else
//! needs it waits. What came of it holds for a while, so that names which nobody offers are no way to make a server work.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::model::{Reason, Refusal, clock};
use crate::net::command::{self, Asked};
use crate::net::upstream::{Collected, ResponseHead};
use crate::protocol::json::{self, Kind, Value};
use crate::protocol::message::{self, Body, Limits, Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::protocol::sse;
use crate::stages::respond::{self, Awaited, Events, Expected};
use crate::stages::upstream::{self, Call, Manner, Outgoing, Told};
use crate::stages::wellformed::Verb;
use crate::stages::{session, vouch};
use crate::telemetry::trace::Trace;

use super::core::Behind;
use super::exchange::{Brought, Exchange};
use super::relay::Relay;
use super::way::Way;

/// How long what came of asking holds: for a name that was not there, and for a server that did not answer.
const HOLDS: Duration = Duration::from_secs(5);
/// A definition that refuses is looked up once more where nobody has looked for so long.
const OLD: Duration = Duration::from_secs(60);
/// Pages of a list.
const PAGES: usize = 100;
/// Bytes of a page, and of an answer.
const PAGE: usize = 4 << 20;

/// Who asks a server for its tools, on one core.
#[derive(Debug, Default)]
pub struct Lookup {
    turn: Mutex<()>,
    /// When all of the list was last read, and when that was last tried in vain.
    read: Cell<Option<Instant>>,
    failed: Cell<Option<Instant>>,
}

/// Asks for a tool that is not known. It is there then, or is not offered.
///
/// # Errors
/// Why the server's list could not be had. Nothing of the call was sent.
pub(super) async fn unknown(exchange: &Exchange<'_, Brought<'_>>, name: &str) -> Result<(), Refusal> {
    let lookup = &exchange.server().lookup;
    let _turn = lookup.turn.lock().await;
    let (catalog, server) = (&exchange.core.catalog, exchange.route.server);
    if catalog.tool(server, name).is_some() || is_within(lookup.read.get(), HOLDS) {
        return Ok(());
    }
    if is_within(lookup.failed.get(), HOLDS) {
        return Err(unread("it was asked for it a moment ago"));
    }
    read(exchange, Some(name)).await
}

/// Asks for the whole list, unless that was done not long ago; whether it was read now.
pub(super) async fn again(exchange: &Exchange<'_, Brought<'_>>) -> bool {
    let lookup = &exchange.server().lookup;
    let _turn = lookup.turn.lock().await;
    let recently = is_within(lookup.read.get(), OLD) || is_within(lookup.failed.get(), HOLDS);
    !recently && read(exchange, None).await.is_ok()
}

fn is_within(moment: Option<Instant>, time: Duration) -> bool {
    moment.is_some_and(|moment| clock::now().saturating_duration_since(moment) < time)
}

/// Reads the list, as far as to that name.
async fn read(exchange: &Exchange<'_, Brought<'_>>, until: Option<&str>) -> Result<(), Refusal> {
    exchange.route.meter.calls.looks_up();
    let lookup = &exchange.server().lookup;
    let read = pages(exchange, until).await;
    lookup.failed.set(read.is_err().then(clock::now));
    if read.is_ok() {
        lookup.read.set(Some(clock::now()));
    }
    read
}

async fn pages(exchange: &Exchange<'_, Brought<'_>>, until: Option<&str>) -> Result<(), Refusal> {
    let (catalog, server) = (&exchange.core.catalog, exchange.route.server);
    let mut cursor = None;
    for page in 0..PAGES {
        let result = one_page(exchange, page, cursor.as_deref()).await?;
        let (learning, learnt) = (Arc::clone(catalog), result.clone());
        let first = cursor.is_none();
        let done = spawn_blocking(move || learning.learn(server, learnt, first)).await;
        done.map_err(|_| unread("the worker that reads it has ended"))?;
        cursor = next(&result);
        if cursor.is_none() || until.is_some_and(|name| catalog.tool(server, name).is_some()) {
            return Ok(());
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
async fn one_page(exchange: &Exchange<'_, Brought<'_>>, page: usize, cursor: Option<&str>) -> Result<Bytes, Refusal> {
    let body = Bytes::from(request(exchange, page, cursor));
    let limits = Limits { depth: exchange.core.bounds.depth, ..Limits::default() };
    let Ok(Body::One(asking)) = message::read_client(&body, &limits) else {
        return Err(unread("its cursor cannot be sent back"));
    };
    let (call, head) = ask(exchange, &asking, &body).await.map_err(|refusal| unhad(&refusal))?;
    let id = asking.id.as_ref().map(|id| OwnedId::of(id, &body)).ok_or_else(|| unread("it has no id"))?;
    let expected =
        Expected::new(Awaited::Request(id.clone()), exchange.message().era(), Some(Method::ToolsList), limits);
    let text = take(exchange, call, head, expected.reading_only(true)).await.map_err(|refusal| unhad(&refusal))?;
    match answer(&text, &id, &limits) {
        Some(result) => Ok(text.slice_ref(result.raw(&text))),
        None => Err(unread("it answers with an error")),
    }
}

/// The request for a page, with what the caller says of themselves.
fn request(exchange: &Exchange<'_, Brought<'_>>, page: usize, cursor: Option<&str>) -> String {
    let mut params: Vec<String> = cursor.map(|cursor| format!("\"cursor\":{cursor}")).into_iter().collect();
    if exchange.message().era() == Era::Modern {
        params.push(format!("\"_meta\":{{{}}}", envelope(exchange).join(",")));
    }
    let id = exchange.id;
    format!(r#"{{"jsonrpc":"2.0","id":"weir-{id}-{page}","method":"tools/list","params":{{{}}}}}"#, params.join(","))
}

/// The members of the caller's `_meta` that the protocol asks for (2026-07-28, "Requests").
fn envelope(exchange: &Exchange<'_, Brought<'_>>) -> Vec<String> {
    let bytes = exchange.message().bytes();
    let params = exchange.message().message().and_then(|message| message.params);
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
async fn ask(
    exchange: &Exchange<'_, Brought<'_>>,
    asking: &Message,
    body: &Bytes,
) -> Result<(Call, ResponseHead), Refusal> {
    let (server, bound, core) = (exchange.server(), &exchange.progress.bound, exchange.core);
    let sent = Cell::new(false);
    let told = Told { meter: &exchange.route.meter.calls, sent: &sent };
    let manner = Manner { reads_only: true, outlives: None };
    let era = exchange.message().era();
    let endpoints = match &server.behind {
        Behind::Endpoints(endpoints) => endpoints,
        Behind::Command(handle) => {
            if bound.endpoint().is_some_and(|other| other != handle.fingerprint()) {
                return Err(session::not_found());
            }
            let asked = Asked {
                verb: command::Verb::Post(std::slice::from_ref(asking), body),
                era,
                caller: exchange.principal().key(),
                session: bound.upstream_id(),
                takes_events: true,
            };
            return upstream::ask(&core.client, exchange.id, told, handle, asked, server.patience, manner).await;
        }
    };
    let candidates = endpoints.candidates(bound.endpoint());
    if bound.endpoint().is_some() && candidates.len() == 0 {
        return Err(session::not_found());
    }
    let place = &exchange.route.place;
    let shown = match server.vouch.look(exchange.principal(), exchange.headers, || place.challenge()) {
        vouch::Looked::Done(done) => done?,
        vouch::Looked::Asking(asking) => asking.await?,
    };
    let headers = fields(exchange.headers, era);
    let outgoing = Outgoing {
        id: exchange.id,
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
async fn take(
    exchange: &Exchange<'_, Brought<'_>>,
    mut call: Call,
    head: ResponseHead,
    expected: Expected,
) -> Result<Bytes, Refusal> {
    let (core, bounds) = (exchange.core, &exchange.core.bounds);
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
            let events = Events::new(exchange.id, expected, limit);
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

/// What a call is refused with whose tool cannot be looked up: none of it was sent.
fn unhad(refusal: &Refusal) -> Refusal {
    match refusal.reason {
        Reason::SessionNotFound => session::not_found(),
        reason => {
            let message = format!(
                "the tool's definition, which the arguments are checked against, cannot be had: {}",
                refusal.message
            );
            Refusal::new(reason, message).retryable(HOLDS)
        }
    }
}

fn unread(why: &str) -> Refusal {
    unhad(&Refusal::new(Reason::UpstreamBadResponse, format!("the server's list of tools was not read: {why}")))
}
