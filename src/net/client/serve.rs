//! The life of one client connection: hyper for requests and whole answers, our own loop for streams, in turns.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header, request};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::model::clock;
use crate::net::drain::{Drain, Member};

use super::io::GuardedIo;
use super::stream::{Answer, Outcome};
use super::wire::{Expired, Scratch, Wire};
use super::{Handler, Limits, Peer, Reply, canned};

/// Serves one connection to its end.
pub async fn serve<H: Handler>(
    stream: TcpStream,
    peer: Peer,
    limits: &Limits,
    handler: &H,
    drain: &Drain,
    scratch: Scratch,
) {
    let member = drain.enter();
    let wire = Rc::new(Wire::new(limits));
    let mut io = GuardedIo::new(stream, Rc::clone(&wire), scratch);
    let connection = Connection { peer, limits, handler, member, wire };
    loop {
        let (turned, ended) = connection.requests(io).await;
        io = turned;
        match ended {
            Ended::Closed => return,
            Ended::TurnAway(status) => return canned::turn_away(io.stream, status).await,
            Ended::Streaming(answer, read_by_hyper) => {
                match answer.write(&mut io.stream, limits, &connection.member).await {
                    Outcome::Close => return,
                    Outcome::Continue(came_meanwhile) => io.resume(read_by_hyper, came_meanwhile),
                }
                connection.wire.answered();
            }
        }
    }
}

struct Connection<'a, H: Handler> {
    peer: Peer,
    limits: &'a Limits,
    handler: &'a H,
    member: Member<'a>,
    wire: Rc<Wire>,
}

/// Why hyper's turn was over.
enum Ended<S> {
    Closed,
    TurnAway(u16),
    Streaming(Answer<S>, Bytes),
}

impl<H: Handler> Connection<'_, H> {
    /// Lets hyper serve requests until the connection ends or an answer has to be streamed.
    async fn requests(&self, io: GuardedIo) -> (GuardedIo, Ended<H::Stream>) {
        let slot = RefCell::new(None);
        let mut hyper = self.builder().serve_connection(io, service_fn(|request| self.answer(request, &slot)));
        let mut tick = pin!(sleep(self.limits.tick()));
        let mut told = false;
        let ended = poll_fn(|cx| {
            if !told && self.member.poll_draining(cx) {
                told = true;
                Pin::new(&mut hyper).graceful_shutdown();
            }
            if Pin::new(&mut hyper).poll(cx).is_ready() {
                let refused = self.wire.refused.get();
                return Poll::Ready(refused.map_or(Ended::Closed, |refused| Ended::TurnAway(refused.status)));
            }
            if let Some(answer) = slot.borrow_mut().take() {
                return Poll::Ready(Ended::Streaming(answer, Bytes::new()));
            }
            while tick.as_mut().poll(cx).is_ready() {
                match self.wire.expired(self.limits) {
                    Some(Expired::Slow) => return Poll::Ready(Ended::TurnAway(408)),
                    Some(Expired::Idle | Expired::Stalled) => return Poll::Ready(Ended::Closed),
                    None => tick.as_mut().reset(clock::timer_now() + self.limits.tick()),
                }
            }
            Poll::Pending
        })
        .await;
        let parts = hyper.into_parts();
        match ended {
            Ended::Streaming(answer, _) => (parts.io, Ended::Streaming(answer, parts.read_buf)),
            ended => (parts.io, ended),
        }
    }

    /// hyper's service: one request, answered whole, or put into `slot` to be streamed (then this never resolves;
    /// the driver takes hyper apart).
    async fn answer(
        &self,
        request: Request<Incoming>,
        slot: &RefCell<Option<Answer<H::Stream>>>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        self.wire.busy.set(true);
        let (parts, body) = request.into_parts();
        let head = self.wire.guard.borrow_mut().take_head();
        if !head.is_some_and(|head| head.agrees(&parts, body.size_hint().exact())) {
            tracing::warn!(peer = %self.peer.remote, "a request's head reads differently to the guard and the parser; refused");
            self.wire.answered();
            return Ok(misread());
        }
        let close = closes(&parts);
        match self.handler.handle(Request::from_parts(parts, body), self.peer).await {
            Reply::Whole(response) => {
                self.wire.answered();
                Ok(response)
            }
            Reply::Stream(head, source) => {
                *slot.borrow_mut() = Some(Answer { head, source, close });
                pending().await
            }
        }
    }

    fn builder(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder.max_headers(self.limits.head.headers).max_buf_size(self.limits.head.head.max(8192) + 8192);
        builder
    }
}

/// Whether the connection ends with this request (RFC 9112, 9.3).
fn closes(request: &request::Parts) -> bool {
    let said = |option: &str| {
        let values = request.headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(option))
    };
    said("close") || request.version != Version::HTTP_11
}

fn misread() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
