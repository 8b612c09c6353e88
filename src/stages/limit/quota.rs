//! `quota`: so many from one full hour, or midnight, to the next.
//!
//! The windows are those of the calendar in UTC, so that an operator can say when one begins. Across their edge there may
//! be twice as many in a short time; who minds sets a `rate` as well.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::config;

use super::cell::{Cell, halves, joined};
use super::now::Now;
use super::short::Short;

/// So many in a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    pub(super) most: NonZeroU32,
    hours: u32,
}

impl Quota {
    pub(super) fn new(quota: &config::Quota) -> Self {
        Self { most: quota.most, hours: quota.hours }
    }

    /// Seconds of a window.
    pub(super) fn seconds(&self) -> u64 {
        u64::from(self.hours) * 3600
    }

    /// Takes `cost`; how much of it is left.
    pub(super) fn take(&self, cell: &Cell, cost: NonZeroU32, now: &Now) -> Result<u32, Short> {
        let next = |used| self.after(used, cost, now);
        // What it was before says whether it could be taken, and what it is then.
        let (Ok(before) | Err(before)) =
            cell.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| next(used).ok());
        next(before).map(|after| self.most.get() - halves(after).1)
    }

    /// Whether `cost` could be taken.
    pub(super) fn look(&self, cell: &Cell, cost: NonZeroU32, now: &Now) -> Result<(), Short> {
        self.after(cell.used.load(Ordering::Relaxed), cost, now).map(drop)
    }

    /// How long until the window ends.
    pub(super) fn ends_in(&self, now: &Now) -> Duration {
        until(self.end(now), now)
    }

    /// What is used once `cost` is taken. A window that has not ended goes on, even where the clock was set back to
    /// before it.
    fn after(&self, used: u64, cost: NonZeroU32, now: &Now) -> Result<u64, Short> {
        let (end, used) = match halves(used) {
            (end, used) if end >= self.end(now) => (end, used),
            _ => (self.end(now), 0),
        };
        match used.checked_add(cost.get()).filter(|used| *used <= self.most.get()) {
            Some(used) => Ok(joined(end, used)),
            None if cost > self.most => Err(Short::Always),
            None => Err(Short::For(until(end, now))),
        }
    }

    /// The hour at which the window of now ends.
    fn end(&self, now: &Now) -> u32 {
        (now.hour() / self.hours + 1).saturating_mul(self.hours)
    }
}

fn until(hour: u32, now: &Now) -> Duration {
    Duration::from_secs((u64::from(hour) * 3600).saturating_sub(now.unix).max(1))
}
