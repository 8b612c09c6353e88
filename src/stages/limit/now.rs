//! The time of a decision, and governor's clock, which reads it: nothing here asks the machine what time it is but
//! [`Now::read`], and all limits of a message are decided at one time.

use std::cell;
use std::time::Instant;

use governor::clock::Clock;
use governor::nanos::Nanos;

use crate::model::clock;

/// When it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Now {
    /// Nanoseconds since this node's limits began.
    pub(super) nanos: u64,
    /// Seconds since 1970.
    pub(super) unix: u64,
}

impl Now {
    pub(super) fn read(begun: Instant) -> Self {
        let nanos = clock::now().saturating_duration_since(begun).as_nanos();
        Self { nanos: u64::try_from(nanos).unwrap_or(u64::MAX), unix: clock::unix_seconds() }
    }

    /// The hour since 1970.
    pub(super) fn hour(&self) -> u32 {
        u32::try_from(self.unix / 3600).unwrap_or(u32::MAX)
    }
}

thread_local! {
    static DECIDED: cell::Cell<u64> = const { cell::Cell::new(0) };
}

/// The clock of governor: the time at which this thread decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided;

impl Decided {
    /// From now on, until the next one on this thread.
    pub(super) fn at(nanos: u64) {
        DECIDED.set(nanos);
    }

    pub(super) fn nanos() -> u64 {
        DECIDED.get()
    }
}

impl Clock for Decided {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Self::nanos().into()
    }
}
