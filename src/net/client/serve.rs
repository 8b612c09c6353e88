//! The life of one client connection: a request is read, answered, and its answer written, one after the other.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, Version, response};
use http_body_util::Full;
use tokio::time::{Sleep, sleep};

use crate::model::clock;
use crate::net::drain::{Drain, Member, Phase};
use crate::net::guard::Head;
use crate::net::socket::Socket;

use super::body::RequestBody;
use super::canned::Farewell;
use super::clocks::HeadClock;
use super::shared::Scratch;
use super::stream::{Answer, Asked, Outcome};
use super::whole::{self, Outgoing};
use super::wire::Wire;
use super::{End, Handler, Limits, Peer, Reply, Source, TurnedAway};

/// How long a client that has just connected is given to send its first request while draining. It connected for that,
/// and unlike one that finds a kept connection closed, it would not try again.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// How often a draining connection is looked at: one that waits for its first request has no other reason to wake.
const LOOK: Duration = Duration::from_millis(250);

/// Serves one connection to its end.
pub async fn serve<H: Handler>(
    stream: impl Into<Socket>,
    peer: Peer,
    limits: &Limits,
    handler: &H,
    drain: &Drain,
    scratch: Scratch,
) {
    let wire = Rc::new(Wire::new(stream.into(), limits, scratch));
    let connection = Connection { peer, limits, handler, member: drain.enter(), wire, since: clock::now() };
    let farewell = connection.run().await;
    if let Some((socket, _)) = connection.wire.take() {
        farewell.say(socket).await;
    }
}

struct Connection<'a, H: Handler> {
    peer: Peer,
    limits: &'a Limits,
    handler: &'a H,
    member: Member<'a>,
    wire: Rc<Wire>,
    /// When it was opened.
    since: Instant,
}

