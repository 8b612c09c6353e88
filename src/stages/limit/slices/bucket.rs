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
        let (credit, slice) = (share.credit(now, until), share.in_force(now, until));
        let price = whole.apart.saturating_mul(cost.into());
        let full = credit.saturating_sub(whole.apart.saturating_mul(slice.burst.into()));
        let after = |empty: u64| empty.max(full).saturating_add(price);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty| {
            Some(after(empty)).filter(|after| *after <= credit)
        });
        taken.map(drop).map_err(|empty| {
            let short = u128::from(after(empty).saturating_sub(credit)) * u128::from(MILLION);
            let wait = short.checked_div(slice.rate.into()).filter(|_| cost <= slice.burst)?;
            Some(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)))
        })
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
