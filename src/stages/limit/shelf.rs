//! A bounded map of cells, which forgets a few where one is put in, so that no single request pays for many.

use std::cell::Cell as Plain;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use super::cell::Cell;

/// What a key is called: 128 bits of a keyed hash, so that no two keys are found that share a name, and a name is small
/// whatever the key was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) u64, pub(super) u64);

/// It is one half of a hash already.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Hands on what it is given.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// How many are looked at where one is put in.
const LOOKED_AT: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Shelf {
    places: HashMap<Name, u32, BuildHasherDefault<AsItIs>>,
    slots: Vec<Slot>,
    /// Where those are that are looked at next.
    hand: usize,
}

#[derive(Debug)]
pub(super) struct Slot {
    name: Name,
    pub(super) cell: Arc<Cell>,
    /// It was looked for since the hand passed.
    pub(super) asked_for: Plain<bool>,
}

impl Shelf {
    pub(super) fn find(&self, name: Name) -> Option<&Arc<Cell>> {
        let slot = &self.slots[*self.places.get(&name)? as usize];
        slot.asked_for.set(true);
        Some(&slot.cell)
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &Arc<Cell>> {
        self.slots.iter().map(|slot| &slot.cell)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Looks at the next few, and forgets of them what `may_go`.
    pub(super) fn tidy(&mut self, mut may_go: impl FnMut(&mut Slot) -> bool) {
        for _ in 0..LOOKED_AT.min(self.slots.len()) {
            self.hand %= self.slots.len().max(1);
            match self.slots.get_mut(self.hand).map(&mut may_go) {
                Some(true) => self.forget(self.hand),
                _ => self.hand += 1,
            }
        }
    }

    /// Forgets the next one, whatever it is.
    pub(super) fn make_room(&mut self) {
        if !self.slots.is_empty() {
            self.forget(self.hand % self.slots.len());
        }
    }

    /// Puts in a cell that is not there yet.
    pub(super) fn insert(&mut self, name: Name, cell: Arc<Cell>) {
        let place = u32::try_from(self.slots.len()).expect("a shelf is bounded far below");
        self.slots.push(Slot { name, cell, asked_for: Plain::new(true) });
        self.places.insert(name, place);
    }

    fn forget(&mut self, at: usize) {
        let gone = self.slots.swap_remove(at);
        self.places.remove(&gone.name);
        if let Some(moved) = self.slots.get(at) {
            // It was the last one, and has a place.
            self.places.insert(moved.name, at as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a map that forgets the same.
        #[test]
        fn what_is_kept_is_found_and_nothing_else(names in prop::collection::vec((0..40u64, any::<bool>()), 0..200)) {
            let (mut shelf, mut model) = (Shelf::default(), HashMap::new());
            for (name, goes) in names {
                let name = Name(name, !name);
                match (shelf.find(name), model.get(&name.0)) {
                    (Some(found), Some(kept)) => prop_assert!(Arc::ptr_eq(found, kept)),
                    (None, None) => {
                        let mut gone = Vec::new();
                        shelf.tidy(|slot| {
                            if goes {
                                gone.push(slot.name.0);
                            }
                            goes
                        });
                        prop_assert!(gone.len() <= LOOKED_AT);
                        gone.iter().for_each(|name| drop(model.remove(name)));
                        let cell = Arc::new(Cell::default());
                        shelf.insert(name, Arc::clone(&cell));
                        model.insert(name.0, cell);
                    }
                    (found, kept) => prop_assert!(false, "{found:?} {kept:?}"),
                }
                prop_assert_eq!(shelf.len(), model.len());
            }
            for (name, kept) in &model {
                prop_assert!(Arc::ptr_eq(shelf.find(Name(*name, !*name)).unwrap(), kept));
            }
        }
    }
}
