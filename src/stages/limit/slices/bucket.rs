//! A bucket of tokens that follows a share: its level carries over when the share moves.
//!
//! Time is counted as *credit*: a nanosecond at the whole rate is one, at a third of it a third. In credit the rate is
//! constant, so one number remembers all: the credit at which the bucket was empty. What it holds is what has come
//! since, at most its share of the burst. A share that grows therefore brings no tokens, only room to gather them; one
//! that shrinks takes away what no longer fits ([`Cell::follow`]), so that it cannot be had twice when the share comes
//! back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::model::leases::Slice;

use super::{MILLION, Whole};

/// The credit at which the bucket was empty. Cores share it; a new one is full.
#[derive(Debug, Default)]
pub struct Cell(AtomicU64);

/// What a bucket is filled by, from a moment on. Moments are nanoseconds of the node's own monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Since when.
    since: u64,
    /// The credit that had come by then.
    credit: u64,
    /// What needs no lease.
    floor: Slice,
    /// What is leased, as long as the node's leases are in force.
    slice: Slice,
}

impl Share {
    /// Of a key that has no slice yet.
    pub fn new(now: u64, whole: Whole, floor: Slice) -> Self {
        let credit = whole.apart.saturating_mul(whole.burst.into());
        Self { since: now, credit, floor, slice: Slice::default() }
    }

    /// With this slice from `now` on, and the most tokens that a bucket takes over into it; `until` is the one in force
    /// before.
    #[must_use]
    pub fn with_slice(&self, now: u64, until: u64, slice: Slice) -> (Self, u32) {
        self.moved(now, until, self.floor, slice)
    }

    /// The same with another floor.
    #[must_use]
    pub fn with_floor(&self, now: u64, until: u64, floor: Slice) -> (Self, u32) {
        self.moved(now, until, floor, self.slice)
    }

    /// The share in force, where the node's leases are until `until`.
    pub fn in_force(&self, now: u64, until: u64) -> Slice {
        if now < until { self.all() } else { self.floor }
    }

    /// What is leased, whether or not that is in force.
    pub fn slice(&self) -> Slice {
        self.slice
    }

    /// As four words, for whoever shows it to cores that read it while it changes.
    pub fn words(&self) -> [u64; 4] {
        let halves = |slice: Slice| u64::from(slice.rate) << 32 | u64::from(slice.burst);
        [self.since, self.credit, halves(self.floor), halves(self.slice)]
    }

    /// The share of these words.
    pub fn of_words([since, credit, floor, slice]: [u64; 4]) -> Self {
        let slice_of = |word: u64| Slice { rate: (word >> 32) as u32, burst: word as u32 };
        Self { since, credit, floor: slice_of(floor), slice: slice_of(slice) }
    }

    fn moved(&self, now: u64, until: u64, floor: Slice, slice: Slice) -> (Self, u32) {
        let moved = Self { since: now.max(self.since), credit: self.credit(now, until), floor, slice };
        (moved, self.in_force(now, until).burst.min(moved.all().burst))
    }

    fn all(&self) -> Slice {
        self.floor.map(self.slice, u32::saturating_add)
    }

    fn credit(&self, now: u64, until: u64) -> u64 {
        let of = |time: u64, rate: u32| (u128::from(time) * u128::from(rate) / u128::from(MILLION)) as u64;
        let leased = now.min(until).saturating_sub(self.since);
        let alone = now.saturating_sub(until.max(self.since));
        self.credit + of(leased, self.all().rate) + of(alone, self.floor.rate)
    }
}

impl Cell {
    /// Takes `cost` tokens at `now`, where the node's leases are in force until `until`.
    ///
    /// # Errors
    /// How long until they are there at the rate of now; `None` where no time brings them, and only another share does.
    pub fn take(&self, now: u64, whole: Whole, share: &Share, until: u64, cost: u32) -> Result<(), Option<Duration>> {
        let after = |empty: u64| after(empty, now, whole, share, until, cost);
        // What it was before says why it could not be.
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty| after(empty).ok());
        before.map(drop).or_else(|empty| after(empty).map(drop))
    }

    /// Whether `cost` tokens could be taken.
    ///
    /// # Errors
    /// As [`Cell::take`].
    pub fn look(&self, now: u64, whole: Whole, share: &Share, until: u64, cost: u32) -> Result<(), Option<Duration>> {
        after(self.0.load(Ordering::Relaxed), now, whole, share, until, cost).map(drop)
    }

    /// How many tokens it holds.
    pub fn holds(&self, now: u64, whole: Whole, share: &Share, until: u64) -> u32 {
        let room = whole.apart.saturating_mul(share.in_force(now, until).burst.into());
        let held = share.credit(now, until).saturating_sub(self.0.load(Ordering::Relaxed)).min(room);
        u32::try_from(held / whole.apart).unwrap_or(u32::MAX)
    }

    /// One that holds at most so many of the tokens that this one holds in `share`.
    #[must_use]
    pub fn copy(&self, whole: Whole, share: &Share, most: u32) -> Self {
        let copy = Self(AtomicU64::new(self.0.load(Ordering::Relaxed)));
        copy.follow(whole, share, most, 0);
        copy
    }

    /// Goes over into `share` ([`Share::with_slice`], [`Share::with_floor`]) with at most `most` of its tokens, and
    /// `gift` more. To be done before the cores see the share.
    pub fn follow(&self, whole: Whole, share: &Share, most: u32, gift: u32) {
        let [most, gift] = [most, gift].map(|tokens| whole.apart.saturating_mul(tokens.into()));
        let full = share.credit.saturating_sub(most);
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty| Some(empty.max(full).saturating_sub(gift)));
    }

    /// Whether it holds all that it may, so that forgetting it grants nothing.
    pub fn is_full(&self, now: u64, whole: Whole, share: &Share, until: u64) -> bool {
        let room = whole.apart.saturating_mul(share.in_force(now, until).burst.into());
        self.0.load(Ordering::Relaxed) <= share.credit(now, until).saturating_sub(room)
    }
}

