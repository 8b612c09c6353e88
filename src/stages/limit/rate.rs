//! `rate` and `burst`: governor's arithmetic over cells of ours.
//!
//! One limiter of governor serves every key of a limit: what it takes for the key is the cell itself, found before. So
//! the store is a few lines, a cell stays one number, and it can be told when a key has all of its burst again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::config::CallRate;

use super::cell::Cell;
use super::now::{Decided, Now};
use super::short::Short;

type Limiter<S> = RateLimiter<Arc<Cell>, S, Decided, StateInformationMiddleware>;

/// A rate, for any number of keys.
#[derive(Debug)]
pub(super) struct Rate {
    taking: Limiter<Taking>,
    looking: Limiter<Looking>,
    /// Nanoseconds from one to the next where they come evenly.
    apart: u64,
    pub(super) burst: NonZeroU32,
}

impl Rate {
    pub(super) fn new(rate: &CallRate) -> Self {
        let apart = rate.apart();
        let quota = Quota::with_period(apart).expect("it is rounded up").allow_burst(rate.burst);
        let apart = u64::try_from(apart.as_nanos()).unwrap_or(u64::MAX);
        let most = Most(apart.saturating_mul(rate.burst.get().into()));
        // What governor takes for its beginning is that of our clock, whenever the limit is made.
        Decided::at(0);
        Self {
            taking: RateLimiter::new(quota, Taking(most), Decided),
            looking: RateLimiter::new(quota, Looking(most), Decided),
            apart,
            burst: rate.burst,
        }
    }

    /// Takes `cost`; how much is left at once.
    pub(super) fn take(&self, cell: &Arc<Cell>, cost: NonZeroU32, now: &Now) -> Result<u32, Short> {
        decide(&self.taking, cell, cost, now)
    }

    /// Whether `cost` could be taken.
    pub(super) fn look(&self, cell: &Arc<Cell>, cost: NonZeroU32, now: &Now) -> Result<(), Short> {
        decide(&self.looking, cell, cost, now).map(drop)
    }

    /// How long until all is there again, where `left` is.
    pub(super) fn whole_in(&self, left: u32) -> Duration {
        Duration::from_nanos(self.apart.saturating_mul(self.burst.get().saturating_sub(left).into()))
    }
}

fn decide<S>(limiter: &Limiter<S>, cell: &Arc<Cell>, cost: NonZeroU32, now: &Now) -> Result<u32, Short>
where
    S: StateStore<Key = Arc<Cell>>,
{
    Decided::at(now.nanos);
    match limiter.check_key_n(cell, cost) {
        Ok(Ok(left)) => Ok(left.remaining_burst_capacity()),
        Ok(Err(until)) => Err(Short::For(until.wait_time_from(now.nanos.into()).max(Duration::from_nanos(1)))),
        Err(_) => Err(Short::Always),
    }
}

/// How far behind a cell may be: no more than the burst. Where a reload made the rate higher or the burst smaller, what
/// was used under the old one is not waited for longer than that.
#[derive(Clone, Copy, Debug)]
struct Most(u64);

impl Most {
    fn due(self, due: u64) -> Option<Nanos> {
        Some(due.min(Decided::nanos().saturating_add(self.0)).into())
    }
}

/// Takes.
#[derive(Debug)]
struct Taking(Most);

impl StateStore for Taking {
    type Key = Arc<Cell>;

    fn measure_and_replace<T, F, E>(&self, cell: &Arc<Cell>, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let due: &AtomicU64 = &cell.due;
        let mut before = due.load(Ordering::Relaxed);
        loop {
            let (told, next) = decide(self.0.due(before))?;
            match due.compare_exchange_weak(before, next.into(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(told),
                Err(other) => before = other,
            }
        }
    }
}

/// Looks, and takes nothing.
#[derive(Debug)]
struct Looking(Most);

impl StateStore for Looking {
    type Key = Arc<Cell>;

    fn measure_and_replace<T, F, E>(&self, cell: &Arc<Cell>, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        decide(self.0.due(cell.due.load(Ordering::Relaxed))).map(|(told, _)| told)
    }
}
