//! The life of one HTTP/2 connection: requests in, exchanges in turn, one write for what came of it; its clocks, its end.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, Stream};
use h2::server::{Builder, Handshake, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep, timeout};

use crate::model::clock;
use crate::net::drain::{Drain, Member, Phase};

use super::super::canned::{LINGER, linger};
use super::super::{Handler, Limits, Peer};
use super::allowance::Allowance;
use super::exchange::exchange;
use super::purse::Purse;
use super::queue::Queue;
use super::wire::{Tap, Wire};

/// What a client may send of a body, and of all bodies, before it is read.
const STREAM_WINDOW: u32 = 65_535;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// What h2 keeps of one answer.
const SEND_BUFFER: usize = 32 * 1024;
/// Streams that we reset because the client broke a rule.
const BROKEN: usize = 100;
/// How often a turn goes on because an exchange had something to say, before others have their turn.
const ROUNDS: usize = 16;
/// How often a draining connection is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How long a connection without a request is kept while draining: its first may be on its way, or one that has crossed
/// our word of it.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// Serves one connection to its end. `Some`: its client does not read; what is still in the kernel for it should not
/// stay there.
#[must_use]
pub async fn serve_http2<IO, H>(io: IO, peer: Peer, limits: &Limits, handler: &H, drain: &Drain) -> Option<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let wire = Rc::new(Wire::new(io));
    let ending = {
        let session = Session::Shaking(builder(limits).handshake(Tap(Rc::clone(&wire))));
        let connection = Connection::new(peer, limits, handler, drain, &wire);
        let ending = connection.run(session).await;
        if ending == Ending::Over && !wire.has_left() {
            // Whatever goes wrong here, the connection is over.
            let _ = timeout(LINGER, poll_fn(|cx| wire.poll_flush(cx))).await;
        }
        ending
    };
    let left = wire.has_left();
    let io = Rc::into_inner(wire)?.into_io();
    match ending {
        Ending::Stalled => return Some(io),
        Ending::Over if !left => linger(io).await,
        Ending::Over => {}
    }
    None
}

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(u32::try_from(limits.streams).unwrap_or(u32::MAX))
        .max_header_list_size(u32::try_from(limits.head.head).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER)
        .max_local_error_reset_streams(Some(BROKEN));
    builder
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Over,
    /// The socket takes nothing any more.
    Stalled,
}

/// What the exchanges of a connection share.
pub(super) struct Connection<'a, IO, H> {
    pub(super) peer: Peer,
    pub(super) limits: &'a Limits,
    pub(super) handler: &'a H,
    pub(super) drain: &'a Drain,
    pub(super) wire: &'a Wire<IO>,
    pub(super) purse: Rc<Purse>,
    pub(super) queue: Queue,
    /// Streams that the client resets before they are answered: each has cost us a call.
    resets: RefCell<Allowance>,
    open: Cell<usize>,
    /// There was a request.
    asked: Cell<bool>,
    /// Since when no stream has been open.
    since: Cell<Instant>,
}

/// One of the open exchanges.
pub(super) struct Open<'a>(&'a Cell<usize>, &'a Cell<Instant>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
        self.1.set(clock::now());
    }
}

/// h2's side of the connection.
enum Session<IO> {
    Shaking(Handshake<Tap<IO>, Bytes>),
    Open(h2::server::Connection<Tap<IO>, Bytes>),
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// Advances it; ready once it is over.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut begin: impl FnMut(Request<RecvStream>, SendResponse<Bytes>),
    ) -> Poll<()> {
        loop {
            match self {
                Self::Shaking(handshake) => match ready!(Pin::new(handshake).poll(cx)) {
                    Ok(open) => *self = Self::Open(open),
                    Err(_) => return Poll::Ready(()),
                },
                Self::Open(open) => match ready!(open.poll_accept(cx)) {
                    Some(Ok((request, respond))) => begin(request, respond),
                    Some(Err(_)) | None => return Poll::Ready(()),
                },
            }
        }
    }
}

/// What is to be done about a connection, once it has had its turn.
enum Step {
    Wait,
    /// It ends for this reason, with all that runs on it.
    End(Reason),
    /// No new request; what runs comes to its end.
    Drain,
    Stall,
}

impl<'a, IO: AsyncRead + AsyncWrite + Unpin, H: Handler> Connection<'a, IO, H> {
    fn new(peer: Peer, limits: &'a Limits, handler: &'a H, drain: &'a Drain, wire: &'a Wire<IO>) -> Self {
        // All that runs may be called off at once; in the long run, a tenth of that every second.
        let streams = u32::try_from(limits.streams).unwrap_or(u32::MAX);
        Self {
            peer,
            limits,
            handler,
            drain,
            wire,
            purse: Purse::new(limits.memory),
            queue: Queue::default(),
            resets: RefCell::new(Allowance::new(streams.saturating_mul(2), streams.div_ceil(10))),
            open: Cell::new(0),
            asked: Cell::new(false),
            since: Cell::new(clock::now()),
        }
    }

