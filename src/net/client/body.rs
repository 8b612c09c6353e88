//! A request's body as a handler reads it; the connection sees how far it has come, and how long it was waited for.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::TurnedAway;
use super::http2::{Reading, StreamBody};
use super::wire::Wire;

/// The body of a request. In HTTP/1.1 one that is dropped before its end costs the connection.
pub struct RequestBody(Kind);

enum Kind {
    Http1(Http1Body),
    Http2(StreamBody),
}

/// A body that ended before its end, or whose framing broke.
#[derive(Debug)]
pub struct BodyBroken;

impl RequestBody {
    pub(super) fn new(incoming: Incoming, wire: Rc<Wire>) -> Self {
        wire.body.begin(incoming.is_end_stream());
        Self(Kind::Http1(Http1Body { incoming, wire }))
    }

    pub(super) fn of_stream(body: StreamBody) -> Self {
        Self(Kind::Http2(body))
    }

    /// What becomes of the request, for whoever outlives its body.
    pub fn fate(&self) -> Fate {
        Fate(match &self.0 {
            Kind::Http1(body) => Below::Http1(Rc::clone(&body.wire)),
            Kind::Http2(body) => Below::Http2(Rc::clone(body.reading())),
        })
    }
}

/// What becomes of a request below its handler.
#[derive(Clone)]
pub struct Fate(Below);

#[derive(Clone)]
enum Below {
    Http1(Rc<Wire>),
    Http2(Rc<Reading>),
}

impl Fate {
    /// Why the request was turned away while a handler had it, where it was: its body broke, or came too slowly.
    pub fn turned_away(&self) -> Option<TurnedAway> {
        match &self.0 {
            Below::Http1(wire) => wire.turned_away(),
            Below::Http2(reading) => reading.turned_away(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        match &mut self.0 {
            Kind::Http1(body) => body.poll_frame(cx),
            Kind::Http2(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Http1(body) => body.incoming.is_end_stream(),
            Kind::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Http1(body) => body.incoming.size_hint(),
            Kind::Http2(body) => body.size_hint(),
        }
    }
}

struct Http1Body {
    incoming: Incoming,
    wire: Rc<Wire>,
}

impl Http1Body {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        let body = &self.wire.body;
        match &polled {
            Poll::Pending => body.waits(),
            Poll::Ready(Some(Ok(frame))) => body.came(frame.data_ref().map_or(0, Bytes::len)),
            Poll::Ready(Some(Err(_))) => body.came(0),
            Poll::Ready(None) => body.ended(),
        }
        polled.map_err(|_| BodyBroken)
    }
}

impl Drop for Http1Body {
    fn drop(&mut self) {
        // A body of known length is over with its last byte; nobody has to ask for its end.
        if self.incoming.is_end_stream() {
            self.wire.body.ended();
        }
        self.wire.body.came(0);
    }
}

impl fmt::Display for BodyBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body ended early or its framing broke")
    }
}

impl std::error::Error for BodyBroken {}
