//! What goes through one process: which request is whose, and whom a message of the server's concerns. No I/O.
//!
//! | the server says | dedicated to a session | shared by the sessions of a caller, or by all |
//! | --- | --- | --- |
//! | an answer | to its call | to its call |
//! | progress | to the call with this token | to the call with this token |
//! | a request | on the newest call's stream, else to who listens | only the caller's one session with calls can be meant; else it is refused |
//! | a log message | likewise | likewise; dropped where it cannot be told |
//! | that a resource changed | to who listens, else on a call's stream | to the sessions that subscribed to it |
//! | that a list changed | likewise | to every session |
//! | something on a subscription (2026-07-28) | | to the `subscriptions/listen` that it names |

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;

use crate::model::{Reason, Refusal};
use crate::protocol::json::{Span, quoted};
use crate::protocol::message::{Limits, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::stdio;

use super::ask::{Numbers, Opening, Request, Said};
use super::exchange::{GoesOn, Queue, Sink};
use super::key::Key;
use super::session::Sessions;
use super::stream::Stream;

/// How long an answer may still come after its call was called off.
const AFTER_CANCEL: Duration = Duration::from_secs(5);
/// Most requests of a server that wait for an answer.
const MOST_ASKED: usize = 256;

/// The state of one process's messages.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) key: Key,
    pub(super) limits: Limits,
    pub(super) calls: HashMap<u64, Call>,
    pub(super) streams: HashMap<u64, Stream>,
    /// Requests of the server's that were passed on, and to which session.
    pub(super) asked: Vec<(OwnedId, u64)>,
    /// Who subscribed to which resource.
    pub(super) subscribed: HashMap<String, Vec<u64>>,
    pub(super) handshake: Handshake,
    /// Lines that wait for the handshake.
    held: Vec<u8>,
    /// What is to be written to the process.
    pub(super) out: Vec<u8>,
    numbers: Rc<Numbers>,
    /// Requests of ours whose answers nobody waits for.
    pub(super) own: Vec<u64>,
    /// Messages that were for nobody.
    pub(super) strays: u64,
}

/// Who has shaken hands with the process.
#[derive(Debug)]
pub(super) enum Handshake {
    /// The client does it itself, or the era has none.
    Theirs,
    /// We do, and so far nobody has asked for it.
    Ours(Opening),
    /// We have sent ours by this number; those who opened a session meanwhile wait for its answer.
    Sent { opening: Opening, number: u64, waiting: Vec<u64> },
    /// It is done, and this was the answer.
    Done { opening: Opening, result: Box<[u8]> },
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: OwnedId,
    pub(super) token: Option<Box<[u8]>>,
    pub(super) method: Method,
    /// What it subscribes to.
    pub(super) uri: Option<String>,
    /// The exchange that it came in.
    pub(super) exchange: u64,
    pub(super) logs: bool,
    pub(super) since: Instant,
    /// When it was called off.
    pub(super) cancelled: Option<Instant>,
}

impl Traffic {
    pub(super) fn new(key: Key, limits: Limits, numbers: Rc<Numbers>) -> Self {
        let handshake = match &key {
            Key::Opened { opening, .. } => Handshake::Ours(opening.clone()),
            Key::Session(_) | Key::Modern { .. } | Key::Spare => Handshake::Theirs,
        };
        Self {
            key,
            limits,
            calls: HashMap::new(),
            streams: HashMap::new(),
            asked: Vec::new(),
            subscribed: HashMap::new(),
            handshake,
            held: Vec::new(),
            out: Vec::new(),
            numbers,
            own: Vec::new(),
            strays: 0,
        }
    }

    /// Whether one session alone speaks to the process.
    pub(super) fn is_dedicated(&self) -> bool {
        matches!(self.key, Key::Session(_))
    }

    /// Whether it speaks 2026-07-28.
    pub(super) fn is_modern(&self) -> bool {
        matches!(self.key, Key::Modern { .. })
    }

    /// Takes messages of a client. `stream` answers them where they hold requests; the exchange is named so.
    pub(super) fn say(
        &mut self,
        sessions: &mut Sessions,
        said: Vec<Said>,
        exchange: u64,
        stream: Option<Stream>,
        session: Option<u64>,
        now: Instant,
    ) {
        if let Some(stream) = stream {
            self.streams.insert(exchange, stream);
        }
        for said in said {
            match said {
                Said::Request(request) => self.request(sessions, request, exchange, session, now),
                Said::Notification(Method::Initialized, _) if !matches!(self.handshake, Handshake::Theirs) => {}
                Said::Notification(_, line) => self.write(&line),
                Said::Cancel { of, line, at } => self.cancel(&of, &line, at, session, now),
                Said::Answer(id, line) => {
                    // Only the session that was asked can answer.
                    let asked = self.asked.iter().position(|(asked, by)| *asked == id && Some(*by) == session);
                    if let Some(at) = asked {
                        self.asked.swap_remove(at);
                        self.write(&line);
                    }
                }
            }
        }
    }

