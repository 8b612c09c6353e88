//! The keys that an issuer signs with: a JWK set (RFC 7517), read once, of which only what we can verify with is kept.
//!
//! A key that cannot be used here is left out and named with the reason, as sets hold keys for other purposes, too. A set
//! that two readers could read differently is refused as a whole.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::{digest, signature::ParsedPublicKey};

use crate::model::Algorithm;
use crate::protocol::json::{self, Kind, Value};

use super::key::{self, Unusable};

/// Largest text of a set, in bytes.
pub const MOST_BYTES: usize = 64 * 1024;
/// Most keys of a set, the unusable ones counted.
pub const MOST_KEYS: usize = 100;
/// Deepest nesting of a set.
const DEPTH: u16 = 64;
/// The number of the next set. None has 0.
static SETS: AtomicU64 = AtomicU64::new(1);
/// Most keys that one signature is tried with.
const MOST_TRIED: usize = 4;

/// The keys of an issuer; never changed, only replaced.
#[derive(Debug)]
pub struct KeySet {
    keys: Box<[Verifier]>,
    left_out: Box<[(String, Unusable)]>,
    digest: [u8; 32],
    number: u64,
}

/// What tells one key, with its algorithm, from all others, in whatever set it is.
pub type Fingerprint = [u8; 32];

/// A key for one algorithm; a key that fits several is there several times.
pub(super) struct Verifier {
    pub(super) id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    pub(super) key: ParsedPublicKey,
    pub(super) fingerprint: Fingerprint,
}

/// Why a text is no key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than 64 KiB.
    TooLarge,
    /// No document that is read in one way only.
    NotJson(json::Fault),
    /// No object with a list under `keys`, or an element of it that is no object.
    NotASet,
    /// More than 100 keys.
    TooMany,
}

impl KeySet {
    /// Reads a set, and keeps the keys that fit one of these algorithms.
    ///
    /// # Errors
    /// Where the text is no key set. A set without one usable key is none: an issuer may have withdrawn them all.
    pub fn parse(text: &[u8], algorithms: &[Algorithm]) -> Result<Self, Fault> {
        if text.len() > MOST_BYTES {
            return Err(Fault::TooLarge);
        }
        json::check(text, DEPTH).map_err(Fault::NotJson)?;
        let whole = json::Span { start: opening(text), end: text.len() as u32 };
        let listed = json::member(text, whole, "keys").filter(|listed| listed.kind == Kind::Array);
        let listed: Vec<Value> = json::elements(text, listed.ok_or(Fault::NotASet)?.span).collect();
        if listed.len() > MOST_KEYS {
            return Err(Fault::TooMany);
        }
        let (mut keys, mut left_out) = (Vec::new(), Vec::new());
        for (at, jwk) in listed.iter().enumerate() {
            if jwk.kind != Kind::Object {
                return Err(Fault::NotASet);
            }
            match key::read(text, jwk.span, algorithms) {
                Ok(read) => keys.extend(read),
                Err(why) => left_out.push((key::name(text, jwk.span, at), why)),
            }
        }
        without_repeated(&mut keys, &mut left_out);
        let names = algorithms.iter().map(|algorithm| algorithm.as_str().as_bytes());
        let digest = sha256([text].into_iter().chain(names));
        let number = SETS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { keys: keys.into(), left_out: left_out.into(), digest, number })
    }

    /// Whether there is no key that can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many signatures can be told apart by it: a key counts once for each algorithm that it fits.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that are not used, by their `kid` or place, and why.
    pub fn left_out(&self) -> impl Iterator<Item = (&str, &Unusable)> {
        self.left_out.iter().map(|(name, why)| (name.as_str(), why))
    }

    /// Whether a key has this id. Where none has, the set may be older than the token.
    pub fn knows(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// What tells this set from the one before: equal where the text and the algorithms are.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Its number: no other set of this process has it.
    pub(in crate::stages::authenticate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether this key is in it.
    pub(super) fn has(&self, key: &Fingerprint) -> bool {
        self.keys.iter().any(|own| own.fingerprint == *key)
    }

    /// The keys that a signature may be from, a few at most. An id only narrows: it never says how to verify.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Verifier> {
        let fits = move |key: &&Verifier| {
            let named = key.id.as_deref().zip(id).is_none_or(|(own, wanted)| own == wanted);
            key.algorithm == algorithm && named
        };
        self.keys.iter().filter(fits).take(MOST_TRIED)
    }
}

/// Where the document begins, behind white space.
fn opening(text: &[u8]) -> u32 {
    text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0) as u32
}

/// Leaves out what one id names twice, if it is not the same: which of them is meant cannot be known.
fn without_repeated(keys: &mut Vec<Verifier>, left_out: &mut Vec<(String, Unusable)>) {
    let same = |one: &Verifier, other: &Verifier| one.id == other.id && one.algorithm == other.algorithm;
    let clashes = |key: &Verifier, keys: &[Verifier]| {
        key.id.is_some() && keys.iter().any(|other| same(key, other) && key.fingerprint != other.fingerprint)
    };
    let clashing: Vec<bool> = keys.iter().map(|key| clashes(key, keys)).collect();
    let mut clashing = clashing.into_iter();
    keys.retain(|key| {
        let clashes = clashing.next().unwrap_or(false);
        let name = key.id.as_deref().unwrap_or_default();
        if clashes && !left_out.iter().any(|(known, why)| known == name && *why == Unusable::Repeated) {
            left_out.push((name.to_owned(), Unusable::Repeated));
        }
        !clashes
    });
    // The same key twice is one key; a signature need not be tried with it again.
    let mut at = 0;
    while at < keys.len() {
        let known = keys[..at].iter().any(|other| same(&keys[at], other) && keys[at].fingerprint == other.fingerprint);
        if known {
            keys.remove(at);
        } else {
            at += 1;
        }
    }
}

impl Verifier {
    pub(super) fn new(id: Option<Box<str>>, algorithm: Algorithm, key: ParsedPublicKey) -> Self {
        let fingerprint = sha256([algorithm.as_str().as_bytes(), key.as_ref()]);
        Self { id, algorithm, key, fingerprint }
    }
}

fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    parts.into_iter().for_each(|part| hash.update(part));
    hash.finish().as_ref().first_chunk().copied().expect("a SHA-256 digest has 32 bytes")
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.algorithm.as_str(), self.id)
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "it is larger than {} KiB", MOST_BYTES / 1024),
            Self::NotJson(fault) => write!(f, "it is no JSON that can be read in one way only: {fault}"),
            Self::NotASet => write!(f, "it is no JWK set: an object with a list of objects under `keys` (RFC 7517, 5)"),
            Self::TooMany => write!(f, "it has more than {MOST_KEYS} keys"),
        }
    }
}

#[cfg(test)]
mod tests;
