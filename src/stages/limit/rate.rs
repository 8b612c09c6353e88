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
use super::joint::{Joint, Spec};
use super::now::{Decided, Now};
use super::short::Short;
use super::slices::Whole;

type Limiter<S> = RateLimiter<Arc<Cell>, S, Decided, StateInformationMiddleware>;

/// A rate, for any number of keys.
#[derive(Debug)]
pub(super) struct Rate {
    taking: Limiter<Taking>,
    looking: Limiter<Looking>,
    /// Nanoseconds from one to the next where they come evenly.
    apart: u64,
    pub(super) burst: NonZeroU32,
    /// Where nodes share it.
    spec: Option<Arc<Spec>>,
}

impl Rate {
    pub(super) fn new(rate: &CallRate) -> Self {
        let apart = rate.apart();
        let quota = Quota::with_period(apart).expect("it is rounded up").allow_burst(rate.burst);
        let apart = u64::try_from(apart.as_nanos()).unwrap_or(u64::MAX);
        // What governor takes for its beginning is that of our clock, whenever the limit is made.
        Decided::at(0);
        Self {
            taking: RateLimiter::new(quota, Taking, Decided),
            looking: RateLimiter::new(quota, Looking, Decided),
            apart,
            burst: rate.burst,
            spec: None,
        }
    }

    /// The same, where nodes share it.
    pub(super) fn of(self, spec: Option<&Arc<Spec>>) -> Self {
        Self { spec: spec.cloned(), ..self }
    }

    /// Takes `cost`; how much is left at once.
    pub(super) fn take(&self, cell: &Arc<Cell>, cost: NonZeroU32, now: &Now) -> Result<u32, Short> {
        match shared(self.spec.as_ref(), cell) {
            Some((spec, whole, joint)) => joint.take(spec, whole, cost, now),
            None => decide(&self.taking, cell, cost, now),
        }
    }

    /// Whether `cost` could be taken.
    pub(super) fn look(&self, cell: &Arc<Cell>, cost: NonZeroU32, now: &Now) -> Result<(), Short> {
        match shared(self.spec.as_ref(), cell) {
            Some((spec, whole, joint)) => joint.look(spec, whole, cost, now),
            None => decide(&self.looking, cell, cost, now).map(drop),
        }
    }

    /// Nanoseconds until all is there again where nothing is left.
    pub(super) fn whole(&self) -> u64 {
        self.apart.saturating_mul(self.burst.get().into())
    }

    /// How long until all is there again, where `left` is.
    pub(super) fn whole_in(&self, left: u32) -> Duration {
        Duration::from_nanos(self.apart.saturating_mul(self.burst.get().saturating_sub(left).into()))
    }
}

/// How much is left at once: of a cell that nothing is taken from.
pub(super) fn left(rate: &CallRate, spec: Option<&Arc<Spec>>, cell: &Cell, now: &Now) -> u32 {
    if let Some((spec, whole, joint)) = shared(spec, cell) {
        return joint.left(spec, whole, now);
    }
    let apart = u64::try_from(rate.apart().as_nanos()).unwrap_or(u64::MAX).max(1);
    let used = cell.due.load(Ordering::Relaxed).saturating_sub(now.nanos).div_ceil(apart);
    u32::try_from(u64::from(rate.burst.get()).saturating_sub(used)).unwrap_or(0)
}

/// What is asked instead where nodes share it.
fn shared<'a>(spec: Option<&'a Arc<Spec>>, cell: &'a Cell) -> Option<(&'a Spec, Whole, &'a Joint)> {
    let (spec, joint) = (spec?, cell.joint.as_deref()?);
    Some((spec, spec.whole?, joint))
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

/// Takes.
#[derive(Debug)]
struct Taking;

impl StateStore for Taking {
    type Key = Arc<Cell>;

    fn measure_and_replace<T, F, E>(&self, cell: &Arc<Cell>, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let due: &AtomicU64 = &cell.due;
        let mut before = due.load(Ordering::Relaxed);
        loop {
            let (told, next) = decide(Some(before.into()))?;
            match due.compare_exchange_weak(before, next.into(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(told),
                Err(other) => before = other,
            }
        }
    }
}

/// Looks, and takes nothing.
#[derive(Debug)]
struct Looking;

impl StateStore for Looking {
    type Key = Arc<Cell>;

    fn measure_and_replace<T, F, E>(&self, cell: &Arc<Cell>, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        decide(Some(cell.due.load(Ordering::Relaxed).into())).map(|(told, _)| told)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calls(most: u32, burst: u32) -> CallRate {
        let number = |number| NonZeroU32::new(number).unwrap();
        CallRate { most: number(most), per: Duration::from_secs(1), burst: number(burst) }
    }

    fn at(nanos: u64) -> Now {
        Now { nanos, unix: 0 }
    }

    proptest! {
        #[test]
        fn in_no_span_of_time_are_there_more_than_burst_and_rate(
            most in prop_oneof![1..9u32, 1..2000u32, Just(1_000_000)],
            burst in 1..50u32,
            steps in prop::collection::vec((0..2_000_000_000u64, 0..40u64, 1..6u32), 1..300),
        ) {
            let calls = calls(most, burst);
            let (rate, cell) = (Rate::new(&calls), Arc::default());
            let (mut now, mut taken) = (0, Vec::new());
            for (gap, few, cost) in steps {
                // Long pauses, and gaps of about one.
                now += if few == 0 { gap } else { few * rate.apart / 20 };
                let cost = NonZeroU32::new(cost).unwrap();
                let looked = rate.look(&cell, cost, &at(now));
                prop_assert_eq!(looked.is_ok(), super::left(&calls, None, &cell, &at(now)) >= cost.get());
                match rate.take(&cell, cost, &at(now)) {
                    Ok(left) => {
                        prop_assert!(looked.is_ok() && left < burst);
                        taken.push((now, u64::from(cost.get())));
                    }
                    Err(short) => {
                        prop_assert_eq!(looked, Err(short));
                        match short {
                            Short::Soon(_) => prop_assert!(false, "no other node is there"),
                            Short::Always => prop_assert!(cost.get() > burst),
                            Short::For(wait) => {
                                let wait = u64::try_from(wait.as_nanos()).unwrap();
                                prop_assert!(rate.look(&cell, cost, &at(now + wait)).is_ok(), "enough is then");
                                prop_assert!(rate.look(&cell, cost, &at(now + wait - 1)).is_err(), "and not before");
                            }
                        }
                    }
                }
            }
            for (at, (from, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for (to, cost) in &taken[at..] {
                    sum += cost;
                    let span = u128::from(to - from);
                    prop_assert!(u128::from(sum) <= u128::from(burst) + span * u128::from(most) / 1_000_000_000);
                }
            }
        }
    }
}
