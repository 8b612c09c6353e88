//! JSON Web Tokens on one core: those that were verified here are known again; the others are read, and verified if
//! their sender may have that.

use std::cell::RefCell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::model::{Principal, Reason, Refusal, clock};

use super::cache::Cache;
use super::jwt::{Compact, Flaw, Issuer, Verified, issuer_of};
use super::{Identified, Looked, Place, Presented};

/// How long a request waits for keys that its token may be verified with.
const PATIENCE: Duration = Duration::from_secs(3);
/// When to ask again while an issuer's keys are away.
const AWAY: Duration = Duration::from_secs(5);

/// Asks whether an address may have one more credential checked.
pub type MayVerify = Rc<dyn Fn(Option<IpAddr>) -> Result<(), Refusal>>;

/// Somebody shows a token of this issuer, by its place, that no key is there for.
#[derive(Debug)]
pub struct Wanted {
    /// The place of the issuer among all.
    pub issuer: usize,
    /// To be told once its keys are as new as they can be; dropped where they stay as they are.
    pub told: oneshot::Sender<()>,
}

/// The issuers, and what was verified of theirs.
pub(super) struct Tokens {
    issuers: Box<[Arc<Issuer>]>,
    verified: RefCell<Cache>,
    may_verify: MayVerify,
    /// Who can get newer keys; none where all of them are in files.
    keeper: Option<mpsc::Sender<Wanted>>,
}

/// Why a token is not taken.
enum Trouble {
    Flaw(Flaw),
    /// A key is missing that the issuer, by its place, may have by now.
    Stale(usize, Flaw),
    /// Nothing is kept of its issuer, by its place.
    Away(usize),
    Refused(Refusal),
}

impl Tokens {
    pub(super) fn new(issuers: Vec<Arc<Issuer>>, may_verify: MayVerify, keeper: Option<mpsc::Sender<Wanted>>) -> Self {
        Self { issuers: issuers.into(), verified: RefCell::new(Cache::new()), may_verify, keeper }
    }

    /// Finds out who has shown this token.
    pub(super) fn check<'a>(&'a self, token: &'a str, presented: &Presented<'a>, place: &'a Place) -> Looked<'a> {
        match (self.look(token, presented, place), &self.keeper) {
            (Err(Trouble::Stale(issuer, _) | Trouble::Away(issuer)), Some(keeper)) => {
                let presented = *presented;
                Looked::Asking(Box::pin(async move {
                    let (told, tells) = oneshot::channel();
                    // Where the keeper has too much to do, or does not answer, what is here decides.
                    if keeper.try_send(Wanted { issuer, told }).is_ok() {
                        let _ = timeout(PATIENCE, tells).await;
                    }
                    let found = self.look(token, &presented, place).map_err(|trouble| trouble.refusal(place));
                    found.and_then(|principal| Identified::at(place, principal))
                }))
            }
            (Ok(principal), _) => Looked::Done(Identified::at(place, principal)),
            (Err(trouble), _) => Looked::Done(Err(trouble.refusal(place))),
        }
    }

    fn look(&self, token: &str, presented: &Presented<'_>, place: &Place) -> Result<Principal, Trouble> {
        let now = clock::unix_seconds();
        if let Some(known) = self.remembered(token, now, presented, place) {
            return known;
        }
        let compact = Compact::read(token)?;
        let name = issuer_of(compact.payload())?;
        let issuers = &mut self.issuers.iter().enumerate();
        let (at, issuer) = issuers.find(|(_, issuer)| *issuer.expected().issuer == *name).ok_or(Flaw::Issuer)?;
        if !issuer.allows(compact.algorithm()) {
            return Err(Flaw::Algorithm.into());
        }
        let keys = issuer.keys();
        let keys = keys.as_deref().ok_or(Trouble::Away(at))?;
        compact.has_key(keys).map_err(|flaw| match flaw {
            Flaw::UnknownKey => Trouble::Stale(at, flaw),
            other => other.into(),
        })?;
        // A signature costs more than all the rest of a request: only so many for one address.
        (self.may_verify)(presented.address).map_err(Trouble::Refused)?;
        let verified = issuer.verify(&compact, keys, now)?;
        let answer = usable(&verified, issuer, presented, place).map(|()| verified.principal.clone());
        self.verified.borrow_mut().put(token, at, *keys.digest(), verified);
        answer
    }

    /// What is known of the token: with the keys of today, and until its end.
    fn remembered(
        &self,
        token: &str,
        now: u64,
        presented: &Presented<'_>,
        place: &Place,
    ) -> Option<Result<Principal, Trouble>> {
        let cache = self.verified.borrow();
        let (at, keys, verified) = cache.find(token, now)?;
        let issuer = self.issuers.get(at)?;
        let current = issuer.keys();
        if current.as_deref()?.digest() != keys {
            return None;
        }
        Some(usable(verified, issuer, presented, place).map(|()| verified.principal.clone()))
    }
}

/// Whether a verified token may be used at this place, on this connection. Asked at each use: one that is remembered is not
/// for whoever else shows it.
fn usable(verified: &Verified, issuer: &Issuer, presented: &Presented<'_>, place: &Place) -> Result<(), Trouble> {
    if !issuer.is_meant_for(&verified.audience, &place.audience) {
        return Err(Flaw::Audience.into());
    }
    let shown = presented.certificate.map(|certificate| certificate.fingerprint);
    if verified.bound.is_some() && verified.bound != shown {
        return Err(Flaw::OtherCertificate.into());
    }
    Ok(())
}

impl Trouble {
    fn refusal(self, place: &Place) -> Refusal {
        match self {
            Self::Flaw(flaw) | Self::Stale(_, flaw) => {
                place.refusal(Some("invalid_token"), flaw.advice()).noted(flaw.note())
            }
            Self::Away(_) => {
                let message = "the token cannot be verified now: its issuer is out of reach";
                Refusal::new(Reason::IdentityUnavailable, message).retryable(AWAY)
            }
            Self::Refused(refusal) => refusal,
        }
    }
}

impl From<Flaw> for Trouble {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}