    fn request(
        &mut self,
        sessions: &mut Sessions,
        request: Request,
        exchange: u64,
        session: Option<u64>,
        now: Instant,
    ) {
        let Request { number, id, token, method, line, logs, uri, .. } = request;
        let call = Call { id, token, method, uri: uri.clone(), exchange, logs, since: now, cancelled: None };
        self.calls.insert(number, call);
        if method == Method::Initialize && !matches!(self.handshake, Handshake::Theirs) {
            return self.join(sessions, number);
        }
        if let (Some(session), Some(uri), false) = (session, uri, self.is_dedicated()) {
            let sends = match method {
                Method::ResourcesSubscribe => self.subscribe(uri, session),
                _ => self.unsubscribe(&uri, session),
            };
            if !sends {
                // The server knows already.
                return self.answer_self(sessions, number, b"{}");
            }
        }
        if method == Method::SetLevel && matches!(self.key, Key::Opened { .. }) {
            // One level for all would be the last one's; what is logged is for nobody in particular here.
            return self.answer_self(sessions, number, b"{}");
        }
        self.write(&line);
    }

    fn subscribe(&mut self, uri: String, session: u64) -> bool {
        let subscribed = self.subscribed.entry(uri).or_default();
        let first = subscribed.is_empty();
        if !subscribed.contains(&session) {
            subscribed.push(session);
        }
        first
    }

    fn unsubscribe(&mut self, uri: &str, session: u64) -> bool {
        let Some(subscribed) = self.subscribed.get_mut(uri) else { return true };
        subscribed.retain(|other| *other != session);
        let last = subscribed.is_empty();
        if last {
            self.subscribed.remove(uri);
        }
        last
    }

    /// Opens a session on a process that is shared: the handshake is ours, and its answer is everybody's.
    fn join(&mut self, sessions: &mut Sessions, number: u64) {
        match &mut self.handshake {
            Handshake::Theirs => {}
            Handshake::Ours(_) => {
                self.greet();
                if let Handshake::Sent { waiting, .. } = &mut self.handshake {
                    waiting.push(number);
                }
            }
            Handshake::Sent { waiting, .. } => waiting.push(number),
            Handshake::Done { result, .. } => {
                let result = result.clone();
                self.answer_self(sessions, number, &result);
            }
        }
    }

    /// Shakes hands, where that is ours to do and has not been done.
    pub(super) fn greet(&mut self) {
        if let Handshake::Ours(opening) = &self.handshake {
            let (opening, number) = (opening.clone(), self.numbers.next());
            self.out.extend_from_slice(&opening.line(number));
            self.handshake = Handshake::Sent { opening, number, waiting: Vec::new() };
        }
    }

