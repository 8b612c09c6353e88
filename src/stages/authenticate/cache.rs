//! Tokens that were verified on this core, by the whole token.
//!
//! A table of a fixed size in sets of four. Only what was verified gets in, so that nobody fills it with anything else;
//! an entry is found by the end of its token, which is signature and so as good as random, and then compared whole.
//!
//! An entry stands as long as its token, the settings of its issuer, and the key that it was verified with: other keys may
//! come and go, and a reload that leaves the issuer as it was leaves the entry. Where the issuer was asked, it stands as
//! long as the answer counts.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::jwt::{Fingerprint, Issuer, Verified};
use super::opaque::Oracle;

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
    known: Known,
}

/// A token that was verified, and what it stands on.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) ground: Ground,
    pub(super) verified: Verified,
}

/// What a verified token stands on.
#[derive(Debug)]
pub(super) enum Ground {
    /// It is signed with this key of an issuer's; `seen` is the set that the key was last found in.
    Key { issuer: Arc<Issuer>, key: Fingerprint, seen: Cell<u64> },
    /// Its issuer has said so.
    Word(Arc<Oracle>),
}

impl Cache {
    pub(super) fn new() -> Self {
        Self::of(SETS)
    }

    /// With room for so many sets, at least one.
    pub(super) fn of(sets: usize) -> Self {
        let places = std::iter::repeat_with(|| None).take(sets.max(1) * PLACES).collect();
        Self { places, hasher: RandomState::new(), bytes: 0, hand: 0 }
    }

    /// The token, where it is remembered and has not ended at `now`.
    pub(super) fn find(&self, token: &str, now: u64) -> Option<&Known> {
        let found = self.places[self.set(token)].iter().flatten().find(|entry| *entry.token == *token)?;
        (now < found.known.verified.until).then_some(&found.known)
    }

    /// Remembers it, in the place of itself, of none, or of the one in its set that ends first.
    pub(super) fn put(&mut self, token: &str, known: Known) {
        if token.len() > MOST_TOKEN {
            return;
        }
        let set = self.set(token);
        let order = |entry: &Option<Entry>| match entry {
            Some(entry) if *entry.token == *token => (0, 0),
            None => (1, 0),
            Some(entry) => (2, entry.known.verified.until),
        };
        let worst = set.clone().min_by_key(|at| order(&self.places[*at])).unwrap_or(set.start);
        self.take(worst);
        while self.bytes + token.len() > MOST_BYTES {
            self.take(self.hand);
            self.hand = (self.hand + 1) % self.places.len();
        }
        self.bytes += token.len();
        self.places[worst] = Some(Entry { token: token.into(), known });
    }

    /// Forgets what stands on anything else than these.
    pub(super) fn keep(&mut self, issuers: &[Arc<Issuer>], oracle: Option<&Arc<Oracle>>) {
        let stands = |known: &Known| match &known.ground {
            Ground::Key { issuer, .. } => issuers.iter().any(|one| Arc::ptr_eq(one, issuer)),
            Ground::Word(asked) => oracle.is_some_and(|one| Arc::ptr_eq(one, asked)),
        };
        for at in 0..self.places.len() {
            if self.places[at].as_ref().is_some_and(|entry| !stands(&entry.known)) {
                self.take(at);
            }
        }
    }

    fn take(&mut self, at: usize) {
        if let Some(gone) = self.places[at].take() {
            self.bytes -= gone.token.len();
        }
    }

    fn set(&self, token: &str) -> std::ops::Range<usize> {
        let tail = &token.as_bytes()[token.len().saturating_sub(TAIL)..];
        let start = (self.hasher.hash_one(tail) as usize % (self.places.len() / PLACES)) * PLACES;
        start..start + PLACES
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Algorithm, Caller, Means, Principal};

    use super::super::jwt::Expected;
    use super::*;

    fn issuer() -> Arc<Issuer> {
        let expected = Expected {
            issuer: "https://a".into(),
            audience: None,
            algorithms: [Algorithm::EdDsa].into(),
            principal_claim: "sub".into(),
            roles_claim: "roles".into(),
            certificate_bound: false,
            means: Means::Jwt,
        };
        Arc::new(Issuer::new(expected, None))
    }

    fn known(issuer: &Arc<Issuer>, until: u64) -> Known {
        let (name, subject) = ("https://a".into(), "ann".into());
        let (roles, scopes) = (Box::default(), Box::default());
        let caller = Caller { means: Means::Jwt, issuer: name, subject, roles, scopes };
        let verified = Verified { principal: Principal::new(caller), audience: Box::default(), until, bound: None };
        let ground = Ground::Key { issuer: Arc::clone(issuer), key: [7; 32], seen: Cell::new(1) };
        Known { ground, verified }
    }

    #[test]
    fn a_token_is_found_whole_and_until_its_end() {
        let (mut cache, issuer) = (Cache::new(), issuer());
        cache.put("a.b.sig", known(&issuer, 100));
        assert_eq!(cache.find("a.b.sig", 99).map(|known| known.verified.until), Some(100));
        assert!(cache.find("a.b.sig", 100).is_none());
        assert!(cache.find("A.b.sig", 99).is_none());
        assert!(cache.find("", 99).is_none());
    }

    #[test]
    fn the_smallest_has_room_for_one() {
        let (mut cache, issuer) = (Cache::of(0), issuer());
        for at in 0..9 {
            cache.put(&format!("{at}.b.sig"), known(&issuer, 100));
            assert!(cache.find(&format!("{at}.b.sig"), 1).is_some(), "{at}");
        }
        assert_eq!(cache.places.len(), PLACES);
    }

    #[test]
    fn an_equal_end_is_no_equal_token() {
        let (mut cache, issuer) = (Cache::new(), issuer());
        let tail = "s".repeat(TAIL);
        for at in 0..PLACES {
            cache.put(&format!("{at}.{tail}"), known(&issuer, 100 + at as u64));
        }
        for at in 0..PLACES {
            let found = cache.find(&format!("{at}.{tail}"), 1);
            assert_eq!(found.map(|known| known.verified.until), Some(100 + at as u64));
        }
        cache.put(&format!("new.{tail}"), known(&issuer, 200));
        assert!(cache.find(&format!("0.{tail}"), 1).is_none(), "the one that ends first makes room");
        assert!(cache.find(&format!("1.{tail}"), 1).is_some());
    }

    #[test]
    fn its_bytes_are_bounded() {
        let (mut cache, issuer) = (Cache::new(), issuer());
        for at in 0..3000 {
            cache.put(&format!("{at:0>8000}"), known(&issuer, 100));
        }
        assert!(cache.bytes <= MOST_BYTES);
        assert_eq!(cache.bytes, cache.places.iter().flatten().map(|entry| entry.token.len()).sum::<usize>());
        cache.put(&"x".repeat(MOST_TOKEN + 1), known(&issuer, 100));
        assert!(cache.find(&"x".repeat(MOST_TOKEN + 1), 1).is_none());
    }

    #[test]
    fn what_stands_on_an_issuer_falls_with_it() {
        let (mut cache, one, other) = (Cache::new(), issuer(), issuer());
        cache.put("one", known(&one, 100));
        cache.put("other", known(&other, 100));
        cache.keep(&[Arc::clone(&other)], None);
        assert!(cache.find("one", 1).is_none() && cache.find("other", 1).is_some());
        assert_eq!(cache.bytes, "other".len());
        assert_eq!(Arc::strong_count(&one), 1);
    }
}
