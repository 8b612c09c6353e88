//! One rate as one number, by the generic cell rate algorithm: when the next one would be due if all came evenly.
//!
//! By hand and not by `governor`: its cell is this one number, too, but asks a clock of its own; here the time is an
//! argument, and the rate can change while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A cell of cores that share it. Zero is one that nobody has used for long.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicU64);

/// So many in a time, all of which may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Nanoseconds between two that come evenly.
    pub(super) apart: u64,
    /// Nanoseconds that may be used up at once.
    pub(super) window: u64,
}

impl Bucket {
    /// Takes one at `now`, in nanoseconds since any beginning; where there is none, how long until there is.
    pub(super) fn take(&self, now: u64, pace: Pace) -> Result<(), Duration> {
        let next = |due: u64| {
            let next = due.max(now).saturating_add(pace.apart);
            if next - now > pace.window { Err(next - now - pace.window) } else { Ok(next) }
        };
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| next(due).ok());
        taken.map(drop).map_err(|due| Duration::from_nanos(next(due).err().unwrap_or(pace.apart)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const PACE: Pace = Pace { apart: SECOND / 50, window: SECOND };

    #[test]
    fn so_many_at_once_and_then_one_by_one() {
        let bucket = Bucket::default();
        let now = 7 * SECOND;
        assert_eq!((0..60).filter(|_| bucket.take(now, PACE).is_ok()).count(), 50);
        assert_eq!(bucket.take(now, PACE), Err(Duration::from_millis(20)));
        assert_eq!(bucket.take(now + PACE.apart, PACE), Ok(()));
        bucket.take(now + PACE.apart, PACE).unwrap_err();
        assert_eq!((0..60).filter(|_| bucket.take(now + 9 * SECOND, PACE).is_ok()).count(), 50);
    }

    proptest! {
        #[test]
        fn no_span_of_time_sees_more_than_it_may(gaps in proptest::collection::vec(0..60_000_000_u64, 1..400)) {
            let (bucket, mut now, mut taken) = (Bucket::default(), SECOND, Vec::new());
            for gap in gaps {
                now += gap;
                match bucket.take(now, PACE) {
                    Ok(()) => taken.push(now),
                    Err(wait) => prop_assert!(wait <= Duration::from_millis(20) && !wait.is_zero()),
                }
            }
            for (at, from) in taken.iter().enumerate() {
                let within = taken[at..].iter().filter(|time| **time - from < SECOND).count();
                prop_assert!(within <= 100, "{within} in a second: those at once, and those that came back in it");
            }
        }
    }
}