    /// The handshake is done: those who wait are answered, and what was held back is sent.
    pub(super) fn greeted(&mut self, sessions: &mut Sessions, result: &[u8]) {
        let before = std::mem::replace(&mut self.handshake, Handshake::Theirs);
        let Handshake::Sent { opening, waiting, .. } = before else { return };
        self.handshake = Handshake::Done { opening, result: result.into() };
        self.out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
        for uri in self.subscribed.keys() {
            let (number, uri) = (self.numbers.next(), quoted(uri));
            let again = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"resources/subscribe\",\"params\":{{\"uri\":{uri}}}}}\n"
            );
            self.out.extend_from_slice(again.as_bytes());
            self.own.push(number);
        }
        self.out.append(&mut self.held);
        for number in waiting {
            self.answer_self(sessions, number, result);
        }
    }

    /// Sends a line, or holds it back until hands have been shaken.
    fn write(&mut self, line: &[u8]) {
        self.greet();
        match self.handshake {
            Handshake::Sent { .. } => self.held.extend_from_slice(line),
            _ => self.out.extend_from_slice(line),
        }
    }

    /// Bytes that wait to be written.
    pub(super) fn unwritten(&self) -> usize {
        self.out.len() + self.held.len()
    }

    fn cancel(&mut self, of: &OwnedId, line: &[u8], at: Span, session: Option<u64>, now: Instant) {
        let streams = &self.streams;
        let meant = self.calls.iter_mut().find(|(_, call)| {
            call.id == *of
                && call.cancelled.is_none()
                && streams.get(&call.exchange).is_some_and(|stream| stream.session() == session)
        });
        let Some((number, call)) = meant else { return };
        call.cancelled = Some(now);
        let number = number.to_string();
        let all = Span { start: 0, end: line.len() as u32 - 1 };
        let mut mapped = Vec::new();
        stdio::line(line, all, &[(at, number.as_bytes())], &mut mapped);
        mapped.push(b'\n');
        self.write(&mapped);
    }

    /// Answers a request here, the server not being asked.
    fn answer_self(&mut self, sessions: &mut Sessions, number: u64, result: &[u8]) {
        let Some(call) = self.calls.get(&number) else { return };
        let mut line = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
        line.extend_from_slice(call.id.raw());
        line.extend_from_slice(b",\"result\":");
        line.extend_from_slice(result);
        line.push(b'}');
        self.answered(sessions, number, &line, StatusCode::OK);
    }

    /// Hands an answer to its call, which is over.
    pub(super) fn answered(&mut self, sessions: &mut Sessions, number: u64, message: &[u8], status: StatusCode) {
        let Some(call) = self.calls.remove(&number) else { return };
        let Some(stream) = self.streams.get_mut(&call.exchange) else { return };
        if stream.answer(sessions, message, status) {
            self.streams.remove(&call.exchange);
        }
    }

    /// Whether this session is being opened here.
    pub(super) fn opens(&self, session: u64) -> bool {
        self.streams.values().any(|stream| stream.opens == Some(session))
    }

    /// Whether an exchange is answered here.
    pub(super) fn has(&self, exchange: u64) -> bool {
        self.streams.contains_key(&exchange)
    }

    /// The client of an exchange has left.
    pub(super) fn left(&mut self, exchange: u64, goes_on: Option<GoesOn>) {
        if self.streams.get_mut(&exchange).is_some_and(|stream| !stream.goes_on(goes_on)) {
            self.call_off(exchange);
        }
    }

    /// A client comes back for a stream of its session that is still being made. From now on another exchange is it.
    pub(super) fn resume(&mut self, stream: (u64, u32), exchange: u64, sink: &Sink, missed: Vec<Bytes>) -> bool {
        let found = self.streams.iter().find(|(_, one)| one.is(stream.0, stream.1)).map(|(of, _)| *of);
        let Some((before, mut resumed)) = found.and_then(|of| self.streams.remove_entry(&of)) else { return false };
        resumed.resume(sink.clone(), missed);
        self.streams.insert(exchange, resumed);
        let of_it = self.calls.values_mut().filter(|call| call.exchange == before);
        of_it.for_each(|call| call.exchange = exchange);
        true
    }

    /// Calls off what an exchange has asked for: nobody waits for it any more.
    fn call_off(&mut self, exchange: u64) {
        self.streams.remove(&exchange);
        let of_it = self.calls.iter().filter(|(_, call)| call.exchange == exchange);
        let numbers: Vec<_> = of_it.map(|(number, _)| *number).collect();
        for number in numbers {
            // No `initialize` may be called off (2025-11-25, "Cancellation").
            if self.calls.remove(&number).is_some_and(|call| call.method == Method::Initialize) {
                continue;
            }
            let line = format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{number},\
                 \"reason\":\"the client left\"}}}}\n"
            );
            self.write(line.as_bytes());
        }
    }

    /// A session is over: nothing is meant for it any more.
    pub(super) fn forget(&mut self, session: u64) {
        let gone: Vec<_> =
            self.streams.iter().filter(|(_, stream)| stream.session() == Some(session)).map(|(of, _)| *of).collect();
        for exchange in gone {
            self.call_off(exchange);
        }
        self.asked.retain(|(_, by)| *by != session);
        let uris: Vec<_> = self.subscribed.keys().cloned().collect();
        for uri in uris {
            if self.subscribed[&uri].contains(&session) && self.unsubscribe(&uri, session) {
                let (number, quoted) = (self.numbers.next(), quoted(&uri));
                self.own.push(number);
                let line = format!(
                    "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"resources/unsubscribe\",\
                     \"params\":{{\"uri\":{quoted}}}}}\n"
                );
                self.write(line.as_bytes());
            }
        }
    }

    /// Time has passed: streams that have been silent since `silent` begin, what goes on without a client since before
    /// `deadline` is called off, and what was called off is given up.
    pub(super) fn tick(&mut self, sessions: &mut Sessions, now: Instant, silent: Instant, deadline: Instant) {
        for stream in self.streams.values_mut() {
            stream.wait(sessions, silent);
        }
        let forsaken = self.streams.iter().filter(|(_, stream)| stream.is_forsaken(deadline));
        let forsaken: Vec<_> = forsaken.map(|(exchange, _)| *exchange).collect();
        forsaken.into_iter().for_each(|exchange| self.call_off(exchange));
        let is_late = |call: &Call| call.cancelled.is_some_and(|since| now - since >= AFTER_CANCEL);
        let late: Vec<_> = self.calls.iter().filter(|(_, call)| is_late(call)).map(|(number, _)| *number).collect();
        for number in late {
            let Some(call) = self.calls.remove(&number) else { continue };
            if let Some(mut stream) = self.streams.remove(&call.exchange) {
                stream.end(sessions);
            }
        }
    }

    /// Since when the handshake has been waited for.
    pub(super) fn greeting_since(&self) -> Option<Instant> {
        let opens = |call: &&Call| call.method == Method::Initialize;
        self.calls.values().filter(opens).map(|call| call.since).min()
    }

    /// Whether nothing runs: the process may be ended.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// The queue of a client that does not keep up, where the process is its own: it may write on once there is room.
    pub(super) fn choked(&self, sessions: &Sessions) -> Option<Arc<Queue>> {
        let Key::Session(number) = self.key else { return None };
        let listener = || sessions.get(&number).and_then(|session| session.listener.as_ref()?.1.choked());
        self.streams.values().find_map(Stream::choked).or_else(listener).cloned()
    }

    /// Cuts the streams of clients that do not keep up, where others share the process and must not wait for them.
    pub(super) fn cut_slow(&mut self, most: usize) {
        if self.is_dedicated() {
            return;
        }
        let slow = self.streams.iter_mut().filter(|(_, stream)| stream.waiting() > most);
        let slow: Vec<_> = slow.map(|(exchange, stream)| (*exchange, stream.refuse(slow_reader()))).collect();
        for (exchange, ()) in slow {
            self.call_off(exchange);
        }
    }

    /// The process is gone: everything that waits is refused.
    pub(super) fn fail(&mut self, refusal: &dyn Fn(&Call) -> Refusal, sessions: &mut Sessions) {
        self.refuse_calls(refusal, sessions);
        self.streams.clear();
        self.asked.clear();
        self.own.clear();
        self.held.clear();
        self.out.clear();
        let before = std::mem::replace(&mut self.handshake, Handshake::Theirs);
        self.handshake = match before {
            Handshake::Theirs => Handshake::Theirs,
            Handshake::Ours(opening) | Handshake::Sent { opening, .. } | Handshake::Done { opening, .. } => {
                Handshake::Ours(opening)
            }
        };
    }

    /// Refuses everything that waits for an answer.
    pub(super) fn refuse_calls(&mut self, refusal: &dyn Fn(&Call) -> Refusal, sessions: &mut Sessions) {
        let (calls, modern) = (std::mem::take(&mut self.calls), self.is_modern());
        for call in calls.into_values() {
            let Some(mut stream) = self.streams.remove(&call.exchange) else { continue };
            match call.method {
                // It ends as its server would have ended it.
                Method::Listen if modern => {
                    stream.answer(sessions, &closed(&call.id), StatusCode::OK);
                }
                _ => stream.refuse(refusal(&call)),
            }
        }
    }

    /// A server may ask only so much at once.
    pub(super) fn asks(&mut self, id: OwnedId, session: u64) -> bool {
        let room = self.asked.len() < MOST_ASKED;
        if room {
            self.asked.push((id, session));
        }
        room
    }
}

/// The end of a subscription, as its server would give it (2026-07-28, "Subscriptions", "Graceful Closure").
pub(super) fn closed(id: &OwnedId) -> Vec<u8> {
    let id = String::from_utf8_lossy(id.raw());
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"resultType\":\"complete\",\
         \"_meta\":{{\"io.modelcontextprotocol/subscriptionId\":{id}}}}}}}"
    )
    .into_bytes()
}

fn slow_reader() -> Refusal {
    let message = "the client reads more slowly than the server writes, and others share the server's process";
    Refusal::new(Reason::Overloaded, message).after_sending(false)
}

/// What a caller is told whose call was under way.
pub(super) fn reset(call: &Call, why: String) -> Refusal {
    Refusal::new(Reason::UpstreamReset, why).after_sending(call.method.only_reads())
}
