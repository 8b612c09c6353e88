//! The life of one client connection: hyper for requests and whole answers, our own loop for streams, in turns.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, request};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::time::{Sleep, sleep};

use crate::model::clock;
use crate::net::drain::{Drain, Member, Phase};
use crate::net::guard::Framing;
use crate::net::socket::Socket;

use super::body::RequestBody;
use super::canned::Farewell;
use super::clocks::Expired;
use super::io::GuardedIo;
use super::stream::{Answer, Asked, Outcome};
use super::wire::{Scratch, Verdict, Wire};
use super::{Handler, Limits, Peer, Reply, TurnedAway};

/// Serves one connection to its end.
pub async fn serve<H: Handler>(
    stream: impl Into<Socket>,
    peer: Peer,
    limits: &Limits,
    handler: &H,
    drain: &Drain,
    scratch: Scratch,
) {
    let member = drain.enter();
    let wire = Rc::new(Wire::new(limits));
    let mut io = GuardedIo::new(stream.into(), Rc::clone(&wire), scratch);
    let connection = Connection { peer, limits, handler, member, wire };
    let farewell = loop {
        let (turned, ended) = connection.requests(io).await;
        io = turned;
        let (answer, read_by_hyper) = match ended {
            Ended::Streaming(answer, read_by_hyper) => (answer, read_by_hyper),
            Ended::Over(farewell) => break farewell,
        };
        match answer.write(&mut io.stream, limits, &connection.member).await {
            Outcome::Over(farewell) => break farewell,
            Outcome::Continue(came_meanwhile) => io.resume(read_by_hyper, came_meanwhile),
        }
        connection.wire.answered();
    };
    farewell.say(io.stream).await;
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
    Over(Farewell),
    /// An answer has to be streamed. With it, what hyper had read of the requests behind it.
    Streaming(Answer<S>, Bytes),
}

/// How often a draining connection is looked at: one that waits for its first request has no other reason to wake.
const LOOK: Duration = Duration::from_millis(250);

/// What the end of its core asks of a connection.
enum Step {
    /// It ends so.
    End(Farewell),
    /// A request is being answered: hyper is told that it is the last.
    Tell,
    /// A request is on its way. hyper is told once it is there.
    Wait,
    /// hyper has to be polled once more before it is known.
    Ask,
}

