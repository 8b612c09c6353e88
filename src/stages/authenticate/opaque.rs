//! Tokens that say nothing themselves: their issuer is asked (RFC 7662), and its answer counts for a while.
//!
//! Who asks is on the control runtime and gives back the text of the answer; what it means is decided here.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::model::{Principal, Refusal, clock};

use super::cache::{Ground, Known};
use super::jwt::{Expected, Flaw, Verified, said};
use super::tokens::{Memory, away, refused, usable};
use super::{Identified, Looked, MayVerify, Place, Presented};

/// How long a request waits for an answer; whoever asks gives up a little sooner.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longest token that is asked about, in bytes.
const MOST_BYTES: usize = 16 * 1024;
/// How long it is remembered that a token does not count, in seconds, and of how many.
const DENIED: u64 = 10;
const MOST_DENIED: usize = 1024;

/// An issuer that is asked about its tokens.
#[derive(Debug)]
pub struct Oracle {
    expected: Expected,
    /// How long an answer counts, in whole seconds.
    life: u64,
    asks: mpsc::Sender<Asked>,
}

/// Somebody shows a token, and waits for what its issuer says.
pub struct Asked {
    /// The token: visible ASCII, of 16 KiB at most.
    pub token: Box<str>,
    /// Takes the text of the answer; dropped where there is none.
    pub told: oneshot::Sender<Bytes>,
}

impl Oracle {
    /// One whose tokens have to be as expected. `asks` leads to who asks it.
    pub fn new(expected: Expected, life: Duration, asks: mpsc::Sender<Asked>) -> Self {
        Self { expected, life: life.as_secs(), asks }
    }

    /// What it says of a token; `None` where it does not answer.
    async fn ask(&self, token: &str) -> Option<Bytes> {
        let (told, tells) = oneshot::channel();
        self.asks.try_send(Asked { token: token.into(), told }).ok()?;
        timeout(PATIENCE, tells).await.ok()?.ok()
    }
}

/// Opaque tokens on one core.
pub(super) struct Opaque {
    oracle: Arc<Oracle>,
    memory: Memory,
    may_verify: MayVerify,
}

impl Opaque {
    pub(super) fn new(oracle: Arc<Oracle>, memory: Memory, may_verify: MayVerify) -> Self {
        Self { oracle, memory, may_verify }
    }

    /// Finds out who has shown this token.
    pub(super) fn check<'a>(&'a self, token: &'a str, presented: &Presented<'a>, place: &'a Place) -> Looked<'a> {
        let now = clock::unix_seconds();
        if let Some(known) = self.remembered(token, now, presented, place) {
            return Looked::Done(known.and_then(|principal| Identified::at(place, principal)));
        }
        if token.len() > MOST_BYTES {
            return Looked::Done(Err(refused(Flaw::TooLong, place)));
        }
        if self.memory.denied().borrow().has(token, now) {
            return Looked::Done(Err(refused(Flaw::Inactive, place)));
        }
        // To ask costs the issuer more than a signature costs us.
        if let Err(refusal) = (self.may_verify)(presented.address) {
            return Looked::Done(Err(refusal));
        }
        let presented = *presented;
        Looked::Asking(Box::pin(async move {
            let text = self.oracle.ask(token).await.ok_or_else(away)?;
            let principal = self.hear(token, &text, &presented, place)?;
            Identified::at(place, principal)
        }))
    }

    /// Understands an answer, and remembers it.
    fn hear(&self, token: &str, text: &[u8], presented: &Presented<'_>, place: &Place) -> Result<Principal, Refusal> {
        let now = clock::unix_seconds();
        let Oracle { expected, life, .. } = &*self.oracle;
        let verified = match said(text, expected, now, *life) {
            Ok(Ok(verified)) => verified,
            Ok(Err(flaw)) => {
                self.memory.denied().borrow_mut().put(token, now + DENIED);
                return Err(refused(flaw, place));
            }
            // It says nothing of the token, so the token is neither good nor bad.
            Err(_) => return Err(away()),
        };
        let answer = self.usable(&verified, presented, place).map(|()| verified.principal.clone());
        let ground = Ground::Word(Arc::clone(&self.oracle));
        self.memory.verified().borrow_mut().put(token, Known { ground, verified });
        answer
    }

    /// What is known of the token, as long as the answer counts.
    fn remembered(
        &self,
        token: &str,
        now: u64,
        presented: &Presented<'_>,
        place: &Place,
    ) -> Option<Result<Principal, Refusal>> {
        let cache = self.memory.verified().borrow();
        let Known { ground: Ground::Word(asked), verified } = cache.find(token, now)? else { return None };
        let stands = Arc::ptr_eq(asked, &self.oracle);
        stands.then(|| self.usable(verified, presented, place).map(|()| verified.principal.clone()))
    }

    fn usable(&self, verified: &Verified, presented: &Presented<'_>, place: &Place) -> Result<(), Refusal> {
        usable(verified, &self.oracle.expected, presented, place).map_err(|flaw| refused(flaw, place))
    }
}

/// Tokens that do not count, for a short while: by a keyed hash, in a table of a fixed size that anybody may fill.
#[derive(Debug)]
pub(super) struct Denied {
    places: Box<[(u64, u64)]>,
    hasher: RandomState,
    /// By whose word.
    by: Option<Arc<Oracle>>,
}

impl Denied {
    pub(super) fn new() -> Self {
        Self::of(MOST_DENIED)
    }

    /// With room for so many, at least one.
    pub(super) fn of(most: usize) -> Self {
        Self { places: vec![(0, 0); most.max(1)].into(), hasher: RandomState::new(), by: None }
    }

    /// Forgets what another one has said.
    pub(super) fn by(&mut self, oracle: Option<&Arc<Oracle>>) {
        if self.by.as_ref().map(Arc::as_ptr) != oracle.map(Arc::as_ptr) {
            self.by = oracle.cloned();
            self.places.fill((0, 0));
        }
    }

    fn has(&self, token: &str, now: u64) -> bool {
        let hash = self.hasher.hash_one(token);
        let (known, until) = self.places[hash as usize % self.places.len()];
        known == hash && now < until
    }

    fn put(&mut self, token: &str, until: u64) {
        let hash = self.hasher.hash_one(token);
        self.places[hash as usize % self.places.len()] = (hash, until);
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opaque").field("oracle", &self.oracle).finish_non_exhaustive()
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
