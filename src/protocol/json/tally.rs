//! Keys that pass once: whether one of them repeats, in memory that is bounded whatever they are.
//!
//! Of each key 128 bits of a hash with random seeds are kept, not its text; nobody outside can make two keys agree.

use std::{
    collections::HashSet,
    hash::{BuildHasher, DefaultHasher, Hasher, RandomState},
};

use super::fault::FaultReason;

/// How many keys of one object are remembered; an object with more is refused.
pub(in crate::protocol) const MOST_KEYS: usize = 10_000;

/// Keys shorter than this are known by their text when they end. Also the block in which keys are hashed, so that the
/// hash does not depend on how a key was cut into pieces.
const BLOCK: usize = 64;

/// The keys of the objects that are open, and the key that is read.
pub(in crate::protocol) struct Tally {
    seeds: [RandomState; 2],
    objects: Vec<HashSet<[u64; 2]>>,
    block: [u8; BLOCK],
    filled: usize,
    /// The blocks before, where the key is longer than one.
    begun: Option<[DefaultHasher; 2]>,
}

impl Tally {
    pub(in crate::protocol) fn new() -> Tally {
        let seeds = [RandomState::new(), RandomState::new()];
        Tally { seeds, objects: Vec::new(), block: [0; BLOCK], filled: 0, begun: None }
    }

    /// An object opens.
    pub(in crate::protocol) fn open(&mut self) {
        self.objects.push(HashSet::new());
    }

    /// The innermost object closes.
    pub(in crate::protocol) fn close(&mut self) {
        self.objects.pop();
    }

    /// A key of the innermost object begins.
    pub(in crate::protocol) fn begin(&mut self) {
        self.filled = 0;
        self.begun = None;
    }

    /// More of the key's text, unescaped.
    pub(in crate::protocol) fn text(&mut self, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.filled == BLOCK {
                let mut hashers = self.hashers();
                hashers.iter_mut().for_each(|hasher| hasher.write(&self.block));
                self.begun = Some(hashers);
                self.filled = 0;
            }
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.filled));
            if let Some(room) = self.block.get_mut(self.filled..self.filled + now.len()) {
                room.copy_from_slice(now);
            }
            self.filled += now.len();
            rest = later;
        }
    }

    /// The key ends: it is remembered.
    pub(in crate::protocol) fn end(&mut self) -> Result<(), FaultReason> {
        let mut hashers = self.hashers();
        let last = self.block.get(..self.filled).unwrap_or_default();
        let hash = hashers.each_mut().map(|hasher| {
            hasher.write(last);
            // The length, so that no key is the beginning of another.
            hasher.write_usize(self.filled);
            hasher.finish()
        });
        let Some(object) = self.objects.last_mut() else {
            return Ok(());
        };
        if !object.insert(hash) {
            return Err(FaultReason::RepeatedKey);
        }
        if object.len() > MOST_KEYS {
            return Err(FaultReason::TooManyKeys);
        }
        Ok(())
    }

    /// The text of the key that has ended, unless it is long.
    pub(in crate::protocol) fn short(&self) -> Option<&[u8]> {
        self.begun.is_none().then(|| self.block.get(..self.filled).unwrap_or_default())
    }

    fn hashers(&self) -> [DefaultHasher; 2] {
        self.begun.clone().unwrap_or_else(|| self.seeds.each_ref().map(BuildHasher::build_hasher))
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, FaultReason, MOST_KEYS, Tally};

    fn add(tally: &mut Tally, pieces: &[&[u8]]) -> Result<(), FaultReason> {
        tally.begin();
        pieces.iter().for_each(|piece| tally.text(piece));
        tally.end()
    }

    #[test]
    fn a_key_repeats_however_it_was_cut() {
        let long = "k".repeat(3 * BLOCK + 5);
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, long.len()] {
            let key = &long.as_bytes()[..length];
            for cut in 0..=length {
                let mut tally = Tally::new();
                tally.open();
                assert_eq!(add(&mut tally, &[key]), Ok(()));
                assert_eq!(tally.short().is_some(), length <= BLOCK);
                assert_eq!(add(&mut tally, &[&key[..cut], &key[cut..]]), Err(FaultReason::RepeatedKey));
                tally.open();
                assert_eq!(add(&mut tally, &[key]), Ok(()), "another object's");
            }
        }
    }

    #[test]
    fn the_end_of_a_long_key_is_not_taken_for_a_short_one() {
        let mut tally = Tally::new();
        tally.open();
        let key = format!("{}result", "x".repeat(BLOCK));
        assert_eq!(add(&mut tally, &[key.as_bytes()]), Ok(()));
        assert_eq!(tally.short(), None);
        assert_eq!(add(&mut tally, &[b"res", b"ult"]), Ok(()));
        assert_eq!(tally.short(), Some(&b"result"[..]));
    }

    #[test]
    fn an_object_has_so_many_keys_and_no_more() {
        let mut tally = Tally::new();
        tally.open();
        for key in 0..MOST_KEYS {
            assert_eq!(add(&mut tally, &[&key.to_le_bytes()]), Ok(()));
        }
        assert_eq!(add(&mut tally, &[b"one more"]), Err(FaultReason::TooManyKeys));
    }
}
