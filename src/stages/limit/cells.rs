//! Where the cell of a key is found: in a map of this core's, and in one that all share where it is met first.
//!
//! A key has one cell, whichever core asks, so that its cores count together exactly. The shared map is bounded. What it
//! forgets is a cell that nobody holds and that says no more than a new one: forgetting grants nothing. Where it has no
//! such cell to forget, a key without one shares a cell of a row with whoever falls into the same place, so that there is
//! less for each and never more; it leaves the row only when that cell is as good as new.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use siphasher::sip128::{Hasher128, SipHasher13};

use super::cell::Cell;
use super::joint::{self, Spec};
use super::now::Now;
use super::shelf::{Name, Shelf};

/// Keys of one limit that this node tells apart.
const KEYS: usize = 1 << 20;
/// Parts of the maps: none is so large that it grows in a time that anybody notices.
const SHELVES: usize = 64;
/// Cells of the row.
const ROW: usize = 1 << 12;

/// The cells of one limit, of all cores, over reloads.
#[derive(Debug)]
pub(super) struct Cells {
    hasher: Keyed,
    shelves: Box<[Mutex<Shelf>]>,
    /// Keys of a shelf.
    most: usize,
    /// Made where it is needed first, which is hardly ever.
    row: OnceLock<Box<[Arc<Cell>]>>,
    /// The limit, where nodes share it.
    spec: Option<Arc<Spec>>,
    /// What its keys had by other numbers; none of that is forgotten by a reload.
    before: Mutex<Option<Arc<Self>>>,
}

/// A hasher with a key that nobody is to know, so that nobody can make two names alike.
struct Keyed(SipHasher13);

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").finish_non_exhaustive()
    }
}

impl Cells {
    pub(super) fn new() -> Self {
        Self::with_room(KEYS)
    }

    pub(super) fn with_room(keys: usize) -> Self {
        let shelves = std::iter::repeat_with(Mutex::default).take(SHELVES).collect();
        let [one, other] = [0, 1].map(|half| RandomState::new().hash_one(half));
        Self {
            hasher: Keyed(SipHasher13::new_with_keys(one, other)),
            shelves,
            most: keys.div_ceil(SHELVES),
            row: OnceLock::new(),
            spec: None,
            before: Mutex::default(),
        }
    }

    /// Those of a limit that nodes share, which had others by other numbers.
    pub(super) fn shared(spec: Arc<Spec>, before: Option<Arc<Self>>) -> Arc<Self> {
        let common = Arc::clone(&spec.common);
        // What was before that is forgotten: two reloads are not done in the time that a burst takes.
        let before = before.inspect(|before| drop(before.before()));
        let cells = Arc::new(Self { spec: Some(spec), before: Mutex::new(before), ..Self::new() });
        common.know(&cells);
        cells
    }

    /// The limit, where nodes share it.
    pub(super) fn spec(&self) -> Option<&Arc<Spec>> {
        self.spec.as_ref()
    }

    /// What a key is called here.
    pub(super) fn name(&self, key: &impl Hash) -> Name {
        if let Some(spec) = &self.spec {
            return spec.name(key);
        }
        let mut hasher = self.hasher.0;
        key.hash(&mut hasher);
        let hash = hasher.finish128();
        Name(hash.h1, hash.h2)
    }

    /// The cell that a key has of its own, if it has one already.
    pub(super) fn known(&self, name: Name) -> Option<Arc<Cell>> {
        let shelf = self.shelves[part(name)].lock().unwrap_or_else(PoisonError::into_inner);
        shelf.find(name).map(Arc::clone)
    }

    /// The cell of a key, and whether it is its own.
    fn find(&self, name: Name, now: &Now) -> (Arc<Cell>, bool) {
        let mut shelf = self.shelves[part(name)].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = shelf.find(name) {
            return (Arc::clone(own), true);
        }
        let shared = |row: &[Arc<Cell>]| Arc::clone(&row[name.1 as usize % ROW]);
        // Its own, too, once it has one: what was taken of that of the row would be forgotten.
        if let Some(row) = self.row.get() {
            let cell = &row[name.1 as usize % ROW];
            let alone = Arc::strong_count(cell) == 1;
            // Whatever those have done to it who have let go of it.
            fence(Ordering::Acquire);
            if !alone || !self.rests(cell, now) {
                return (Arc::clone(cell), false);
            }
        }
        shelf.tidy(|slot| Arc::get_mut(&mut slot.cell).is_some_and(|cell| self.rests(cell, now)));
        if shelf.len() >= self.most {
            let any = || Arc::new(self.first(None, now));
            let row = self.row.get_or_init(|| std::iter::repeat_with(any).take(ROW).collect());
            return (shared(row), false);
        }
        let cell = Arc::new(self.first(Some(name), now));
        shelf.insert(name, Arc::clone(&cell));
        (cell, true)
    }

