//! What one core counts in, and whoever has the other end reads: atomics with a single writer.
//!
//! A core adds by a load and a store, both relaxed, which are plain moves: no lock, no bus, no read-modify-write. That
//! is only right with one writer, so the handles that write are bound to their core's thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that one core changes and anybody reads.
#[derive(Debug, Default)]
pub(super) struct Cell(AtomicU64);

impl Cell {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds; only from the core whose cell it is.
    pub(super) fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// Takes back what was added; only from the core whose cell it is.
    pub(super) fn take(&self, less: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(less), Ordering::Relaxed);
    }

    /// What it holds now.
    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many bounds a histogram has; what lies above the last is in one more bucket.
pub(super) const BOUNDS: usize = 19;

/// The upper bounds of a histogram's buckets, in nanoseconds, ascending.
pub(super) type Bounds = [u64; BOUNDS];

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const S: u64 = 1_000 * MS;

/// For what a caller waits for: 50 us to 60 s.
pub(super) const WAITING: Bounds = [
    50 * US,
    100 * US,
    250 * US,
    500 * US,
    MS,
    2_500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    S,
    2_500 * MS,
    5 * S,
    10 * S,
    30 * S,
    60 * S,
];

/// For what Weir itself takes: 1 us to 1 s.
pub(super) const OWN: Bounds = [
    US,
    2 * US,
    3 * US,
    5 * US,
    7_500,
    10 * US,
    15 * US,
    25 * US,
    50 * US,
    100 * US,
    250 * US,
    500 * US,
    MS,
    2_500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    100 * MS,
    S,
];

/// Durations that one core measures, by bucket: fixed in size, whatever is measured.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static Bounds,
    /// How many fell into each bucket alone; the last is for what is above all bounds.
    buckets: [Cell; BOUNDS + 1],
    /// Nanoseconds; five hundred years of them fit.
    sum: Cell,
}

impl Histogram {
    pub(super) fn new(bounds: &'static Bounds) -> Self {
        Self { bounds, buckets: Default::default(), sum: Cell::default() }
    }

    /// Counts one duration; only from the core whose histogram it is.
    pub(super) fn observe(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[self.bounds.partition_point(|bound| *bound < nanoseconds)].add(1);
        self.sum.add(nanoseconds);
    }

    /// What it holds now. The sum may be ahead of the buckets, or behind, by what is being counted in this moment.
    pub(super) fn read(&self) -> Distribution {
        let counts = std::array::from_fn(|at| self.buckets[at].value());
        Distribution { bounds: self.bounds, counts, sum: self.sum.value() }
    }
}

/// What histograms hold, one or several of the same bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Distribution {
    pub(super) bounds: &'static Bounds,
    /// By bucket, each alone.
    pub(super) counts: [u64; BOUNDS + 1],
    /// Nanoseconds.
    pub(super) sum: u64,
}

impl Distribution {
    /// Adds another one of the same bounds.
    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_reaches_it() {
        for bounds in [&WAITING, &OWN] {
            assert!(bounds.is_sorted_by(|one, next| one < next));
            let histogram = Histogram::new(bounds);
            for (at, bound) in bounds.iter().enumerate() {
                histogram.observe(Duration::from_nanos(*bound));
                assert_eq!(histogram.read().counts[at], 1 + u64::from(at > 0), "a bound is in its own bucket");
                histogram.observe(Duration::from_nanos(*bound + 1));
            }
            histogram.observe(Duration::ZERO);
            histogram.observe(Duration::from_secs(1_000_000));
            let read = histogram.read();
            assert_eq!((read.counts[0], read.counts[BOUNDS]), (2, 2));
            assert_eq!(read.counts.iter().sum::<u64>(), 2 * BOUNDS as u64 + 2);
            let sum: u64 = bounds.iter().map(|bound| 2 * bound + 1).sum();
            assert_eq!(read.sum, sum + 1_000_000 * S);
        }
    }

    #[test]
    fn several_cores_are_one_distribution() {
        let (one, other) = (Histogram::new(&WAITING), Histogram::new(&WAITING));
        one.observe(Duration::from_micros(10));
        other.observe(Duration::from_micros(20));
        other.observe(Duration::from_secs(2));
        let mut both = one.read();
        both.merge(&other.read());
        assert_eq!((both.counts[0], both.counts.iter().sum(), both.sum), (2, 3, 2_000_030_000));
    }

    #[test]
    fn what_is_read_while_a_core_counts_never_goes_back() {
        let histogram = Histogram::new(&WAITING);
        let count = Cell::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..100_000 {
                    count.add(1);
                    histogram.observe(Duration::from_millis(1));
                }
            });
            let (mut before, mut counted) = (histogram.read(), 0);
            while counted < 100_000 {
                let (read, now) = (histogram.read(), count.value());
                assert!(now >= counted && read.counts.iter().zip(before.counts).all(|(now, then)| *now >= then));
                (before, counted) = (read, now);
            }
        });
        assert_eq!(histogram.read().counts.iter().sum::<u64>(), 100_000);
    }
}
