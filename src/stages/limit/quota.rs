//! `quota`: so many from one full hour, or midnight, to the next.
//!
//! The windows are those of the calendar in UTC, so that an operator can say when one begins. Across their edge there may
//! be twice as many in a short time; who minds sets a `rate` as well.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::config;

use super::cell::{Cell, halves, joined};
use super::joint::{Part, SOON, Spec};
use super::now::Now;
use super::short::Short;

/// So many in a window.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    pub(super) most: NonZeroU32,
    hours: u32,
    /// Where nodes share it.
    spec: Option<Arc<Spec>>,
}

impl Quota {
    pub(super) fn new(quota: &config::Quota) -> Self {
        Self { most: quota.most, hours: quota.hours, spec: None }
    }

    /// The same, where nodes share it.
    pub(super) fn of(self, spec: Option<&Arc<Spec>>) -> Self {
        Self { spec: spec.cloned(), ..self }
    }

    /// Seconds of a window.
    pub(super) fn seconds(&self) -> u64 {
        u64::from(self.hours) * 3600
    }

    /// Takes `cost`; how much of it is left.
    pub(super) fn take(&self, cell: &Cell, cost: NonZeroU32, now: &Now) -> Result<u32, Short> {
        let part = self.part(cell);
        let next = |used| self.after(used, part, cost, now);
        // What it was before says whether it could be taken, and what it is then.
        let (Ok(before) | Err(before)) =
            cell.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| next(used).ok());
        next(before).map(|after| self.most_in(part, halves(after).0).saturating_sub(halves(after).1))
    }

    /// Whether `cost` could be taken.
    pub(super) fn look(&self, cell: &Cell, cost: NonZeroU32, now: &Now) -> Result<(), Short> {
        self.after(cell.used.load(Ordering::Relaxed), self.part(cell), cost, now).map(drop)
    }

    /// How much is left.
    pub(super) fn left(&self, cell: &Cell, now: &Now) -> u32 {
        let (end, used) = halves(cell.used.load(Ordering::Relaxed));
        let (end, used) = if end >= self.end(now) { (end, used) } else { (self.end(now), 0) };
        self.most_in(self.part(cell), end).saturating_sub(used)
    }

    /// How long until the window ends.
    pub(super) fn ends_in(&self, now: &Now) -> Duration {
        until(self.end(now), now)
    }

    /// What is used once `cost` is taken. A window that has not ended goes on, even where the clock was set back to
    /// before it.
    fn after(&self, used: u64, part: Option<Part>, cost: NonZeroU32, now: &Now) -> Result<u64, Short> {
        let (end, used) = match halves(used) {
            (end, used) if end >= self.end(now) => (end, used),
            _ => (self.end(now), 0),
        };
        match used.checked_add(cost.get()).filter(|used| *used <= self.most_in(part, end)) {
            Some(used) => Ok(joined(end, used)),
            None if cost > self.most => Err(Short::Always),
            None if part.is_some_and(|part| part.has_more(end)) => Err(Short::Soon(SOON)),
            None => Err(Short::For(until(end, now))),
        }
    }

    /// What this node may count of it, where it shares it with others.
    fn part(&self, cell: &Cell) -> Option<Part> {
        Some(cell.joint.as_deref()?.part(self.spec.as_deref()?))
    }

    /// How many may be counted in the window that ends then.
    fn most_in(&self, part: Option<Part>, end: u32) -> u32 {
        part.map_or(self.most.get(), |part| part.most(end).min(self.most.get()))
    }

    /// The hour at which the window of now ends.
    fn end(&self, now: &Now) -> u32 {
        (now.hour() / self.hours + 1).saturating_mul(self.hours)
    }
}

fn until(hour: u32, now: &Now) -> Duration {
    Duration::from_secs((u64::from(hour) * 3600).saturating_sub(now.unix).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(most: u32, hours: u32) -> Quota {
        Quota { most: NonZeroU32::new(most).unwrap(), hours, spec: None }
    }

    fn at(unix: u64) -> Now {
        Now { nanos: 0, unix }
    }

    const ONE: NonZeroU32 = NonZeroU32::MIN;
    /// 2027-01-15T08:00:00Z.
    const EIGHT: u64 = 1_800_000_000;

    #[test]
    fn a_window_ends_with_the_hour_or_with_the_day() {
        for (hours, ends_in) in [(1, 3000), (24, 3000 + 15 * 3600)] {
            let (quota, cell, now) = (quota(2, hours), Cell::default(), at(EIGHT + 600));
            assert_eq!((quota.take(&cell, ONE, &now), quota.take(&cell, ONE, &now)), (Ok(1), Ok(0)));
            let wait = Short::For(Duration::from_secs(ends_in));
            assert_eq!((quota.take(&cell, ONE, &now), quota.look(&cell, ONE, &now)), (Err(wait), Err(wait)));
            assert_eq!(quota.ends_in(&now), Duration::from_secs(ends_in));
            quota.look(&cell, ONE, &at(now.unix + ends_in - 1)).unwrap_err();
            assert!(!cell.rests(&at(now.unix + ends_in - 1)) && cell.rests(&at(now.unix + ends_in)));
            assert_eq!(quota.take(&cell, ONE, &at(now.unix + ends_in)), Ok(1));
            // A clock that was set back opens no window anew.
            assert_eq!((quota.take(&cell, ONE, &now), quota.take(&cell, ONE, &now).is_err()), (Ok(0), true));
        }
        let more = NonZeroU32::new(3).unwrap();
        assert_eq!(quota(2, 1).take(&Cell::default(), more, &at(EIGHT)), Err(Short::Always));
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_its_quota(steps in prop::collection::vec((0..2000u64, 1..4u32), 1..300)) {
            let (quota, cell) = (quota(5, 1), Cell::default());
            let (mut now, mut used) = (EIGHT, std::collections::HashMap::<u64, u32>::new());
            for (gap, cost) in steps {
                now += gap;
                let taken = quota.take(&cell, NonZeroU32::new(cost).unwrap(), &at(now));
                let window = used.entry(now / 3600).or_default();
                prop_assert_eq!(taken.is_ok(), *window + cost <= 5);
                *window += if taken.is_ok() { cost } else { 0 };
            }
        }
    }
}
