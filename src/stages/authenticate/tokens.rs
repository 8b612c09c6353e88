//! JSON Web Tokens on one core: those that were verified here are known again; the others are read, and verified if
//! their sender may have that.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::model::{Principal, Reason, Refusal, clock};

use super::cache::{Cache, Ground, Known};
use super::jwt::{Compact, Expected, Flaw, Issuer, KeySet, Verified, Wanted, issuer_of};
use super::opaque::{Denied, Oracle};
use super::{Identified, Looked, Place, Presented};

/// How long a request waits for keys that its token may be verified with.
const PATIENCE: Duration = Duration::from_secs(3);
/// When to ask again while an issuer's keys are away.
const AWAY: Duration = Duration::from_secs(5);

/// Asks whether an address may have one more credential checked.
pub type MayVerify = Rc<dyn Fn(Option<IpAddr>) -> Result<(), Refusal>>;

/// What was verified on one core. It outlives configurations: an entry stands as long as what it stands on.
#[derive(Clone, Debug)]
pub struct Memory(Rc<Remembered>);

#[derive(Debug)]
struct Remembered {
    verified: RefCell<Cache>,
    /// Opaque tokens that do not count.
    denied: RefCell<Denied>,
}

impl Memory {
    /// One of nothing.
    pub fn new() -> Self {
        Self::with(Cache::new(), Denied::new())
    }

    /// For one look at one token, after which it is dropped: without the room for all of a core's.
    pub fn for_one() -> Self {
        Self::with(Cache::of(1), Denied::of(1))
    }

    fn with(verified: Cache, denied: Denied) -> Self {
        Self(Rc::new(Remembered { verified: RefCell::new(verified), denied: RefCell::new(denied) }))
    }

    /// Forgets what stands on anything else than these.
    pub(super) fn keep(&self, issuers: &[Arc<Issuer>], oracle: Option<&Arc<Oracle>>) {
        self.0.verified.borrow_mut().keep(issuers, oracle);
        self.0.denied.borrow_mut().by(oracle);
    }

    pub(super) fn verified(&self) -> &RefCell<Cache> {
        &self.0.verified
    }

