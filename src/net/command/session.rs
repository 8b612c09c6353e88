//! A session that Weir gives, since a command has none of its own: its streams, and what a client that comes back with
//! `Last-Event-ID` is sent again (2025-11-25, "Resumability and Redelivery").

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use crate::protocol::revision::Revision;
use crate::protocol::sse::{self, Block};

use super::exchange::{Head, Kind, Part, Sink};
use super::key::Key;

/// Bytes of events that a session keeps for a client that comes back.
const KEPT_BYTES: usize = 1024 * 1024;
/// Events that it keeps.
const KEPT_EVENTS: usize = 512;
/// The stream of GET: what belongs to no call.
pub(super) const LISTENING: u32 = 0;

/// All sessions of one server.
pub(super) type Sessions = HashMap<u64, Session>;

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: Key,
    /// When its client was heard last.
    pub(super) heard: Instant,
    /// Whether a client was told of it, which can come back to it then.
    pub(super) known: bool,
    /// Where what belongs to no call goes, with the number of its exchange.
    pub(super) listener: Option<(u64, Sink)>,
    /// The first event for the listener that was never sent.
    unsent: u32,
    streams: u32,
    log: Log,
    /// Whether streams begin with an event without data, so that a client can come back before the first one.
    primes: bool,
}

/// The last events of a session.
#[derive(Debug, Default)]
struct Log {
    next: u32,
    kept: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    stream: u32,
    event: u32,
    frame: Bytes,
}

impl Session {
    pub(super) fn new(key: Key, now: Instant) -> Self {
        let (listener, log) = (None, Log::default());
        Self { key, heard: now, known: false, listener, unsent: 0, streams: LISTENING, log, primes: false }
    }

    /// The client has asked for this revision, which says what it understands.
    pub(super) fn speaks(&mut self, revision: &str) {
        self.primes = Revision::parse(revision).is_some_and(|asked| asked >= Revision::V2025_11_25);
    }

    /// The number of a new stream.
    pub(super) fn stream(&mut self) -> u32 {
        self.streams += 1;
        self.streams
    }

    /// The event that a stream begins with, for clients that know what it is.
    pub(super) fn priming(&mut self, stream: u32) -> Option<Bytes> {
        self.primes.then(|| self.log.append(stream, b""))
    }

    /// Keeps a message of a stream, and gives it as an event.
    pub(super) fn keep(&mut self, stream: u32, message: &[u8]) -> Bytes {
        self.log.append(stream, message)
    }

    /// A message that belongs to no call: it goes to who listens, or waits for one.
    pub(super) fn tell(&mut self, message: &[u8]) {
        let frame = self.log.append(LISTENING, message);
        if self.listener.as_ref().is_some_and(|(_, sink)| sink.send(Part::Piece(frame))) {
            self.unsent = self.log.next;
        } else {
            self.listener = None;
        }
    }

    /// Whether somebody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.listener.is_some()
    }

    /// Begins to listen; whoever did before is let go, since each message goes on one stream alone. `after` is the last
    /// event that the client has seen.
    pub(super) fn listen(&mut self, exchange: u64, sink: Sink, after: Option<u32>) {
        self.deafen();
        let from = after.map_or(self.unsent, |seen| seen + 1);
        sink.send(Part::Head(EVENTS));
        let replayed = self.log.of(LISTENING, from);
        if after.is_none()
            && replayed.is_empty()
            && let Some(priming) = self.priming(LISTENING)
        {
            sink.send(Part::Piece(priming));
        }
        for frame in replayed {
            sink.send(Part::Piece(frame));
        }
        self.unsent = self.log.next;
        self.listener = Some((exchange, sink));
    }

    /// Nobody listens any more.
    pub(super) fn deafen(&mut self) {
        if let Some((_, sink)) = self.listener.take() {
            sink.send(Part::End);
        }
    }

    /// What came on a stream after an event; `None` where nothing is known of it any more.
    pub(super) fn after(&self, stream: u32, event: u32) -> Option<Vec<Bytes>> {
        let known = self.log.kept.iter().any(|kept| kept.stream == stream && kept.event <= event);
        known.then(|| self.log.of(stream, event + 1))
    }
}

impl Log {
    fn append(&mut self, stream: u32, message: &[u8]) -> Bytes {
        let event = self.next;
        self.next += 1;
        let id = format!("{stream}-{event}");
        let frame = frame(Some(id.as_bytes()), message);
        self.bytes += frame.len();
        self.kept.push_back(Kept { stream, event, frame: frame.clone() });
        while self.kept.len() > KEPT_EVENTS || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.frame.len();
        }
        frame
    }

    fn of(&self, stream: u32, from: u32) -> Vec<Bytes> {
        let wanted = self.kept.iter().filter(|kept| kept.stream == stream && kept.event >= from);
        wanted.map(|kept| kept.frame.clone()).collect()
    }
}

/// A message as an event.
pub(super) fn frame(id: Option<&[u8]>, message: &[u8]) -> Bytes {
    let mut out = Vec::new();
    sse::write_block(&mut out, &Block { id, data: Some(message), ..Block::default() });
    Bytes::from(out)
}

/// Reads an event id of ours: the stream, and the event.
pub(super) fn event_id(text: &str) -> Option<(u32, u32)> {
    let (stream, event) = text.split_once('-')?;
    Some((stream.parse().ok()?, event.parse().ok()?))
}

/// The head of an event stream.
pub(super) const EVENTS: Head = Head { status: http::StatusCode::OK, kind: Kind::Events, session: None };