impl<H: Handler> Connection<'_, H> {
    async fn run(&self) -> Farewell {
        let mut tick = pin!(sleep(self.limits.tick()));
        loop {
            let clock = HeadClock::new();
            let hurried = Cell::new(false);
            let head = match poll_fn(|cx| self.poll_request(&clock, &hurried, tick.as_mut(), cx)).await {
                Ok(head) => head,
                Err(farewell) => return farewell,
            };
            let asked = Asked::of(&head);
            let reply = {
                let request = Request::from_parts(head.parts, RequestBody::new(Rc::clone(&self.wire)));
                let mut handling = pin!(self.handler.handle(request, self.peer.clone(), self.member.drain()));
                poll_fn(|cx| self.poll_reply(handling.as_mut(), tick.as_mut(), cx)).await
            };
            let over = match reply {
                Ok(Reply::Whole(response)) => match self.whole(response, asked) {
                    Ok((None, over)) => over,
                    Ok((Some(rest), over)) => self.rest(rest, tick.as_mut()).await.or(over),
                    Err(farewell) => Some(farewell),
                },
                Ok(Reply::Stream(head, source)) => self.stream(head, source, asked).await,
                Err(farewell) => Some(farewell),
            };
            if let Some(farewell) = over {
                return farewell;
            }
        }
    }

    /// Waits for a request, as long as it is worth it. What has arrived is read and answered, whatever else there is.
    fn poll_request(
        &self,
        clock: &HeadClock,
        hurried: &Cell<bool>,
        mut tick: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Head, Farewell>> {
        match self.wire.poll_head(clock, cx) {
            Poll::Ready(Ok(head)) => return Poll::Ready(head.ok_or(Farewell::Close)),
            Poll::Ready(Err(refused)) => return Poll::Ready(Err(self.turn_away(refused.status, refused.why))),
            Poll::Pending => {}
        }
        let phase = self.member.poll_phase(cx);
        // While its core leaves nobody waits for it, and a client that asks just now is not to find it closed.
        if phase >= Phase::Draining {
            if let Some(farewell) = self.drained(phase, clock) {
                return Poll::Ready(Err(farewell));
            }
            if !hurried.replace(true) {
                tick.as_mut().reset(clock::timer_now() + self.tick());
            }
        }
        let over = self.looked(tick, cx, || {
            let why = "its head took longer than `[http] head_timeout` allows";
            match clock.is_over(self.limits) {
                true if clock.is_idle() => Some(Farewell::Close),
                true => Some(self.turn_away(408, why)),
                false => None,
            }
        });
        over.map(Err)
    }

    /// What draining asks of a connection that waits.
    fn drained(&self, phase: Phase, clock: &HeadClock) -> Option<Farewell> {
        match (clock.is_idle(), phase) {
            (true, _) if !self.wire.is_quiet() => None,
            (true, Phase::Draining) if self.is_new() => None,
            (true, _) => Some(Farewell::Close),
            (false, Phase::Cutting) => Some(self.turn_away(503, "this gateway is stopping, and a request had begun")),
            (false, _) => None,
        }
    }

    /// Whether it was opened just now, and its first request is still to come.
    fn is_new(&self) -> bool {
        self.wire.turn() == 0 && clock::now() - self.since < FIRST_REQUEST
    }

    /// Lets the handler work for as long as it is worth it.
    fn poll_reply(
        &self,
        handling: Pin<&mut impl Future<Output = Reply<H::Stream>>>,
        tick: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Reply<H::Stream>, Farewell>> {
        // It is polled again when stopping goes on.
        self.member.poll_phase(cx);
        if let Poll::Ready(reply) = handling.poll(cx) {
            return Poll::Ready(Ok(reply));
        }
        if let Some(refused) = self.wire.broken() {
            return Poll::Ready(Err(self.call_off(refused.status, refused.why)));
        }
        if self.wire.poll_left(cx).is_ready() {
            return Poll::Ready(Err(Farewell::Close));
        }
        let over = self.looked(tick, cx, || {
            let is_slow = self.wire.body.is_too_slow(clock::now(), self.limits);
            is_slow.then(|| self.call_off(408, "its body came slower than `[http] body_rate` allows"))
        });
        over.map(Err)
    }

    /// Writes an answer of one piece, as far as the socket takes it. With what is left: whether the connection ends then.
    fn whole(
        &self,
        response: Response<Full<Bytes>>,
        asked: Asked,
    ) -> Result<(Option<Outgoing>, Option<Farewell>), Farewell> {
        let leaves = self.member.is_leaving() || self.peer.is_ending(self.limits.idle);
        let close = !self.wire.ends_body() || asked.close || leaves;
        let before = self.wire.take_invitation();
        let begun =
            self.wire.with_socket(|socket, shared| whole::begin(socket, shared, response, asked, close, before));
        let Some(Ok(left)) = begun else { return Err(Farewell::Close) };
        Ok((left, close.then(|| if self.wire.has_left() { Farewell::Close } else { Farewell::Linger })))
    }

    /// Writes the rest of one, as long as the client takes some of it now and then.
    async fn rest(&self, mut rest: Outgoing, mut tick: Pin<&mut Sleep>) -> Option<Farewell> {
        let stalled = Cell::new(None);
        poll_fn(|cx| {
            let polled = self.wire.with_socket(|socket, _| {
                let before = rest.progress(socket);
                let polled = rest.poll(socket, cx);
                if stalled.get().is_none() || rest.progress(socket) != before {
                    stalled.set(Some(clock::now()));
                }
                polled
            });
            match polled {
                Some(Poll::Ready(Ok(()))) => return Poll::Ready(None),
                Some(Poll::Ready(Err(_))) | None => return Poll::Ready(Some(Farewell::Close)),
                Some(Poll::Pending) => {}
            }
            let over = self.looked(tick.as_mut(), cx, || {
                let since = stalled.get().filter(|since| clock::now() - *since >= self.limits.write_stall);
                since.map(|_| Farewell::Reset)
            });
            over.map(Some)
        })
        .await
    }

    /// Writes an answer that comes piece by piece.
    async fn stream(&self, head: response::Parts, source: H::Stream, mut asked: Asked) -> Option<Farewell> {
        asked.close |= !self.wire.ends_body() || asked.version != Version::HTTP_11;
        asked.close |= self.peer.is_ending(self.limits.idle);
        let before = self.wire.take_invitation();
        let Some((mut socket, ahead)) = self.wire.take() else {
            source.finished(End::ClientLeft);
            return Some(Farewell::Close);
        };
        let mut ahead = BytesMut::from(ahead);
        let answer = Answer { head, source, asked, before };
        let outcome = answer.write(&mut socket, &mut ahead, self.limits, &self.member).await;
        self.wire.resume(socket, ahead);
        match outcome {
            Outcome::Continue => None,
            Outcome::Over(farewell) => Some(farewell),
        }
    }

    /// Turns away what no handler has seen.
    fn turn_away(&self, status: u16, why: &'static str) -> Farewell {
        self.handler.turned_away(&self.peer, TurnedAway { status, why });
        Farewell::TurnAway(status)
    }

    /// Turns the request away that a handler has: it is dropped, and its fate says why.
    fn call_off(&self, status: u16, why: &'static str) -> Farewell {
        self.wire.turn_away(TurnedAway { status, why });
        Farewell::TurnAway(status)
    }

    /// Looks at the clocks now and then.
    fn looked(
        &self,
        mut tick: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
        over: impl Fn() -> Option<Farewell>,
    ) -> Poll<Farewell> {
        while tick.as_mut().poll(cx).is_ready() {
            match over() {
                Some(farewell) => return Poll::Ready(farewell),
                None => tick.as_mut().reset(clock::timer_now() + self.tick()),
            }
        }
        Poll::Pending
    }

    fn tick(&self) -> Duration {
        let is_draining = self.member.drain().phase() >= Phase::Draining;
        if is_draining { self.limits.tick().min(LOOK) } else { self.limits.tick() }
    }
}

impl Asked {
    fn of(head: &Head) -> Self {
        let version = head.parts.version;
        let close = head.closes() || (version != Version::HTTP_11 && !head.keeps());
        Self { version, head_only: head.parts.method == Method::HEAD, close }
    }
}