impl<H: Handler> Connection<'_, H> {
    /// Lets hyper serve requests until the connection ends or an answer has to be streamed.
    async fn requests(&self, io: GuardedIo) -> (GuardedIo, Ended<H::Stream>) {
        let slot = RefCell::new(None);
        let mut hyper = self.builder().serve_connection(io, service_fn(|request| self.answer(request, &slot)));
        let mut tick = pin!(sleep(self.limits.tick()));
        let mut told = false;
        let farewell = poll_fn(|cx| {
            loop {
                self.wire.quiet.set(false);
                if let Poll::Ready(ended) = Pin::new(&mut hyper).poll(cx) {
                    return Poll::Ready(Some(self.after_hyper(&ended)));
                }
                // Nothing of an earlier answer may be left in hyper when it is taken apart.
                if slot.borrow().is_some() && !self.wire.is_blocked() {
                    return Poll::Ready(None);
                }
                if let Some(farewell) = self.after_refusal() {
                    return Poll::Ready(Some(farewell));
                }
                match self.drain(told, cx) {
                    Step::End(farewell) => return Poll::Ready(Some(farewell)),
                    Step::Tell => told = true,
                    Step::Ask => {
                        tick.as_mut().reset(clock::timer_now());
                        continue;
                    }
                    Step::Wait => break,
                }
                Pin::new(&mut hyper).graceful_shutdown();
            }
            self.expired(tick.as_mut(), cx).map(Some)
        })
        .await;
        let http1::Parts { io, read_buf, .. } = hyper.into_parts();
        let ended = match (farewell, slot.into_inner()) {
            (None, Some(answer)) => {
                // An empty buffer would keep its allocation for as long as the stream lasts.
                let ahead = if read_buf.is_empty() { Bytes::new() } else { read_buf };
                Ended::Streaming(answer, ahead)
            }
            (farewell, unsent) => {
                unsent.into_iter().for_each(Answer::abandon);
                Ended::Over(farewell.unwrap_or(Farewell::Close))
            }
        };
        (io, ended)
    }

    /// hyper has ended the connection: the client left, or its last answer has been written.
    fn after_hyper(&self, ended: &hyper::Result<()>) -> Farewell {
        // A line that has not ended reaches the parser before the guard can judge it; the parser has said so itself.
        if let Err(error) = ended
            && error.is_parse()
        {
            let status = if error.is_parse_too_large() { 431 } else { 400 };
            self.handler.turned_away(self.peer, TurnedAway { status, why: "its head is none to the parser" });
        }
        if self.wire.left.get() { Farewell::Close } else { Farewell::Linger }
    }

    fn after_refusal(&self) -> Option<Farewell> {
        Some(match self.wire.verdict()? {
            Verdict::TurnAway(turned) => self.turn_away(turned.status, turned.why),
            Verdict::Close => Farewell::Linger,
        })
    }

    /// Turns the present request away, and tells whose matter that is.
    fn turn_away(&self, status: u16, why: &'static str) -> Farewell {
        let turned = TurnedAway { status, why };
        if !self.wire.turn_away(turned) {
            self.handler.turned_away(self.peer, turned);
        }
        Farewell::TurnAway(status)
    }

    fn drain(&self, told: bool, cx: &Context<'_>) -> Step {
        let phase = self.member.poll_phase(cx);
        if told || phase == Phase::Serving {
            return Step::Wait;
        }
        if self.wire.is_answering() {
            return Step::Tell;
        }
        // Nobody waits for it, and a client that asks just now is not to find it closed.
        if phase == Phase::Leaving {
            return Step::Wait;
        }
        if !self.wire.draining.replace(true) {
            return Step::Ask;
        }
        match (self.wire.is_idle(), phase) {
            // Whatever has arrived is read and answered.
            (true, _) if !self.wire.quiet.get() => Step::Wait,
            (true, Phase::Draining) if self.wire.is_new() => Step::Wait,
            (true, _) => Step::End(Farewell::Close),
            (false, Phase::Cutting) => {
                Step::End(self.turn_away(503, "this gateway is stopping, and a request had begun"))
            }
            (false, _) => Step::Wait,
        }
    }

    fn expired(&self, mut tick: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Farewell> {
        while tick.as_mut().poll(cx).is_ready() {
            match self.wire.expired(self.limits) {
                Some(Expired::Slow) => {
                    let why = match self.wire.is_answering() {
                        true => "its body came slower than `[http] body_rate` allows",
                        false => "its head took longer than `[http] head_timeout` allows",
                    };
                    return Poll::Ready(self.turn_away(408, why));
                }
                Some(Expired::Idle) => return Poll::Ready(Farewell::Close),
                Some(Expired::Stalled) => return Poll::Ready(Farewell::Reset),
                None => tick.as_mut().reset(clock::timer_now() + self.tick()),
            }
        }
        Poll::Pending
    }

    fn tick(&self) -> Duration {
        if self.wire.draining.get() { self.limits.tick().min(LOOK) } else { self.limits.tick() }
    }

    /// hyper's service: one request, answered whole, or put into `slot` to be streamed (then this never resolves;
    /// the driver takes hyper apart).
    async fn answer(
        &self,
        request: Request<Incoming>,
        slot: &RefCell<Option<Answer<H::Stream>>>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let head = self.wire.begin().filter(|head| head.agrees(&parts, body.size_hint().exact()));
        let Some(head) = head else {
            self.wire.answered();
            let why = "its head reads differently to the guard and the parser";
            // It tells of us, too: the guard is to refuse whatever a parser could read in another way.
            tracing::warn!(peer = %self.peer.remote, "a request is refused: {why}");
            self.handler.turned_away(self.peer, TurnedAway { status: 400, why });
            return Ok(misread());
        };
        let mut asked =
            Asked { version: parts.version, head_only: parts.method == Method::HEAD, close: closes(&parts) };
        let request = Request::from_parts(parts, RequestBody::new(body, Rc::clone(&self.wire)));
        match self.handler.handle(request, self.peer, self.member.drain()).await {
            Reply::Whole(mut response) => {
                // hyper closes where the rest of a body is not at hand, and where it is told to; the client should know.
                let rest = self.wire.awaits_body() || matches!(head.framing, Framing::Chunked);
                if (rest && !self.wire.body.is_over()) || self.member.is_leaving() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                self.wire.answered();
                Ok(response)
            }
            Reply::Stream(head, source) => {
                asked.close |= !self.wire.body.is_over();
                *slot.borrow_mut() = Some(Answer { head, source, asked });
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
