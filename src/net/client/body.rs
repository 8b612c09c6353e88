//! A request's body as a handler reads it; the connection sees how far it has come, and how long it was waited for.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::TurnedAway;
use super::wire::Wire;

/// The body of a request. One that is dropped before its end costs the connection.
pub struct RequestBody {
    incoming: Incoming,
    wire: Rc<Wire>,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, wire: Rc<Wire>) -> Self {
        wire.body.begin(incoming.is_end_stream());
        Self { incoming, wire }
    }

    /// What becomes of the request, for whoever outlives its body.
    pub fn fate(&self) -> Fate {
        Fate(Rc::clone(&self.wire))
    }
}

/// What becomes of a request below its handler.
#[derive(Clone)]
pub struct Fate(Rc<Wire>);

impl Fate {
    /// Why the request was turned away while a handler had it, where it was: its body broke, or came too slowly.
    pub fn turned_away(&self) -> Option<TurnedAway> {
        self.0.turned_away()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        let body = &self.wire.body;
        match &polled {
            Poll::Pending => body.waits(),
            Poll::Ready(Some(Ok(frame))) => body.came(frame.data_ref().map_or(0, Bytes::len)),
            Poll::Ready(Some(Err(_))) => body.came(0),
            Poll::Ready(None) => body.ended(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // A body of known length is over with its last byte; nobody has to ask for its end.
        if self.incoming.is_end_stream() {
            self.wire.body.ended();
        }
        self.wire.body.came(0);
    }
}