    pub(super) fn denied(&self) -> &RefCell<Denied> {
        &self.0.denied
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// The issuers, and what was verified of theirs.
pub(super) struct Tokens {
    issuers: Box<[Arc<Issuer>]>,
    memory: Memory,
    may_verify: MayVerify,
}

/// Why a token is not taken.
enum Trouble {
    Flaw(Flaw),
    /// A key is missing that its issuer may have by now.
    Stale(Stale),
    Refused(Refusal),
}

/// A token whose key is missing.
struct Stale {
    issuer: Arc<Issuer>,
    /// What is wrong with the keys that are there; `None` where none are.
    flaw: Option<Flaw>,
    /// The number of their set; 0 where there is none.
    seen: u64,
    /// Whether its sender's address has been asked.
    counted: bool,
}

impl Tokens {
    pub(super) fn new(issuers: Vec<Arc<Issuer>>, memory: Memory, may_verify: MayVerify) -> Self {
        Self { issuers: issuers.into(), memory, may_verify }
    }

    /// Finds out who has shown this token.
    pub(super) fn check<'a>(&'a self, token: &'a str, presented: &Presented<'a>, place: &'a Place) -> Looked<'a> {
        let address = presented.address;
        let stale = match self.look(token, presented, place, || (self.may_verify)(address)) {
            Ok(principal) => return Looked::Done(Identified::at(place, principal)),
            Err(Trouble::Stale(stale)) => stale,
            Err(trouble) => return Looked::Done(Err(trouble.refusal(place))),
        };
        let presented = *presented;
        let Some(keeper) = stale.issuer.keeper().cloned() else {
            return Looked::Done(Err(stale.refusal(place)));
        };
        // Whoever has no bound could keep the keeper busy, and fill this core with requests that wait.
        if !stale.counted
            && let Err(refusal) = (self.may_verify)(address)
        {
            return Looked::Done(Err(refusal));
        }
        Looked::Asking(Box::pin(async move {
            ask(&keeper, stale.seen).await;
            if number(stale.issuer.keys().as_deref()) == stale.seen {
                return Err(stale.refusal(place));
            }
            let found = self.look(token, &presented, place, || Ok(())).map_err(|trouble| trouble.refusal(place));
            found.and_then(|principal| Identified::at(place, principal))
        }))
    }

    fn look(
        &self,
        token: &str,
        presented: &Presented<'_>,
        place: &Place,
        may_verify: impl FnOnce() -> Result<(), Refusal>,
    ) -> Result<Principal, Trouble> {
        let now = clock::unix_seconds();
        if let Some(known) = self.remembered(token, now, presented, place) {
            return known;
        }
        let compact = Compact::read(token)?;
        let name = issuer_of(compact.payload())?;
        let issuer = self.issuers.iter().find(|issuer| *issuer.expected().issuer == *name).ok_or(Flaw::Issuer)?;
        if !issuer.allows(compact.algorithm()) {
            return Err(Flaw::Algorithm.into());
        }
        let keys = issuer.keys();
        let stale = |flaw, counted| {
            let (issuer, seen) = (Arc::clone(issuer), number(keys.as_deref()));
            Trouble::Stale(Stale { issuer, flaw, seen, counted })
        };
        let trouble = |flaw, counted| match compact.may_be_newer(flaw) {
            true => stale(Some(flaw), counted),
            false => Trouble::Flaw(flaw),
        };
        let keys = keys.as_deref().ok_or_else(|| stale(None, false))?;
        compact.has_key(keys).map_err(|flaw| trouble(flaw, false))?;
        // A signature costs more than all the rest of a request: only so many for one address.
        may_verify().map_err(Trouble::Refused)?;
        let (verified, key) = issuer.verify(&compact, keys, now).map_err(|flaw| trouble(flaw, true))?;
        let answer = usable(&verified, issuer.expected(), presented, place).map(|()| verified.principal.clone());
        let answer = answer.map_err(Trouble::Flaw);
        let ground = Ground::Key { issuer: Arc::clone(issuer), key, seen: Cell::new(keys.number()) };
        self.memory.verified().borrow_mut().put(token, Known { ground, verified });
        answer
    }

    /// What is known of the token, until its end: while its issuer is one of these, and its key one of today's.
    fn remembered(
        &self,
        token: &str,
        now: u64,
        presented: &Presented<'_>,
        place: &Place,
    ) -> Option<Result<Principal, Trouble>> {
        let cache = self.memory.verified().borrow();
        let Known { ground: Ground::Key { issuer, key, seen }, verified } = cache.find(token, now)? else {
            return None;
        };
        let stands = self.issuers.iter().any(|own| Arc::ptr_eq(own, issuer)) && issuer.has(key, seen);
        let usable = || usable(verified, issuer.expected(), presented, place).map_err(Trouble::Flaw);
        stands.then(|| usable().map(|()| verified.principal.clone()))
    }
}

/// Waits until the keys are as new as they can be, or for no longer. Where the keeper has too much to do, or does not
/// answer, what is here decides.
async fn ask(keeper: &mpsc::Sender<Wanted>, seen: u64) {
    let (wanted, tells) = Wanted::new(seen);
    if keeper.try_send(wanted).is_ok() {
        let _ = timeout(PATIENCE, tells).await;
    }
}

fn number(keys: Option<&KeySet>) -> u64 {
    keys.map_or(0, KeySet::number)
}

/// Whether a verified token may be used at this place, on this connection. Asked at each use: one that is remembered is not
/// for whoever else shows it.
pub(super) fn usable(
    verified: &Verified,
    expected: &Expected,
    presented: &Presented<'_>,
    place: &Place,
) -> Result<(), Flaw> {
    if !expected.is_meant_for(&verified.audience, &place.audience) {
        return Err(Flaw::Audience);
    }
    let shown = presented.certificate.map(|certificate| certificate.fingerprint);
    match verified.bound.is_some() && verified.bound != shown {
        true => Err(Flaw::OtherCertificate),
        false => Ok(()),
    }
}

impl Trouble {
    fn refusal(self, place: &Place) -> Refusal {
        match self {
            Self::Flaw(flaw) => refused(flaw, place),
            Self::Stale(stale) => stale.refusal(place),
            Self::Refused(refusal) => refusal,
        }
    }
}

impl Stale {
    fn refusal(self, place: &Place) -> Refusal {
        self.flaw.map_or_else(away, |flaw| refused(flaw, place))
    }
}

/// Nobody can say whose it is.
pub(super) fn away() -> Refusal {
    let message = "the token cannot be verified now: its issuer is out of reach";
    Refusal::new(Reason::IdentityUnavailable, message).retryable(AWAY)
}

pub(super) fn refused(flaw: Flaw, place: &Place) -> Refusal {
    place.refusal(Some("invalid_token"), flaw.advice()).noted(flaw.note())
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
