//! What was taken out of the lists that this core showed last: the same list to callers of the same roles costs a
//! comparison instead of a look at each of its entries.
//!
//! A place holds one list. It is found by what is compared then, all of it: whose roles, which server, which list, and
//! its text to the byte, so that nothing a server says can bring the cuts of another text.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use crate::model::grants::Sight;

/// Lists that are remembered, and the bytes of the longest; a core keeps at most as much as both say.
const PLACES: usize = 64;
const LONGEST: usize = 64 * 1024;

/// The lists that a core remembers.
pub struct Memo {
    places: RefCell<Box<[Option<Entry>]>>,
    hasher: RandomState,
}

struct Entry {
    sight: Sight,
    list: &'static str,
    text: Box<[u8]>,
    /// Within the text, from left to right.
    cut: Box<[Range<usize>]>,
}

impl Memo {
    /// Whether the cuts of this text are known: then they have been added to `ranges`, counted from `start`.
    pub(super) fn knows(
        &self,
        (sight, list): (&Sight, &'static str),
        text: &[u8],
        start: usize,
        ranges: &mut Vec<Range<usize>>,
    ) -> bool {
        let places = self.places.borrow();
        let Some(entry) = &places[self.place(sight, list, text)] else { return false };
        if !entry.sight.is(sight) || entry.list != list || *entry.text != *text {
            return false;
        }
        ranges.extend(entry.cut.iter().map(|range| start + range.start..start + range.end));
        true
    }

    /// Remembers what is cut out of this text, whose ranges are counted from `start`, in the place of another one.
    pub(super) fn keep(
        &self,
        (sight, list): (&Sight, &'static str),
        text: &[u8],
        start: usize,
        ranges: &[Range<usize>],
    ) {
        if text.len() > LONGEST {
            return;
        }
        let cut = ranges.iter().map(|range| range.start - start..range.end - start).collect();
        let entry = Entry { sight: sight.clone(), list, text: text.into(), cut };
        self.places.borrow_mut()[self.place(sight, list, text)] = Some(entry);
    }

    /// Pages of one list differ in length, mostly.
    fn place(&self, sight: &Sight, list: &'static str, text: &[u8]) -> usize {
        self.hasher.hash_one((sight.identity(), list, text.len())) as usize % PLACES
    }
}

impl Default for Memo {
    fn default() -> Self {
        let places = std::iter::repeat_with(|| None).take(PLACES).collect();
        Self { places: RefCell::new(places), hasher: RandomState::new() }
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.places.borrow().iter().flatten().count();
        f.debug_struct("Memo").field("kept", &kept).finish_non_exhaustive()
    }
}
