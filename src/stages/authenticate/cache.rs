//! Tokens that were verified on this core, by the whole token.
//!
//! A table of a fixed size in sets of four. Only what was verified gets in, so that nobody fills it with anything else;
//! an entry is found by the end of its token, which is signature and so as good as random, and then compared whole.

use std::hash::{BuildHasher, RandomState};

use super::jwt::Verified;

/// Sets, a power of two, and places in each.
const SETS: usize = 1024;
const PLACES: usize = 4;
/// Longest token that is remembered, and most bytes of all of them.
const MOST_TOKEN: usize = 8 * 1024;
const MOST_BYTES: usize = 8 << 20;
/// Bytes at the end of a token that it is looked for by.
const TAIL: usize = 32;

/// What is remembered.
#[derive(Debug)]
pub(super) struct Cache {
    places: Box<[Option<Entry>]>,
    hasher: RandomState,
    bytes: usize,
    /// Where room is made next, once there are too many bytes.
    hand: usize,
}

#[derive(Debug)]
struct Entry {
    token: Box<str>,
    /// The place of its issuer, and the key set that it was verified with.
    issuer: usize,
    keys: [u8; 32],
    verified: Verified,
}

impl Cache {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(|| None).take(SETS * PLACES).collect();
        Self { places, hasher: RandomState::new(), bytes: 0, hand: 0 }
    }

    /// The token, where it is remembered and has not ended at `now`; with its issuer and the digest of the keys of then.
    pub(super) fn find(&self, token: &str, now: u64) -> Option<(usize, &[u8; 32], &Verified)> {
        let found = self.places[self.set(token)].iter().flatten().find(|entry| *entry.token == *token)?;
        (now < found.verified.until).then_some((found.issuer, &found.keys, &found.verified))
    }

    /// Remembers it, in the place of itself, of none, or of the one in its set that ends first.
    pub(super) fn put(&mut self, token: &str, issuer: usize, keys: [u8; 32], verified: Verified) {
        if token.len() > MOST_TOKEN {
            return;
        }
        let set = self.set(token);
        let order = |entry: &Option<Entry>| match entry {
            Some(entry) if *entry.token == *token => (0, 0),
            None => (1, 0),
            Some(entry) => (2, entry.verified.until),
        };
        let worst = set.clone().min_by_key(|at| order(&self.places[*at])).unwrap_or(set.start);
        self.take(worst);
        while self.bytes + token.len() > MOST_BYTES {
            self.take(self.hand);
            self.hand = (self.hand + 1) % self.places.len();
        }
        self.bytes += token.len();
        self.places[worst] = Some(Entry { token: token.into(), issuer, keys, verified });
    }

    fn take(&mut self, at: usize) {
        if let Some(gone) = self.places[at].take() {
            self.bytes -= gone.token.len();
        }
    }

    fn set(&self, token: &str) -> std::ops::Range<usize> {
        let tail = &token.as_bytes()[token.len().saturating_sub(TAIL)..];
        let start = (self.hasher.hash_one(tail) as usize % SETS) * PLACES;
        start..start + PLACES
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Caller, Means, Principal};

    use super::*;

    fn verified(until: u64) -> Verified {
        let (issuer, subject) = ("https://a".into(), "ann".into());
        let (roles, scopes) = (Box::default(), Box::default());
        let caller = Caller { means: Means::Jwt, issuer, subject, roles, scopes };
        Verified { principal: Principal::new(caller), audience: Box::default(), until, bound: None }
    }

    #[test]
    fn a_token_is_found_whole_and_until_its_end() {
        let mut cache = Cache::new();
        cache.put("a.b.sig", 1, [7; 32], verified(100));
        assert_eq!(cache.find("a.b.sig", 99).map(|(issuer, keys, _)| (issuer, *keys)), Some((1, [7; 32])));
        assert!(cache.find("a.b.sig", 100).is_none());
        assert!(cache.find("A.b.sig", 99).is_none());
        assert!(cache.find("", 99).is_none());
    }

    #[test]
    fn an_equal_end_is_no_equal_token() {
        let mut cache = Cache::new();
        let tail = "s".repeat(TAIL);
        for at in 0..PLACES {
            cache.put(&format!("{at}.{tail}"), at, [0; 32], verified(100 + at as u64));
        }
        for at in 0..PLACES {
            assert_eq!(cache.find(&format!("{at}.{tail}"), 1).map(|(issuer, ..)| issuer), Some(at));
        }
        cache.put(&format!("new.{tail}"), 9, [0; 32], verified(200));
        assert!(cache.find(&format!("0.{tail}"), 1).is_none(), "the one that ends first makes room");
        assert!(cache.find(&format!("1.{tail}"), 1).is_some());
    }

    #[test]
    fn its_bytes_are_bounded() {
        let mut cache = Cache::new();
        for at in 0..3000 {
            cache.put(&format!("{at:0>8000}"), 0, [0; 32], verified(100));
        }
        assert!(cache.bytes <= MOST_BYTES);
        assert_eq!(cache.bytes, cache.places.iter().flatten().map(|entry| entry.token.len()).sum::<usize>());
        cache.put(&"x".repeat(MOST_TOKEN + 1), 0, [0; 32], verified(100));
        assert!(cache.find(&"x".repeat(MOST_TOKEN + 1), 1).is_none());
    }
}