    /// A cell for a key, or for those of a place in the row.
    fn first(&self, name: Option<Name>, now: &Now) -> Cell {
        let Some(spec) = &self.spec else { return Cell::default() };
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let before =
            before.zip(name).and_then(|(before, name)| Some((before.known(name)?, Arc::clone(before.spec()?))));
        let used = before.as_ref().map_or(0, |(cell, _)| cell.used.load(Ordering::Relaxed));
        let most = before.and_then(|(cell, spec)| Some(cell.joint.as_deref()?.left(&spec, spec.whole?, now)));
        Cell { used: used.into(), joint: Some(Box::new(spec.first(now, name.is_some(), most))), ..Cell::default() }
    }

    fn before(&self) -> Option<Arc<Self>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether a cell says no more than one that is made anew.
    fn rests(&self, cell: &Cell, now: &Now) -> bool {
        let shared = self.spec.as_deref().zip(cell.joint.as_deref());
        cell.rests(now) && shared.is_none_or(|(spec, joint)| joint.rests(spec, now))
    }

    /// Cuts the floors of all keys anew: of those that come from here on, and then of those that are here.
    pub(super) fn stand(&self, now: &Now) {
        let Some(spec) = self.spec.as_deref() else { return };
        spec.stand(now);
        let Some(whole) = spec.whole else { return };
        let floor = whole.floor(spec.common.among());
        let stand = |cell: &Arc<Cell>| {
            if let Some(joint) = cell.joint.as_deref() {
                joint.stand(spec, whole, floor, now);
            }
        };
        for shelf in &self.shelves {
            shelf.lock().unwrap_or_else(PoisonError::into_inner).cells().for_each(stand);
        }
        self.row.get().into_iter().flatten().for_each(stand);
    }

    /// No key waits longer than until `due` for what it has used.
    pub(super) fn cap(&self, due: u64) {
        let cap = |cell: &Arc<Cell>| {
            cell.due.fetch_min(due, Ordering::Relaxed);
        };
        for shelf in &self.shelves {
            shelf.lock().unwrap_or_else(PoisonError::into_inner).cells().for_each(cap);
        }
        self.row.get().into_iter().flatten().for_each(cap);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.lock().unwrap().len()).sum()
    }
}

/// What one core has found.
#[derive(Debug)]
pub(super) struct Found {
    cells: Arc<Cells>,
    shelves: Box<[RefCell<Shelf>]>,
}

impl Found {
    pub(super) fn new(cells: Arc<Cells>) -> Self {
        Self { cells, shelves: std::iter::repeat_with(RefCell::default).take(SHELVES).collect() }
    }

    pub(super) fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Notes what is asked for, where nodes share the limit.
    pub(super) fn note(&self, name: Name, cell: &Arc<Cell>, cost: NonZeroU32) {
        if let Some(spec) = &self.cells.spec {
            joint::note(spec, name, cell, cost);
        }
    }

    /// The limit, where nodes share it.
    pub(super) fn spec(&self) -> Option<&Arc<Spec>> {
        self.cells.spec()
    }

    /// Does something with the cell of a key.
    pub(super) fn with<T>(&self, name: Name, now: &Now, act: impl FnOnce(&Arc<Cell>) -> T) -> T {
        let shelf = &self.shelves[part(name)];
        if let Some(cell) = shelf.borrow().find(name) {
            return act(cell);
        }
        let (cell, own) = self.cells.find(name, now);
        let done = act(&cell);
        // That of the row is asked for anew each time: its key may have one of its own the next time.
        if own {
            self.keep(&mut shelf.borrow_mut(), name, cell, now);
        }
        done
    }

    /// What a core keeps cannot be forgotten by the shared map: all together keep no more than half of it, and let go of
    /// what nobody asks for and says nothing.
    fn keep(&self, shelf: &mut Shelf, name: Name, cell: Arc<Cell>, now: &Now) {
        shelf.tidy(|slot| !slot.asked_for.replace(false) && self.cells.rests(&slot.cell, now));
        // Each core has one, and the ledger another.
        let cores = Arc::strong_count(&self.cells).saturating_sub(1).max(1);
        if shelf.len() >= (self.cells.most / 2 / cores).max(1) {
            shelf.make_room();
        }
        shelf.insert(name, cell);
    }
}

fn part(name: Name) -> usize {
    (name.1 >> 32) as usize % SHELVES
}

#[cfg(test)]
mod tests;
