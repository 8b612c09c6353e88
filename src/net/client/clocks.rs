//! The bounds on time of one connection. Time runs against the client only while it is the client that is awaited.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::model::clock;
use crate::net::guard::Phase;

use super::Limits;

/// The clock of a connection that waits for a request.
#[derive(Debug)]
pub(super) struct HeadClock {
    phase: Cell<Phase>,
    /// Since when the phase has lasted. The time is not asked for with every request: who looks at an idle connection
    /// for the first time sets it.
    since: Cell<Option<Instant>>,
}

impl HeadClock {
    pub(super) fn new() -> Self {
        Self { phase: Cell::new(Phase::Between), since: Cell::new(None) }
    }

    /// How far the reading is.
    pub(super) fn is_at(&self, phase: Phase) {
        if self.phase.replace(phase) != phase {
            self.since.set(Some(clock::now()));
        }
    }

    /// Whether nothing has come.
    pub(super) fn is_idle(&self) -> bool {
        self.phase.get() == Phase::Between
    }

    /// Whether the phase has lasted for as long as the limits allow.
    pub(super) fn is_over(&self, limits: &Limits) -> bool {
        let most = if self.is_idle() { limits.idle } else { limits.head_timeout };
        match self.since.get() {
            Some(since) => clock::now() - since >= most,
            None => {
                self.since.set(Some(clock::now()));
                false
            }
        }
    }
}

/// The clock of the present request's body.
#[derive(Debug, Default)]
pub(super) struct BodyClock {
    over: Cell<bool>,
    bytes: Cell<u64>,
    /// How long it has been waited for.
    waited: Cell<Duration>,
    waiting_since: Cell<Option<Instant>>,
}

impl BodyClock {
    pub(super) fn begin(&self, over: bool) {
        self.over.set(over);
        self.bytes.set(0);
        self.waited.set(Duration::ZERO);
        self.waiting_since.set(None);
    }

    /// Whoever reads it has to wait.
    pub(super) fn waits(&self) {
        if self.waiting_since.get().is_none() {
            self.waiting_since.set(Some(clock::now()));
        }
    }

    /// So many bytes came, or nobody waits for them any more.
    pub(super) fn came(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes as u64);
        if let Some(since) = self.waiting_since.take() {
            self.waited.set(self.waited.get() + (clock::now() - since));
        }
    }

    pub(super) fn ended(&self) {
        self.over.set(true);
        self.waiting_since.set(None);
    }

    /// Whether it has been read to its end.
    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    pub(super) fn is_too_slow(&self, now: Instant, limits: &Limits) -> bool {
        let Some(since) = self.waiting_since.get() else { return false };
        let waited = self.waited.get() + (now - since);
        waited >= limits.body_grace && self.bytes.get() < limits.body_rate.saturating_mul(waited.as_secs().max(1))
    }
}

impl Limits {
    /// How often a connection looks at its clocks: often enough to be near every bound, so seldom that 10,000 idle
    /// connections cost nothing.
    pub(super) fn tick(&self) -> Duration {
        let least = self.head_timeout.min(self.idle).min(self.write_stall).min(self.body_grace);
        (least / 2).clamp(Duration::from_millis(5), Duration::from_secs(5))
    }
}
