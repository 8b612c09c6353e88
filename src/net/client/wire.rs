//! What the driver of a connection and its I/O wrapper (which hyper owns) both see.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::model::clock;
use crate::net::guard::{HeadGuard, Phase, Refused};

use super::Limits;

/// A body may be slow for so long before its rate is asked for.
const BODY_GRACE: Duration = Duration::from_secs(10);

/// One core's read buffer, shared by its connections: one that waits holds none.
pub type Scratch = Rc<RefCell<Box<[u8]>>>;

/// A core's read buffer: what one read of a request takes at most.
pub fn scratch() -> Scratch {
    Rc::new(RefCell::new(vec![0; 64 * 1024].into_boxed_slice()))
}

/// The state of a connection below HTTP.
pub(super) struct Wire {
    pub(super) guard: RefCell<HeadGuard>,
    /// What the guard refused; the connection ends with it.
    pub(super) refused: Cell<Option<Refused>>,
    /// A request is being answered.
    pub(super) busy: Cell<bool>,
    /// When the present phase began (between heads, in a head, in a body).
    since: Cell<Instant>,
    phase: Cell<Phase>,
    body_bytes: Cell<u64>,
    blocked_since: Cell<Option<Instant>>,
}

/// A bound on time that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// No request for too long: close without a word.
    Idle,
    /// A head or body that comes too slowly: 408.
    Slow,
    /// The client does not read: cut.
    Stalled,
}

impl Wire {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            guard: RefCell::new(HeadGuard::new(limits.head)),
            refused: Cell::new(None),
            busy: Cell::new(false),
            since: Cell::new(clock::now()),
            phase: Cell::new(Phase::Between),
            body_bytes: Cell::new(0),
            blocked_since: Cell::new(None),
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
        if phase == Phase::Body {
            self.body_bytes.set(self.body_bytes.get() + bytes.len() as u64);
        }
        self.enter(phase);
        good
    }

    fn enter(&self, phase: Phase) {
        if self.phase.replace(phase) != phase {
            self.since.set(clock::now());
            self.body_bytes.set(0);
        }
    }

    /// A request's answer has been made: from now on the connection waits for the next one.
    pub(super) fn answered(&self) {
        self.busy.set(false);
        self.since.set(clock::now());
    }

    /// The socket took bytes, or there are none to take.
    pub(super) fn wrote(&self) {
        self.blocked_since.set(None);
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
        if self.blocked_since.get().is_some_and(|since| now - since >= limits.write_stall) {
            return Some(Expired::Stalled);
        }
        let elapsed = now - self.since.get();
        match self.phase.get() {
            Phase::Between if !self.busy.get() && elapsed >= limits.idle => Some(Expired::Idle),
            Phase::Head if elapsed >= limits.head_timeout => Some(Expired::Slow),
            Phase::Body if elapsed >= BODY_GRACE && self.is_slower_than(limits.body_rate, elapsed) => {
                Some(Expired::Slow)
            }
            _ => None,
        }
    }

    fn is_slower_than(&self, rate: u64, elapsed: Duration) -> bool {
        self.body_bytes.get() < rate.saturating_mul(elapsed.as_secs())
    }
}

impl Limits {
    /// How often a connection looks at its clocks: often enough to be near every bound, so seldom that 10,000 idle
    /// connections cost nothing.
    pub(super) fn tick(&self) -> Duration {
        let least = self.head_timeout.min(self.idle).min(self.write_stall).min(BODY_GRACE);
        (least / 2).clamp(Duration::from_millis(20), Duration::from_secs(5))
    }
}