    async fn run(&self, mut session: Session<IO>) -> Ending {
        let member = self.drain.enter();
        let mut exchanges = FuturesUnordered::new();
        let mut clocks = Clocks { told: None, draining: None, tick: pin!(sleep(self.limits.tick())) };
        poll_fn(|cx| {
            loop {
                if self.turn(cx, &mut session, &mut exchanges, |request, respond| exchange(self, request, respond)) {
                    return Poll::Ready(Ending::Over);
                }
                match (clocks.step(self, &member, cx), &mut session) {
                    (Step::Wait, _) => return Poll::Pending,
                    (Step::Stall, _) => return Poll::Ready(Ending::Stalled),
                    (Step::End(reason), Session::Open(open)) => open.abrupt_shutdown(reason),
                    (Step::Drain, Session::Open(open)) => open.graceful_shutdown(),
                    (Step::End(_), Session::Shaking(_)) => return Poll::Ready(Ending::Over),
                    // It is asked again when it has begun.
                    (Step::Drain, Session::Shaking(_)) => {
                        clocks.draining = None;
                        return Poll::Pending;
                    }
                }
            }
        })
        .await
    }

    /// Lets h2 and the exchanges do what they can, and writes what came of it. True once h2 is done.
    fn turn<F: Future<Output = ()>>(
        &self,
        cx: &mut Context<'_>,
        session: &mut Session<IO>,
        exchanges: &mut FuturesUnordered<F>,
        begin: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F,
    ) -> bool {
        let mut rounds = 0;
        let over = loop {
            if session.poll(cx, |request, respond| exchanges.push(begin(request, respond))).is_ready() {
                break true;
            }
            while let Poll::Ready(Some(())) = Pin::new(&mut *exchanges).poll_next(cx) {}
            if !self.queue.take_fresh() {
                break false;
            }
            rounds += 1;
            if rounds == ROUNDS {
                cx.waker().wake_by_ref();
                break false;
            }
        };
        match self.wire.poll_flush(cx) {
            Poll::Ready(Ok(())) => self.queue.emptied(),
            Poll::Ready(Err(_)) => return true,
            Poll::Pending => {}
        }
        if self.open.get() == 0 {
            self.wire.rest();
        }
        over
    }

    /// A stream opens.
    pub(super) fn opens(&self) -> Open<'_> {
        self.open.set(self.open.get() + 1);
        self.asked.set(true);
        Open(&self.open, &self.since)
    }

    /// Which bound on time has been passed, if any.
    fn expired(&self, draining: Option<Instant>, cutting: bool) -> Option<Step> {
        let now = clock::now();
        let lasts = |since: Option<Instant>, most| since.is_some_and(|since| now - since >= most);
        let idle = (self.open.get() == 0).then(|| self.since.get());
        if lasts(self.wire.blocked(), self.limits.write_stall) {
            return Some(Step::Stall);
        }
        if lasts(self.wire.within(), self.limits.head_timeout) {
            return Some(Step::End(Reason::ENHANCE_YOUR_CALM));
        }
        let done = draining.is_some() && (cutting || lasts(draining, LAST_REQUEST));
        if lasts(idle, self.limits.idle) || (idle.is_some() && done) {
            return Some(Step::End(Reason::NO_ERROR));
        }
        None
    }
}

impl<IO, H> Connection<'_, IO, H> {
    /// Whether its client has to connect anew, with another certificate. Not before it has had an answer.
    fn outlives_its_certificate(&self) -> bool {
        self.asked.get() && self.open.get() == 0 && self.peer.is_ending(self.limits.idle)
    }

    /// The client has reset a stream that was being answered.
    pub(super) fn was_reset(&self) {
        if !self.resets.borrow_mut().spend(1) {
            self.wire.refuse("too many streams that are reset");
        }
    }
}

/// The clocks of a connection, and what it has been told.
struct Clocks<'a> {
    /// When it was told to end.
    told: Option<Instant>,
    /// Since when it has been draining.
    draining: Option<Instant>,
    tick: Pin<&'a mut Sleep>,
}

impl Clocks<'_> {
    fn step<IO, H>(&mut self, connection: &Connection<'_, IO, H>, member: &Member<'_>, cx: &mut Context<'_>) -> Step
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        H: Handler,
    {
        let phase = member.poll_phase(cx);
        if let (Some(why), None) = (connection.wire.refused(), self.told) {
            tracing::debug!(peer = %connection.peer.remote, why, "an HTTP/2 connection is ended");
            return self.end(Step::End(Reason::ENHANCE_YOUR_CALM));
        }
        let leaves = phase >= Phase::Leaving || connection.outlives_its_certificate();
        if leaves && self.draining.is_none() && self.told.is_none() {
            self.draining = Some(clock::now());
            self.tick.as_mut().reset(clock::timer_now());
            return Step::Drain;
        }
        while self.tick.as_mut().poll(cx).is_ready() {
            // It was told, and does not even take that.
            if self.told.is_some_and(|told| clock::now() - told >= LINGER) {
                return Step::Stall;
            }
            if let (Some(step), None) = (connection.expired(self.draining, phase == Phase::Cutting), self.told) {
                return self.end(step);
            }
            let soon = self.told.is_some() || self.draining.is_some();
            let tick = if soon { connection.limits.tick().min(LOOK) } else { connection.limits.tick() };
            self.tick.as_mut().reset(clock::timer_now() + tick);
        }
        Step::Wait
    }

    fn end(&mut self, step: Step) -> Step {
        self.told = Some(clock::now());
        self.tick.as_mut().reset(clock::timer_now() + LOOK);
        step
    }
}
