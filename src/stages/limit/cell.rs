//! What one key has used of one limit: three numbers, each changed by itself and without a lock.

use std::hash::{Hash, Hasher};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::joint::Joint;
use super::now::Now;

/// Shared by the cores that have met the key.
#[derive(Debug, Default)]
pub(super) struct Cell {
    /// When the next call would be due if all came evenly, in nanoseconds of [`Now`]; governor counts in it.
    pub(super) due: AtomicU64,
    /// The hour since 1970 at which the window of the quota ends, and how much of it is used.
    pub(super) used: AtomicU64,
    /// Calls under way.
    pub(super) held: AtomicU32,
    /// What it has of a limit that nodes share.
    pub(super) joint: Option<Box<Joint>>,
}

impl Cell {
    /// Whether it says no more than one that is made anew: who forgets it then grants nothing.
    pub(super) fn rests(&self, now: &Now) -> bool {
        let (end, used) = halves(self.used.load(Ordering::Relaxed));
        self.due.load(Ordering::Relaxed) <= now.nanos
            && self.held.load(Ordering::Relaxed) == 0
            && (used == 0 || end <= now.hour())
    }
}

/// The hour, and how much is used.
pub(super) fn halves(used: u64) -> (u32, u32) {
    // Both halves are 32 bits.
    ((used >> 32) as u32, (used & u64::from(u32::MAX)) as u32)
}

pub(super) fn joined(end: u32, used: u32) -> u64 {
    u64::from(end) << 32 | u64::from(used)
}

/// Calls under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    cell: Arc<Cell>,
    calls: u32,
}

impl Permit {
    /// So many more calls begin, where no more than `most` are under way then.
    pub(super) fn take(cell: &Arc<Cell>, calls: u32, most: u32) -> Option<Self> {
        let more = |held: u32| held.checked_add(calls).filter(|held| *held <= most);
        cell.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { cell: Arc::clone(cell), calls })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.cell.held.fetch_sub(self.calls, Ordering::Relaxed);
    }
}

/// A cell is the same as itself alone. governor asks of keys that they could be hashed, and hashes none of ours.
impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl Eq for Cell {}

impl Hash for Cell {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::from_ref(self).addr().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_more_are_under_way_than_may_be() {
        const MOST: u32 = 3;
        let (cell, start) = (Arc::new(Cell::default()), Barrier::new(4));
        let crowd = || {
            start.wait();
            for calls in [1, 2].into_iter().cycle().take(20_000) {
                let permit = Permit::take(&cell, calls, MOST);
                assert!(cell.held.load(Ordering::Relaxed) <= MOST);
                drop(permit);
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(crowd);
            }
        });
        assert_eq!(cell.held.load(Ordering::Relaxed), 0, "each gives back what it took");
    }

    proptest! {
        #[test]
        fn the_halves_are_the_whole(end: u32, used: u32) {
            prop_assert_eq!(halves(joined(end, used)), (end, used));
        }
    }
}
