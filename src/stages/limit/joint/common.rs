//! What all limits that nodes share have in common on this node.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use crate::model::clock;
use crate::model::leases::Secret;
use crate::stages::limit::cell::Cell;
use crate::stages::limit::cells::Cells;
use crate::stages::limit::now::Now;
use crate::stages::limit::shelf::Name;

use super::Spec;

/// Keys that may be noted and not looked at yet: with a pointer or two each, half a megabyte.
pub(super) const NOTES: usize = 1 << 14;

/// Shared by cores, over reloads.
#[derive(Debug)]
pub struct Common {
    /// When the time of the limits began.
    pub(in crate::stages::limit) begun: Instant,
    /// What keys are hashed with, the same on all nodes.
    pub(super) secret: Secret,
    among: AtomicU32,
    until: AtomicU64,
    notes: SyncSender<Note>,
    limits: Mutex<Vec<Weak<Cells>>>,
}

/// A key that was asked for.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) spec: Arc<Spec>,
    pub(super) name: Name,
    pub(super) cell: Arc<Cell>,
}

impl Common {
    pub(super) fn new(secret: Secret) -> (Arc<Self>, Receiver<Note>) {
        let (notes, noted) = sync_channel(NOTES);
        let common = Self {
            begun: clock::now(),
            secret,
            among: AtomicU32::new(0),
            until: AtomicU64::new(0),
            notes,
            limits: Mutex::default(),
        };
        (Arc::new(common), noted)
    }

    /// Among how many nodes this one has its floor; 0: it has none yet.
    pub(in crate::stages::limit) fn among(&self) -> u32 {
        self.among.load(Ordering::Relaxed)
    }

    /// Until when what it has leased is in force.
    pub(super) fn until(&self) -> u64 {
        self.until.load(Ordering::Relaxed)
    }

    /// After what changes with it has been done.
    pub(super) fn prolong(&self, until: u64) {
        self.until.store(until, Ordering::Release);
    }

    /// Cuts the floors of all keys anew.
    pub(super) fn stand(&self, among: u32, now: &Now) {
        self.among.store(among, Ordering::Relaxed);
        self.limits().iter().for_each(|cells| cells.stand(now));
    }

    pub(super) fn note(&self, note: Note) -> bool {
        self.notes.try_send(note).is_ok()
    }

    /// Has the floors of these cells kept up to date for as long as anybody has them.
    pub(in crate::stages::limit) fn know(&self, cells: &Arc<Cells>) {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(cells));
    }

    /// The cells of all limits that anybody has.
    pub(super) fn limits(&self) -> Vec<Arc<Cells>> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.retain(|cells| cells.strong_count() > 0);
        limits.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether there is a limit that is shared.
    pub fn is_needed(&self) -> bool {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.retain(|cells| cells.strong_count() > 0);
        !limits.is_empty()
    }

    /// What time it is for them.
    pub(super) fn now(&self) -> Now {
        Now::read(self.begun)
    }
}
