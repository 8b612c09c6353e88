//! Limits of `scope = "cluster"`: what a key has of one here, and who takes this node's turns at the book.
//!
//! ```text
//!  cores: Limit --asks--> Joint: bucket, asked for <--share-- Turns (turns.rs), on the control runtime
//!            `--the first one since the last turn--> notes ------^  `--Request, Reply--> the book, by `daemon`
//! ```
//!
//! A core reads what it may have and adds what it was asked for, in atomics of the key alone; it waits for nobody. Which
//! keys were asked for is told by the keys themselves, once a turn, in a channel that is bounded: a key that finds no room
//! in it has its floor until it does.

mod common;
mod shown;
mod spec;
#[cfg(test)]
mod tests;
mod turns;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::model::leases::Slice;

use super::cell::{Cell, halves, joined};
use super::now::Now;
use super::shelf::Name;
use super::short::Short;
use super::slices::{self, MILLION, Share, Whole};

pub use common::Common;
pub use turns::{Shared, Turns};

use common::Note;
use shown::Shown;
pub(super) use spec::Spec;

/// What a node may count of windows, at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// The hour at which the window ends of which something is leased, and up to how many may be counted in it.
    end: u32,
    may: u32,
    /// In all others.
    floor: u32,
    spent: bool,
}

impl Part {
    /// Up to how many may be counted in the window that ends then.
    pub(super) fn most(self, end: u32) -> u32 {
        if end == self.end { self.may } else { self.floor }
    }

    /// Whether the book may have more of it to lease.
    pub(super) fn has_more(self, end: u32) -> bool {
        end != self.end || !self.spent
    }
}

/// In which time a share follows what is asked for, while the book answers.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// What a key has of the limit on this node.
#[derive(Debug)]
pub(super) struct Joint {
    bucket: slices::Cell,
    share: Shown,
    /// Asked for since the last turn.
    asked: AtomicU64,
    /// The hour at which a window ends, and up to how many may be counted in it here.
    may: AtomicU64,
    /// The book has no more of that window to lease.
    spent: AtomicBool,
    /// It is of one key, and not of all those that fall into a place of the row.
    own: bool,
}

impl Joint {
    pub(super) fn new(bucket: slices::Cell, share: &Share, own: bool) -> Self {
        Self {
            bucket,
            share: Shown::new(share),
            asked: AtomicU64::new(0),
            may: AtomicU64::new(0),
            spent: AtomicBool::new(false),
            own,
        }
    }

    /// Takes `cost` of the rate; how much is left at once.
    pub(super) fn take(&self, spec: &Spec, whole: Whole, cost: NonZeroU32, now: &Now) -> Result<u32, Short> {
        let (share, until) = (self.share.read(), spec.common.until());
        let taken = self.bucket.take(now.nanos, whole, &share, until, cost.get());
        taken.map_err(|wait| short(whole, &share, until, cost, now, wait))?;
        Ok(self.bucket.holds(now.nanos, whole, &share, until))
    }

    /// Whether `cost` could be taken.
    pub(super) fn look(&self, spec: &Spec, whole: Whole, cost: NonZeroU32, now: &Now) -> Result<(), Short> {
        let (share, until) = (self.share.read(), spec.common.until());
        let looked = self.bucket.look(now.nanos, whole, &share, until, cost.get());
        looked.map_err(|wait| short(whole, &share, until, cost, now, wait))
    }

    /// What is left of the rate at once.
    pub(super) fn left(&self, spec: &Spec, whole: Whole, now: &Now) -> u32 {
        self.bucket.holds(now.nanos, whole, &self.share.read(), spec.common.until())
    }

    /// What this node may count of a window.
    pub(super) fn part(&self, spec: &Spec) -> Part {
        let (end, may) = halves(self.may.load(Ordering::Relaxed));
        Part { end, may, floor: spec.count_floor(), spent: self.spent.load(Ordering::Relaxed) }
    }

    /// Whether it says no more than one that is made anew.
    pub(super) fn rests(&self, spec: &Spec, now: &Now) -> bool {
        let full = |whole| self.bucket.is_full(now.nanos, whole, &self.share.read(), spec.common.until());
        self.asked.load(Ordering::Relaxed) == 0 && spec.whole.is_none_or(full)
    }

    /// Moves to another share with at most `most` of its tokens and `gift` more. By one thread alone: that of the turns,
    /// or whoever makes the cell.
    fn moves(&self, whole: Whole, (share, most): &(Share, u32), gift: u32) {
        self.bucket.follow(whole, share, *most, gift);
        self.share.show(share);
    }

    /// Has this slice from now on.
    fn lease(&self, spec: &Spec, now: &Now, slice: Slice, gift: u32) {
        if let Some(whole) = spec.whole {
            let until = spec.common.until();
            self.moves(whole, &self.share.read().with_slice(now.nanos, until, slice), gift);
        }
    }

    /// Has this floor from now on.
    pub(super) fn stand(&self, spec: &Spec, whole: Whole, floor: Slice, now: &Now) {
        let until = spec.common.until();
        self.moves(whole, &self.share.read().with_floor(now.nanos, until, floor), 0);
    }

    /// May count so many in the window that ends then; of an earlier one nothing is said any more.
    fn allow(&self, end: u32, may: u32) {
        let allowed = |before: u64| (halves(before).0 <= end).then(|| joined(end, may));
        let _ = self.may.fetch_update(Ordering::Relaxed, Ordering::Relaxed, allowed);
    }
}

/// Notes what a call asks for of a key, whether or not it gets it.
pub(super) fn note(spec: &Arc<Spec>, name: Name, cell: &Arc<Cell>, cost: NonZeroU32) {
    let Some(joint) = cell.joint.as_deref().filter(|joint| joint.own) else { return };
    if joint.asked.fetch_add(cost.get().into(), Ordering::Relaxed) > 0 {
        return;
    }
    let note = Note { spec: Arc::clone(spec), name, cell: Arc::clone(cell) };
    if !spec.common.note(note) {
        // There is no room: the next call tries again.
        joint.asked.store(0, Ordering::Relaxed);
    }
}

/// What is told to who lacks: a share that is small by now grows with what is asked for, while the book answers.
fn short(whole: Whole, share: &Share, until: u64, cost: NonZeroU32, now: &Now, wait: Option<Duration>) -> Short {
    let rate = share.in_force(now.nanos, until).rate;
    match wait {
        _ if cost.get() > whole.burst => Short::Always,
        Some(wait) if now.nanos >= until || wait <= SOON => Short::For(wait.max(Duration::from_nanos(1))),
        Some(wait) => Short::For(SOON.max(wait.mul_f64(f64::from(rate.min(MILLION)) / f64::from(MILLION)))),
        None => Short::Soon(SOON),
    }
}
