//! Copies of calls for another server, whose answers nobody waits for.
//!
//! ```text
//!  call --offer--> line, bounded --> a few workers a core --> the other server; its answer is read and dropped
//! ```
//!
//! The call goes on at once, whatever becomes of its copy: one that finds no room in the line is dropped, and counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;

use crate::model::{Principal, Reason, Refusal, RequestId};
use crate::net::command::{self, Asked};
use crate::net::upstream::ResponseHead;
use crate::protocol::message::{self, Body, Kind, Limits};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::respond;
use crate::stages::upstream::{self, Call, Manner, Outgoing, Told};
use crate::stages::vouch;
use crate::stages::wellformed::Verb;
use crate::telemetry::trace::Trace;
use crate::telemetry::{Mirrored, ServerMeter};

use super::core::{Behind, Core};
use super::exchange::{Exchange, Ready};

/// Copies that wait on a core, and bytes of their bodies.
const WAITING: usize = 64;
const BYTES: usize = 4 << 20;
/// Bytes of an answer that are read before its connection is closed.
const READ: usize = 1 << 20;

/// Where copies wait on one core, for the life of the core.
#[derive(Default)]
pub struct Line {
    copies: RefCell<VecDeque<Copied>>,
    bytes: Cell<usize>,
    more: Notify,
}

/// What one generation of the configuration copies on a core.
#[derive(Debug, Default)]
pub struct Mirrors {
    line: Rc<Line>,
    /// By the places of the servers: those that a rule copies calls to.
    meters: Box<[Option<Rc<ServerMeter>>]>,
}

/// A call, as it is copied.
struct Copied {
    /// What it was decided by.
    core: Rc<Core>,
    /// The place of the server that it goes to.
    server: usize,
    /// The place of the route that it came by.
    route: usize,
    meter: Rc<ServerMeter>,
    id: RequestId,
    principal: Principal,
    headers: HeaderMap,
    more: Vec<(String, String)>,
    body: Bytes,
}

impl Mirrors {
    /// Copies wait in `line`, and are counted by the meters of their servers.
    pub fn new(line: Rc<Line>, meters: impl IntoIterator<Item = Option<Rc<ServerMeter>>>) -> Self {
        Self { line, meters: meters.into_iter().collect() }
    }
}

/// Puts a copy of a call into the line where a rule says so.
pub(super) fn offer(core: &Rc<Core>, exchange: &Exchange<'_, Ready<'_>>) {
    let Some(changes) = exchange.changes() else { return };
    let other = changes.mirror.filter(|server| *server != exchange.route.server);
    let Some((server, meter)) = other.and_then(|server| Some((server, core.mirrors.meters.get(server)?.as_ref()?)))
    else {
        return;
    };
    match fits(exchange) {
        None => {}
        Some(false) => meter.mirrors(Mirrored::Unfit),
        Some(true) => core.mirrors.line.push(
            || Copied {
                core: Rc::clone(core),
                server,
                route: exchange.route.number,
                meter: Rc::clone(meter),
                id: exchange.id,
                principal: exchange.principal().clone(),
                headers: exchange.headers.clone(),
                more: changes.headers.iter().map(|field| (*field).clone()).collect(),
                body: exchange.message().bytes().clone(),
            },
            exchange.message().bytes().len(),
            meter,
        ),
    }
}

/// Whether a call can be made on another server as well; `None` for what is no call. What belongs to a conversation with one
/// server (a session, a batch of one, what it gave to bring back) means nothing to another.
fn fits(exchange: &Exchange<'_, Ready<'_>>) -> Option<bool> {
    use Method::{Complete, PromptsGet, ResourcesRead, ToolsCall};
    let message = exchange.message();
    if !matches!(message.method(), Some(ToolsCall | PromptsGet | ResourcesRead | Complete)) {
        return message.batch().map(|_| false);
    }
    let one = message.message()?;
    let goes_on =
        one.fields.request_state.is_some() || one.fields.input_responses.is_some() || one.fields.task.is_some();
    Some(message.era() == Era::Modern && one.kind == Kind::Request && !goes_on)
}

