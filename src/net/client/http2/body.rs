//! A request's body as it comes over a stream: timed, counted, and acknowledged as it is read.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Frame, SizeHint};

use super::super::TurnedAway;
use super::super::body::BodyBroken;
use super::super::clocks::BodyClock;
use super::purse::Share;

/// What an exchange knows of its request's body while a handler has it.
pub(in crate::net::client) struct Reading {
    pub(super) clock: BodyClock,
    pub(super) share: Share,
    /// The connection holds too much.
    pub(super) overdrawn: Cell<bool>,
    /// Why the handler was not waited for any more.
    pub(super) turned: Cell<Option<TurnedAway>>,
}

impl Reading {
    /// Why the request was turned away while a handler had it.
    pub(in crate::net::client) fn turned_away(&self) -> Option<TurnedAway> {
        self.turned.get()
    }

    pub(super) fn new(share: Share, over: bool) -> Self {
        let clock = BodyClock::default();
        clock.begin(over);
        Self { clock, share, overdrawn: Cell::new(false), turned: Cell::default() }
    }
}

/// The body of a request over HTTP/2.
pub(in crate::net::client) struct StreamBody {
    stream: RecvStream,
    reading: Rc<Reading>,
    /// What is still to come, where the head said.
    length: Option<u64>,
}

impl StreamBody {
    pub(super) fn new(stream: RecvStream, reading: Rc<Reading>, length: Option<u64>) -> Self {
        Self { stream, reading, length }
    }

    /// What becomes of the request, for whoever outlives this body.
    pub(in crate::net::client) fn reading(&self) -> &Rc<Reading> {
        &self.reading
    }

    pub(in crate::net::client) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        let polled = self.stream.poll_data(cx);
        if polled.is_pending() {
            self.reading.clock.waits();
        }
        let data = match ready!(polled) {
            Some(Ok(data)) => data,
            Some(Err(_)) => {
                self.reading.clock.came(0);
                return Poll::Ready(Some(Err(BodyBroken)));
            }
            None => {
                self.reading.clock.ended();
                return Poll::Ready(None);
            }
        };
        self.reading.clock.came(data.len());
        // h2 holds it against what has come.
        self.length = self.length.map(|length| length.saturating_sub(data.len() as u64));
        if self.stream.flow_control().release_capacity(data.len()).is_err() {
            return Poll::Ready(Some(Err(BodyBroken)));
        }
        if !self.reading.share.take(data.len()) {
            self.reading.overdrawn.set(true);
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    pub(in crate::net::client) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    pub(in crate::net::client) fn size_hint(&self) -> SizeHint {
        match self.length {
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            Some(length) => SizeHint::with_exact(length),
            None => SizeHint::default(),
        }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.reading.clock.ended();
    }
}
