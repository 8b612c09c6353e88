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

mod ending;
mod handshake;
mod say;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;

use crate::protocol::message::{Limits, OwnedId};
use crate::protocol::method::Method;

use super::ask::Numbers;
use super::exchange::{Queue, Sink};
use super::key::Key;
use super::session::Sessions;
use super::stream::Stream;

pub(super) use ending::{closed, reset};
pub(super) use handshake::Handshake;

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

    /// Hands an answer to its call, which is over.
    pub(super) fn answered(&mut self, sessions: &mut Sessions, number: u64, message: &[u8], status: StatusCode) {
        let Some(call) = self.calls.remove(&number) else { return };
        let Some(stream) = self.streams.get_mut(&call.exchange) else { return };
        if stream.answer(sessions, message, status) {
            self.streams.remove(&call.exchange);
        }
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

    /// Whether an exchange is answered here.
    pub(super) fn has(&self, exchange: u64) -> bool {
        self.streams.contains_key(&exchange)
    }

    /// Whether this session is being opened here.
    pub(super) fn opens(&self, session: u64) -> bool {
        self.streams.values().any(|stream| stream.opens == Some(session))
    }

    /// A server may ask only so much at once.
    pub(super) fn asks(&mut self, id: OwnedId, session: u64) -> bool {
        let room = self.asked.len() < MOST_ASKED;
        if room {
            self.asked.push((id, session));
        }
        room
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

    /// The queue of a client that does not keep up, where the process is its own: it may write on once there is room.
    pub(super) fn choked(&self, sessions: &Sessions) -> Option<Arc<Queue>> {
        let Key::Session(number) = self.key else { return None };
        let listener = || sessions.get(&number).and_then(|session| session.listener.as_ref()?.1.choked());
        self.streams.values().find_map(Stream::choked).or_else(listener).cloned()
    }

    /// Whether nothing runs: the process may be ended.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }
}
