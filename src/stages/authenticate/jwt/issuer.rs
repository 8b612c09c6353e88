//! Whose tokens are taken: what is expected of them, and the keys of today.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::model::{Algorithm, Means};

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

    /// Replaces the keys from now on. Tokens that were verified with others are verified anew; where the set is the same
    /// as before, nothing changes.
    pub fn keep(&self, keys: Option<KeySet>) {
        let same = self.keys().as_deref().map(KeySet::digest) == keys.as_ref().map(KeySet::digest);
        if !same {
            self.keys.store(keys.map(Arc::new));
        }
    }
}
