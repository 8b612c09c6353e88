//! The answer to one POST while it is made: JSON where the answer is all there is, else an event stream.

use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;

use crate::model::Refusal;

use super::exchange::{GoesOn, Head, Kind, Part, Queue, Sink};
use super::session::{EVENTS, Session, Sessions, frame};

/// One answer that is being made.
#[derive(Debug)]
pub(super) struct Stream {
    /// The client, as long as it is there.
    sink: Option<Sink>,
    /// The session, and the number of this stream in it: there its events are kept for a client that comes back.
    kept: Option<(u64, u32)>,
    takes_events: bool,
    /// The session that the answer opens.
    pub(super) opens: Option<u64>,
    /// Answers that are still to come, of so many requests.
    pub(super) awaited: usize,
    single: bool,
    begun: bool,
    since: Instant,
    /// Answers of a batch whose client takes no events.
    collected: Vec<u8>,
    /// Its client has come back for it by GET: leaving that calls nothing off.
    resumed: bool,
    _goes_on: Option<GoesOn>,
}

impl Stream {
    /// The answer to `requests` of them.
    pub(super) fn new(sink: Sink, kept: Option<(u64, u32)>, requests: usize, takes_events: bool, now: Instant) -> Self {
        Self {
            sink: Some(sink),
            kept,
            takes_events,
            opens: None,
            awaited: requests,
            single: requests == 1,
            begun: false,
            since: now,
            collected: Vec::new(),
            resumed: false,
            _goes_on: None,
        }
    }

    /// The session that it belongs to.
    pub(super) fn session(&self) -> Option<u64> {
        self.kept.map(|(session, _)| session)
    }

    /// Whether it is this stream of this session.
    pub(super) fn is(&self, session: u64, stream: u32) -> bool {
        self.kept == Some((session, stream))
    }

    /// Whether its client takes more than one message.
    pub(super) fn takes_events(&self) -> bool {
        self.takes_events
    }

    /// A message on the way to the answer. Without events the client cannot be told of it.
    pub(super) fn tell(&mut self, sessions: &mut Sessions, message: &[u8]) {
        if self.begin(sessions) {
            let frame = self.frame(sessions, message);
            self.send(Part::Piece(frame));
        }
    }

    /// An answer, with the status of a server that has nothing else to say. True where it was the last.
    pub(super) fn answer(&mut self, sessions: &mut Sessions, message: &[u8], status: StatusCode) -> bool {
        self.awaited = self.awaited.saturating_sub(1);
        let last = self.awaited == 0;
        if !self.begun && self.single {
            self.whole(sessions, status, Bytes::copy_from_slice(message));
        } else if self.begin(sessions) {
            let frame = self.frame(sessions, message);
            self.send(Part::Piece(frame));
        } else {
            self.collect(sessions, message, last);
        }
        if last {
            self.send(Part::End);
        }
        last
    }

    fn whole(&mut self, sessions: &mut Sessions, status: StatusCode, body: Bytes) {
        self.head(sessions, Head { status, kind: Kind::Json, session: self.opens });
        self.send(Part::Piece(body));
    }

    /// Sends the head, by which a client gets to know the session that it opens.
    fn head(&mut self, sessions: &mut Sessions, head: Head) {
        self.send(Part::Head(head));
        let opened = head.session.filter(|_| self.sink.is_some()).and_then(|opened| sessions.get_mut(&opened));
        if let Some(opened) = opened {
            opened.known = true;
        }
    }

    fn collect(&mut self, sessions: &mut Sessions, message: &[u8], last: bool) {
        self.collected.push(if self.collected.is_empty() { b'[' } else { b',' });
        self.collected.extend_from_slice(message);
        if last {
            self.collected.push(b']');
            let all = Bytes::from(std::mem::take(&mut self.collected));
            self.whole(sessions, StatusCode::OK, all);
        }
    }

    /// Ends it without what was awaited.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.send(Part::Refused(refusal));
    }

    /// Ends it: nothing else will come.
    pub(super) fn end(&mut self, sessions: &mut Sessions) {
        self.begin(sessions);
        self.send(Part::End);
    }

    /// Begins the event stream of an answer that has been awaited for long, so that its silence can be filled.
    pub(super) fn wait(&mut self, sessions: &mut Sessions, before: Instant) {
        if !self.begun && self.since <= before {
            self.begin(sessions);
        }
    }

    /// Its client has come back for it.
    pub(super) fn resume(&mut self, sink: Sink, missed: Vec<Bytes>) {
        self.begun = true;
        self.resumed = true;
        self.sink = Some(sink);
        self.send(Part::Head(EVENTS));
        missed.into_iter().for_each(|frame| self.send(Part::Piece(frame)));
    }

    /// Its client left. False where nobody is to come back for it, and it is to be called off.
    pub(super) fn goes_on(&mut self, goes_on: Option<GoesOn>) -> bool {
        if goes_on.is_none() && !self.resumed {
            return false;
        }
        self.sink = None;
        if goes_on.is_some() {
            self._goes_on = goes_on;
        }
        true
    }

    /// Whether it has been made without a client since before that.
    pub(super) fn is_forsaken(&self, before: Instant) -> bool {
        self.sink.is_none() && self.since <= before
    }

    /// The queue of a client that does not keep up.
    pub(super) fn choked(&self) -> Option<&std::sync::Arc<Queue>> {
        self.sink.as_ref().and_then(Sink::choked)
    }

    /// Bytes that wait for its client.
    pub(super) fn waiting(&self) -> usize {
        self.sink.as_ref().map_or(0, Sink::waiting)
    }

    fn begin(&mut self, sessions: &mut Sessions) -> bool {
        if !self.begun && self.takes_events {
            self.begun = true;
            self.head(sessions, Head { session: self.opens, ..EVENTS });
            let priming = self.home(sessions).and_then(|(session, stream)| session.priming(stream));
            if let Some(priming) = priming {
                self.send(Part::Piece(priming));
            }
        }
        self.begun
    }

    fn frame(&self, sessions: &mut Sessions, message: &[u8]) -> Bytes {
        match self.home(sessions) {
            Some((session, stream)) => session.keep(stream, message),
            None => frame(None, message),
        }
    }

    fn home<'a>(&self, sessions: &'a mut Sessions) -> Option<(&'a mut Session, u32)> {
        let (session, stream) = self.kept?;
        Some((sessions.get_mut(&session)?, stream))
    }

    fn send(&mut self, part: Part) {
        if self.sink.as_ref().is_some_and(|sink| !sink.send(part)) {
            self.sink = None;
        }
    }
}
