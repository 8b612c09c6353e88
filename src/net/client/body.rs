//! A request's body as a handler reads it; the connection sees how far it has come, and how long it was waited for.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

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
    /// That of the present request.
    pub(super) fn new(wire: Rc<Wire>) -> Self {
        Self(Kind::Http1(Http1Body { turn: wire.turn(), wire }))
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
            Kind::Http1(body) => body.left() == Some(0),
            Kind::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Http1(body) => body.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Kind::Http2(body) => body.size_hint(),
        }
    }
}

struct Http1Body {
    /// Which request's it is.
    turn: u32,
    wire: Rc<Wire>,
}

impl Http1Body {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        let polled = self.wire.poll_body(self.turn, cx);
        let clock = &self.wire.body;
        match &polled {
            Poll::Pending => clock.waits(),
            Poll::Ready(Some(Ok(bytes))) => clock.came(bytes.len()),
            Poll::Ready(Some(Err(BodyBroken)) | None) => clock.came(0),
        }
        polled.map_ok(Frame::data)
    }

    fn left(&self) -> Option<u64> {
        self.wire.body_left(self.turn)
    }
}

impl Drop for Http1Body {
    fn drop(&mut self) {
        // Nobody waits for it any more.
        if self.turn == self.wire.turn() {
            self.wire.body.came(0);
        }
    }
}

impl fmt::Display for BodyBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body ended early or its framing broke")
    }
}

impl std::error::Error for BodyBroken {}