impl Line {
    fn push(&self, copied: impl FnOnce() -> Copied, bytes: usize, meter: &ServerMeter) {
        let mut copies = self.copies.borrow_mut();
        if copies.len() >= WAITING || self.bytes.get() + bytes > BYTES {
            return meter.mirrors(Mirrored::Dropped);
        }
        copies.push_back(copied());
        self.bytes.set(self.bytes.get() + bytes);
        self.more.notify_one();
    }

    async fn next(&self) -> Copied {
        loop {
            let first = self.copies.borrow_mut().pop_front();
            if let Some(copied) = first {
                self.bytes.set(self.bytes.get() - copied.body.len());
                return copied;
            }
            self.more.notified().await;
        }
    }

    /// Makes the copies of a core, a few at a time, for as long as it runs.
    pub async fn work(&self) {
        let worker = || async {
            loop {
                let copied = self.next().await;
                // Its own box: a core need not carry the room where nothing is copied.
                let made = Box::pin(copied.make()).await;
                if let Err(refusal) = &made {
                    tracing::debug!(id = %copied.id, server = copied.server(), why = %refusal.message, "a copy came to nothing");
                }
                copied.meter.mirrors(if made.is_ok() { Mirrored::Sent } else { Mirrored::Failed });
            }
        };
        tokio::join!(worker(), worker(), worker(), worker(), worker(), worker(), worker(), worker());
    }

    /// Lets go of what waits: each copy holds the configuration that it was decided by.
    pub fn clear(&self) {
        // Whatever its end sets off must not find the cell borrowed.
        let copies = self.copies.take();
        self.bytes.set(0);
        drop(copies);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("bytes", &self.bytes.get()).finish_non_exhaustive()
    }
}

impl Copied {
    fn server(&self) -> &str {
        &self.core.servers[self.server].name
    }

    /// Makes the call, and reads its answer to the end.
    async fn make(&self) -> Result<(), Refusal> {
        let (mut call, head) = self.call().await?;
        if !head.status.is_success() {
            call.cut();
            let message = format!("it answers with status {}", head.status.as_u16());
            return Err(Refusal::new(Reason::UpstreamBadResponse, message));
        }
        let mut read = 0;
        while let Some(piece) = call.chunk().await? {
            read += piece.len();
            if read > READ {
                call.cut();
                return Ok(());
            }
        }
        call.finish();
        Ok(())
    }

    async fn call(&self) -> Result<(Call, ResponseHead), Refusal> {
        let (core, server, sent) = (&self.core, &self.core.servers[self.server], Cell::new(false));
        let told = Told { meter: &self.meter, sent: &sent };
        let manner = Manner { reads_only: false, outlives: None };
        let endpoints = match &server.behind {
            Behind::Endpoints(endpoints) => endpoints,
            Behind::Command(handle) => {
                let limits = Limits { depth: core.bounds.depth, ..Limits::default() };
                let Ok(Body::One(message)) = message::read_client(&self.body, &limits) else {
                    return Err(respond::bad("the copy cannot be read", false));
                };
                let asked = Asked {
                    verb: command::Verb::Post(std::slice::from_ref(&message), &self.body),
                    era: Era::Modern,
                    caller: self.principal.key(),
                    session: None,
                    takes_events: true,
                };
                return upstream::ask(&core.client, self.id, told, handle, asked, server.patience, manner).await;
            }
        };
        let place = &core.routes[self.route].place;
        let shown = match server.vouch.look(&self.principal, &self.headers, || place.challenge()) {
            vouch::Looked::Done(done) => done?,
            vouch::Looked::Asking(asking) => asking.await?,
        };
        let more: Vec<_> = self.more.iter().collect();
        let outgoing = Outgoing {
            id: self.id,
            trace: &Trace::Dropped,
            method: Verb::Post.as_str(),
            headers: &self.headers,
            era: Era::Modern,
            name: None,
            session: None,
            shown: shown.fields(),
            more: &more,
            encodable: false,
            length: Some(self.body.len()),
        };
        let candidates = endpoints.candidates(None).map(|listed| (listed.index, &*listed.endpoint, listed.fingerprint));
        let made = upstream::make(&core.client, told, candidates, &outgoing, &self.body, server.patience, manner);
        let (call, head) = made.await?;
        if head.status == StatusCode::UNAUTHORIZED
            && let Some(refusal) = shown.not_taken()
        {
            call.cut();
            return Err(refusal);
        }
        Ok((call, head))
    }
}
