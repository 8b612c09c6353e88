//! Whose tokens are taken: what is expected of them, and the keys of today.

use std::cell::Cell;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::{mpsc, oneshot};

use crate::model::{Algorithm, Means};

use super::claims::{self, Verified};
use super::compact::Compact;
use super::flaw::Flaw;
use super::key_set::{Fingerprint, KeySet};

/// What the configuration expects of an issuer's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What `iss` has to be, to the byte.
    pub issuer: Box<str>,
    /// What has to be in `aud`; `None`: the URL of the route that is called.
    pub audience: Option<Box<str>>,
    /// How its tokens may be signed; empty where none has to be.
    pub algorithms: Box<[Algorithm]>,
    /// The claim that names the caller.
    pub principal_claim: Box<str>,
    /// The claim that names their roles; dots walk into objects.
    pub roles_claim: Box<str>,
    /// Whether only tokens that are bound to a certificate are taken.
    pub certificate_bound: bool,
    /// `Jwt`, `Local` for the tokens that we sign, `Opaque` where the issuer is asked.
    pub means: Means,
}

impl Expected {
    /// Whether a token that is meant for these may be used at a route with this URL.
    pub(in crate::stages::authenticate) fn is_meant_for(&self, audience: &[Box<str>], url: &str) -> bool {
        let wanted = self.audience.as_deref().unwrap_or(url);
        audience.iter().any(|one| **one == *wanted)
    }
}

/// Somebody shows a token that no key is there for, and waits until the keys are as new as they can be: until this is
/// dropped.
#[derive(Debug)]
pub struct Wanted {
    /// The number of the set that they have looked at; 0 where there was none.
    seen: u64,
    _told: oneshot::Sender<()>,
}

impl Wanted {
    /// That of somebody who has looked at the set of this number, and what they wait at.
    pub(in crate::stages::authenticate) fn new(seen: u64) -> (Self, oneshot::Receiver<()>) {
        let (told, tells) = oneshot::channel();
        (Self { seen, _told: told }, tells)
    }

    /// Whether these keys are others than those that they have looked at: there is nothing to fetch for them yet.
    pub fn is_behind(&self, keys: Option<&KeySet>) -> bool {
        keys.map_or(0, KeySet::number) != self.seen
    }
}

/// An issuer. Shared by the cores; whoever keeps its keys replaces them while tokens are verified.
#[derive(Debug)]
pub struct Issuer {
    expected: Expected,
    keys: ArcSwapOption<KeySet>,
    /// Who can get newer keys; none where they are in a file.
    keeper: Option<mpsc::Sender<Wanted>>,
}

impl Issuer {
    /// One with these keys; `None` where they are still to come: until then its tokens cannot be told from forged ones.
    pub fn new(expected: Expected, keys: Option<Arc<KeySet>>) -> Self {
        Self { expected, keys: ArcSwapOption::from(keys), keeper: None }
    }

    /// The same, whose keys somebody can renew.
    pub fn kept_by(self, keeper: mpsc::Sender<Wanted>) -> Self {
        Self { keeper: Some(keeper), ..self }
    }

    /// What is expected of its tokens.
    pub fn expected(&self) -> &Expected {
        &self.expected
    }

    /// The keys of today; `None` where nothing is kept.
    pub fn keys(&self) -> Guard<Option<Arc<KeySet>>> {
        self.keys.load()
    }

    /// Who can get newer keys.
    pub(in crate::stages::authenticate) fn keeper(&self) -> Option<&mpsc::Sender<Wanted>> {
        self.keeper.as_ref()
    }

    /// Whether this key is one of today's. `seen` is the number of the set that it was found in last: in that one it need
    /// not be looked for.
    pub(in crate::stages::authenticate) fn has(&self, key: &Fingerprint, seen: &Cell<u64>) -> bool {
        let keys = self.keys();
        let Some(keys) = keys.as_deref() else { return false };
        let has = keys.number() == seen.get() || keys.has(key);
        if has {
            seen.set(keys.number());
        }
        has
    }

    /// Whether its tokens may be signed so.
    pub(in crate::stages::authenticate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.expected.algorithms.contains(&algorithm)
    }

    /// Checks the signature of a token that names this issuer, and what it claims. With the key that it is from.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::stages::authenticate) fn verify(
        &self,
        token: &Compact<'_>,
        keys: &KeySet,
        now: u64,
    ) -> Result<(Verified, Fingerprint), Flaw> {
        if !self.allows(token.algorithm()) {
            return Err(Flaw::Algorithm);
        }
        let key = *token.verify(keys)?;
        claims::read(token.payload(), &self.expected, now).map(|verified| (verified, key))
    }

    /// Replaces the keys from now on, and says whether that changes anything. What was verified with a key that is gone is
    /// not known any more.
    pub fn keep(&self, keys: Option<Arc<KeySet>>) -> bool {
        let same = self.keys().as_deref().map(KeySet::digest) == keys.as_deref().map(KeySet::digest);
        if !same {
            self.keys.store(keys);
        }
        !same
    }
}
