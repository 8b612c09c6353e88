//! What the driver of a connection and its I/O wrapper (which hyper owns) both see.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::model::clock;
use crate::net::guard::{Head, HeadGuard, Phase, Refused};

use super::clocks::{BodyClock, Expired};
use super::{Limits, TurnedAway};

/// How long a client that has just connected is given to send its first request while draining. It connected for that,
/// and unlike one that finds a kept connection closed, it would not try again.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// One core's read buffer, shared by its connections: one that waits holds none.
pub type Scratch = Rc<RefCell<Box<[u8]>>>;

/// A core's read buffer: what one read of a request takes at most.
pub fn scratch() -> Scratch {
    Rc::new(RefCell::new(vec![0; 64 * 1024].into_boxed_slice()))
}

/// The state of a connection below HTTP.
pub(super) struct Wire {
    guard: RefCell<HeadGuard>,
    /// A head taken from the guard ahead of time, to see whether there is one.
    next_head: RefCell<Option<Head>>,
    /// What the guard refused; the connection ends with it.
    refused: Cell<Option<Refused>>,
    /// The request that a handler has was turned away so.
    turned_away: Cell<Option<TurnedAway>>,
    /// hyper has taken all that was sound and asks for more.
    exhausted: Cell<bool>,
    /// A request has begun.
    begun: Cell<bool>,
    /// A request is being answered: a handler has it, or its stream is being written.
    busy: Cell<bool>,
    /// The body of the request that is, or was last, in a handler's hands.
    pub(super) body: BodyClock,
    /// Since when the present phase has lasted (between heads, in a head).
    since: Cell<Instant>,
    phase: Cell<Phase>,
    blocked_since: Cell<Option<Instant>>,
    /// The client has closed its side, or the socket broke.
    pub(super) left: Cell<bool>,
    /// Set while draining: the I/O wrapper is to find out whether `quiet`.
    pub(super) draining: Cell<bool>,
    /// The client has sent nothing that hyper has not taken. Only known while draining.
    pub(super) quiet: Cell<bool>,
}

/// What a refusal of the guard means, once all before it has been dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The refused request has this coming.
    TurnAway(TurnedAway),
    /// The refused request has been answered: its body broke behind the answer.
    Close,
}

impl Wire {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            guard: RefCell::new(HeadGuard::new(limits.head)),
            next_head: RefCell::new(None),
            refused: Cell::new(None),
            turned_away: Cell::new(None),
            exhausted: Cell::new(false),
            begun: Cell::new(false),
            busy: Cell::new(false),
            body: BodyClock::default(),
            since: Cell::new(clock::now()),
            phase: Cell::new(Phase::Between),
            blocked_since: Cell::new(None),
            left: Cell::new(false),
            draining: Cell::new(false),
            quiet: Cell::new(false),
        }
    }

    /// Passes bytes through the guard. Returns how many of them may be handed on; what was refused is remembered.
    pub(super) fn inspect(&self, bytes: &[u8]) -> usize {
        let mut guard = self.guard.borrow_mut();
        let good = match guard.inspect(bytes) {
            Ok(()) => bytes.len(),
            Err(refused) => {
                self.refused.set(Some(refused));
                refused.good
            }
        };
        let phase = guard.phase();
        if self.phase.replace(phase) != phase {
            self.since.set(clock::now());
        }
        good
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.get().is_some()
    }

    /// hyper has nothing left but what was refused.
    pub(super) fn exhaust(&self) {
        self.exhausted.set(true);
    }

    /// What is to be done about a refusal now. None: there is none, or what came before it is not done with.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let refused = self.refused.get().filter(|_| self.exhausted.get() && self.blocked_since.get().is_none())?;
        // Whether it fell into the body of the request that a handler has, or had last.
        let own = self.phase.get() == Phase::Body && !self.has_head();
        match (own, self.busy.get()) {
            (false, true) => None,
            (true, false) => Some(Verdict::Close),
            (true, true) | (false, false) => {
                Some(Verdict::TurnAway(TurnedAway { status: refused.status, why: refused.why }))
            }
        }
    }

    /// Remembers that the request which is answered is turned away; false if none is.
    pub(super) fn turn_away(&self, turned: TurnedAway) -> bool {
        let is_busy = self.busy.get();
        if is_busy {
            self.turned_away.set(Some(turned));
        }
        is_busy
    }

    /// How the request that a handler has was turned away.
    pub(super) fn turned_away(&self) -> Option<TurnedAway> {
        self.turned_away.get()
    }

    /// The head that hyper must have read as well; a request begins.
    pub(super) fn begin(&self) -> Option<Head> {
        self.begun.set(true);
        self.busy.set(true);
        self.next_head.take().or_else(|| self.guard.borrow_mut().take_head())
    }

    fn has_head(&self) -> bool {
        let mut next = self.next_head.borrow_mut();
        if next.is_none() {
            *next = self.guard.borrow_mut().take_head();
        }
        next.is_some()
    }

    /// Whether part of the present request's body is still with the client.
    pub(super) fn awaits_body(&self) -> bool {
        self.phase.get() == Phase::Body
    }

    /// A request's answer has been made: from now on the connection waits for the next one.
    pub(super) fn answered(&self) {
        self.busy.set(false);
        self.since.set(clock::now());
    }

    /// Whether an answer is being made or written.
    pub(super) fn is_answering(&self) -> bool {
        self.busy.get() || self.is_blocked()
    }

    /// Whether the connection waits for a request of which nothing has come.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_answering() && self.phase.get() == Phase::Between
    }

    /// Whether it was opened just now, and its first request is still to come.
    pub(super) fn is_new(&self) -> bool {
        !self.begun.get() && clock::now() - self.since.get() < FIRST_REQUEST
    }

    /// Whether hyper holds bytes that the socket has not taken.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.get().is_some()
    }

    /// The socket took bytes.
    pub(super) fn wrote(&self) {
        if self.blocked_since.take().is_some() {
            self.since.set(clock::now());
        }
    }

    /// The socket takes no more.
    pub(super) fn blocked(&self) {
        if self.blocked_since.get().is_none() {
            self.blocked_since.set(Some(clock::now()));
        }
    }

    /// Which bound has been passed, if any.
    pub(super) fn expired(&self, limits: &Limits) -> Option<Expired> {
        let now = clock::now();
        if let Some(since) = self.blocked_since.get() {
            return (now - since >= limits.write_stall).then_some(Expired::Stalled);
        }
        if self.body.is_too_slow(now, limits) {
            return Some(Expired::Slow);
        }
        // What is sent ahead of an answer may wait as long as the answer does.
        if self.busy.get() {
            return None;
        }
        let elapsed = now - self.since.get();
        match self.phase.get() {
            Phase::Between => (elapsed >= limits.idle).then_some(Expired::Idle),
            Phase::Head | Phase::Body => (elapsed >= limits.head_timeout).then_some(Expired::Slow),
        }
    }
}
