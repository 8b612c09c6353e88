//! Whose tokens are taken: what is expected of them, and the keys of today.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::model::{Algorithm, Means};

use super::claims::{self, Verified};
use super::compact::Compact;
use super::flaw::Flaw;
use super::key_set::KeySet;

/// What the configuration expects of an issuer's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What `iss` has to be, to the byte.
    pub issuer: Box<str>,
    /// What has to be in `aud`; `None`: the URL of the route that is called.
    pub audience: Option<Box<str>>,
    /// How its tokens may be signed; never empty.
    pub algorithms: Box<[Algorithm]>,
    /// The claim that names the caller.
    pub principal_claim: Box<str>,
    /// The claim that names their roles; dots walk into objects.
    pub roles_claim: Box<str>,
    /// Whether only tokens that are bound to a certificate are taken.
    pub certificate_bound: bool,
    /// `Jwt`, or `Local` for the tokens that we sign.
    pub means: Means,
}

/// An issuer. Shared by the cores; whoever keeps its keys replaces them while tokens are verified.
#[derive(Debug)]
pub struct Issuer {
    expected: Expected,
    keys: ArcSwapOption<KeySet>,
}

impl Issuer {
    /// One with these keys; `None` where they are still to come: until then its tokens cannot be told from forged ones.
    pub fn new(expected: Expected, keys: Option<KeySet>) -> Self {
        Self { expected, keys: ArcSwapOption::from(keys.map(Arc::new)) }
    }

    /// What is expected of its tokens.
    pub fn expected(&self) -> &Expected {
        &self.expected
    }

    /// The keys of today; `None` where nothing is kept.
    pub fn keys(&self) -> Guard<Option<Arc<KeySet>>> {
        self.keys.load()
    }

    /// Whether its tokens may be signed so.
    pub(in crate::stages::authenticate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.expected.algorithms.contains(&algorithm)
    }

    /// Checks the signature of a token that names this issuer, and what it claims.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::stages::authenticate) fn verify(
        &self,
        token: &Compact<'_>,
        keys: &KeySet,
        now: u64,
    ) -> Result<Verified, Flaw> {
        if !self.allows(token.algorithm()) {
            return Err(Flaw::Algorithm);
        }
        token.verify(keys)?;
        claims::read(token.payload(), &self.expected, now)
    }

    /// Whether a token that is meant for these may be used at a route with this URL.
    pub(in crate::stages::authenticate) fn is_meant_for(&self, audience: &[Box<str>], url: &str) -> bool {
        let wanted = self.expected.audience.as_deref().unwrap_or(url);
        audience.iter().any(|one| **one == *wanted)
    }

    /// Replaces the keys from now on. Tokens that were verified with others are verified anew; where the set is the same
    /// as before, nothing changes.
    pub fn keep(&self, keys: Option<KeySet>) {
        let same = self.keys().as_deref().map(KeySet::digest) == keys.as_ref().map(KeySet::digest);
        if !same {
            self.keys.store(keys.map(Arc::new));
        }
    }
}