/// The credit at which it was empty once `cost` tokens are taken.
fn after(empty: u64, now: u64, whole: Whole, share: &Share, until: u64, cost: u32) -> Result<u64, Option<Duration>> {
    let (credit, slice) = (share.credit(now, until), share.in_force(now, until));
    let full = credit.saturating_sub(whole.apart.saturating_mul(slice.burst.into()));
    let after = empty.max(full).saturating_add(whole.apart.saturating_mul(cost.into()));
    if after <= credit {
        return Ok(after);
    }
    let short = u128::from(after - credit) * u128::from(MILLION);
    let wait = short.checked_div(slice.rate.into()).filter(|_| cost <= slice.burst);
    Err(wait.map(|wait| Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const NEVER: u64 = u64::MAX;
    /// 100 a second, 40 at once.
    const WHOLE: Whole = Whole { apart: SECOND / 100, burst: 40, grain: 1 };

    fn slice(rate: u32, burst: u32) -> Slice {
        Slice { rate, burst }
    }

    #[test]
    fn what_is_looked_at_and_what_is_copied_is_the_same() {
        let (share, _) = Share::new(0, WHOLE, slice(100_000, 4)).with_slice(0, NEVER, slice(u32::MAX >> 1, 20));
        assert_eq!(Share::of_words(share.words()), share);
        let (cell, share) = (Cell::default(), Share::new(0, WHOLE, slice(100_000, 4)));
        for left in (0..4).rev() {
            assert_eq!(cell.look(0, WHOLE, &share, NEVER, 1), Ok(()));
            cell.take(0, WHOLE, &share, NEVER, 1).unwrap();
            assert_eq!(cell.holds(0, WHOLE, &share, NEVER), left);
            assert_eq!(cell.copy(WHOLE, &share, 2).holds(0, WHOLE, &share, NEVER), left.min(2));
        }
        assert_eq!(cell.look(0, WHOLE, &share, NEVER, 1), Err(Some(Duration::from_millis(100))));
    }

    fn all(cell: &Cell, now: u64, share: &Share, until: u64) -> usize {
        (0..1000).take_while(|_| cell.take(now, WHOLE, share, until, 1).is_ok()).count()
    }

    #[test]
    fn the_rate_and_the_burst_are_those_of_the_share() {
        let (cell, share) = (Cell::default(), Share::new(0, WHOLE, slice(100_000, 4)));
        assert_eq!(all(&cell, 0, &share, NEVER), 4);
        assert_eq!(cell.take(0, WHOLE, &share, NEVER, 1), Err(Some(Duration::from_millis(100))));
        assert_eq!(cell.take(0, WHOLE, &share, NEVER, 5), Err(None), "more than ever fits");
        assert_eq!(all(&cell, SECOND / 5, &share, NEVER), 2);
        assert!(!cell.is_full(SECOND / 5, WHOLE, &share, NEVER));
        assert!(cell.is_full(SECOND, WHOLE, &share, NEVER));
        assert_eq!(all(&cell, 9 * SECOND, &share, NEVER), 4);
    }

    #[test]
    fn a_share_that_grows_brings_room_and_no_tokens() {
        let (cell, share) = (Cell::default(), Share::new(0, WHOLE, slice(0, 4)));
        assert_eq!(all(&cell, 0, &share, NEVER), 4);
        let (share, most) = share.with_slice(SECOND, NEVER, slice(500_000, 20));
        cell.follow(WHOLE, &share, most, 0);
        assert_eq!(all(&cell, SECOND, &share, NEVER), 0);
        assert_eq!(all(&cell, SECOND + SECOND / 10, &share, NEVER), 5);
        assert_eq!(all(&cell, 9 * SECOND, &share, NEVER), 24);
        cell.follow(WHOLE, &share.with_slice(9 * SECOND, NEVER, slice(500_000, 20)).0, 24, 20);
        assert_eq!(all(&cell, 9 * SECOND, &share, NEVER), 20, "but for those that were given with it");
    }

    #[test]
    fn a_share_that_went_and_came_back_was_empty_meanwhile() {
        let (cell, mut share) = (Cell::default(), Share::new(0, WHOLE, slice(0, 4)));
        for (second, leased) in [(0, slice(500_000, 20)), (8, slice(0, 0)), (9, slice(500_000, 20))] {
            let most;
            (share, most) = share.with_slice(second * SECOND, NEVER, leased);
            cell.follow(WHOLE, &share, most, 0);
        }
        assert_eq!(all(&cell, 9 * SECOND, &share, NEVER), 4);
    }

    #[test]
    fn when_the_leases_end_the_floor_is_left() {
        let (cell, floor) = (Cell::default(), slice(10_000, 1));
        let (share, _) = Share::new(0, WHOLE, floor).with_slice(0, NEVER, slice(490_000, 20));
        assert_eq!(all(&cell, SECOND, &share, 2 * SECOND), 21);
        assert_eq!(all(&cell, SECOND * 2 - 1, &share, 2 * SECOND), 21, "what a second at 50 a second fits");
        assert_eq!(all(&cell, SECOND * 2, &share, 2 * SECOND), 0);
        assert_eq!(all(&cell, SECOND * 12, &share, 2 * SECOND), 1);
        assert_eq!(all(&cell, SECOND * 12 + SECOND / 2, &share, 2 * SECOND), 0, "at one a second");
    }
}
