//! One token, as it is kept: read by every core, asked for by one request at a time.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::answer::Given;
use super::asking::{self, Trouble};
use super::subject::Subject;
use super::terms::Terms;
use crate::model::clock;
use crate::net::upstream::Field;

/// How long a call waits for a token: longer than asking may take, metadata included.
const PATIENCE: Duration = Duration::from_secs(8);
/// When it is asked again after a failure: from the first time to the most, twice as long each time.
const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(60);
/// When it is asked again for a caller who was refused.
const REFUSED: Duration = Duration::from_secs(10);
/// How often a token is given up at most because a server does not take it.
const GIVEN_UP: Duration = Duration::from_secs(30);
/// How long before its end a token is not shown any more, in seconds, so that it does not end on its way.
const MARGIN: u64 = 5;

/// Where requests for tokens run. It lasts as long as the daemon.
#[derive(Debug, Default)]
pub struct Runner {
    runtime: OnceLock<Handle>,
}

/// A token that was given.
pub struct Granted {
    /// It as it is shown.
    pub field: Field,
    /// From then on it is not, in seconds since 1970.
    until: u64,
    /// From then on another one is asked for.
    refresh: u64,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The authorization server is away, or does not do what it should. When to ask again.
    Away(Duration),
    /// It gives out none for this caller. When to ask again.
    Caller(Duration),
}

/// The place of one token.
pub struct Slot {
    terms: Arc<Terms>,
    runner: Arc<Runner>,
    token: ArcSwapOption<Granted>,
    asking: watch::Sender<State>,
    /// What went wrong last.
    trouble: ArcSwapOption<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    asks: bool,
    /// In a row.
    failures: u32,
    /// Until then nobody asks again, and why.
    denied: Option<(Instant, bool)>,
    /// When a token was given up last.
    given_up: Option<Instant>,
    /// It is seen to while nobody wants it, too.
    tended: bool,
}

impl Runner {
    /// Requests run on the runtime that this is called on, from the first time on; before it nothing is asked for.
    pub fn run_here(&self) {
        self.runtime.get_or_init(Handle::current);
    }
}

impl Slot {
    /// A place for a token by these terms, at first what `before` had.
    pub fn new(terms: Arc<Terms>, runner: Arc<Runner>, before: Option<&Self>) -> Self {
        let token = before.and_then(|before| before.token.load_full());
        Self {
            terms,
            runner,
            token: ArcSwapOption::from(token),
            asking: watch::Sender::default(),
            trouble: ArcSwapOption::empty(),
        }
    }

    /// By which terms it is asked for.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// What went wrong last, for people.
    pub fn trouble(&self) -> Option<Arc<String>> {
        self.trouble.load_full()
    }

    /// What may be shown now.
    pub fn current(&self) -> Option<Arc<Granted>> {
        let now = clock::unix_seconds();
        self.token.load_full().filter(|granted| now < granted.until)
    }

    /// Whether it is time for another one.
    pub fn is_due(&self) -> bool {
        let now = clock::unix_seconds();
        self.token.load().as_ref().is_none_or(|granted| now >= granted.refresh)
    }

    /// Asks for another one where nobody does so, and waits for none. `subject` is made where it is needed.
    pub fn refresh(self: &Arc<Self>, subject: impl FnOnce() -> Option<Subject>) {
        let Some(runtime) = self.runner.runtime.get() else { return };
        let now = clock::now();
        let begins = self.asking.send_if_modified(|state| {
            let may = !state.asks && state.denied.is_none_or(|(until, _)| now >= until);
            state.asks |= may;
            may
        });
        if begins {
            let asking = Asking(Some(Arc::clone(self)));
            runtime.spawn(asking.run(subject()));
        }
    }

    /// What may be shown: at once where there is something, else as soon as it has come.
    ///
    /// # Errors
    /// Why nothing came.
    pub async fn obtain(self: &Arc<Self>, subject: impl FnOnce() -> Option<Subject>) -> Result<Arc<Granted>, Denied> {
        if let Some(granted) = self.current() {
            return Ok(granted);
        }
        let mut asking = self.asking.subscribe();
        self.refresh(subject);
        let ended = timeout(PATIENCE, asking.wait_for(|state| !state.asks)).await;
        let state = match ended {
            Ok(Ok(state)) => *state,
            Ok(Err(_)) | Err(_) => return Err(Denied::Away(FIRST)),
        };
        self.current().ok_or_else(|| state.denied())
    }

    /// A server did not take it: another one is asked for, and until that is there nothing is shown. Not often, lest a server
    /// that takes none have us ask for ever more.
    pub fn give_up(self: &Arc<Self>, granted: &Arc<Granted>) {
        let is_this = self.token.load().as_ref().is_some_and(|current| Arc::ptr_eq(current, granted));
        let now = clock::now();
        let may = is_this
            && self.asking.send_if_modified(|state| {
                let may = state.given_up.is_none_or(|last| now.duration_since(last) >= GIVEN_UP);
                state.given_up = if may { Some(now) } else { state.given_up };
                may
            });
        if may {
            self.token.store(None);
        }
    }

    /// Has another one asked for whenever that is due, from now on and for as long as the slot is in use.
    pub fn tend(self: &Arc<Self>) {
        let Some(runtime) = self.runner.runtime.get() else { return };
        let first = self.asking.send_if_modified(|state| !std::mem::replace(&mut state.tended, true));
        if first {
            // One that another one had may be good, but was had by other terms.
            self.refresh(|| None);
            runtime.spawn(tend(Arc::downgrade(self)));
        }
    }

    /// When to look at it again.
    fn wakes_in(&self) -> Duration {
        let (state, now) = (*self.asking.borrow(), clock::unix_seconds());
        let left = |granted: &Arc<Granted>| Duration::from_secs(granted.refresh.saturating_sub(now));
        let due = self.token.load().as_ref().map_or(Duration::ZERO, left);
        let allowed = state.denied.map_or(Duration::ZERO, |(until, _)| until.saturating_duration_since(clock::now()));
        due.max(allowed).max(FIRST)
    }

    /// A request has come to its end: for a caller's token where it was `exchanged`, which `ends` then.
    fn ended(&self, outcome: Result<Given, Trouble>, exchanged: bool, ends: Option<u64>) {
        let now = clock::unix_seconds();
        let granted = outcome.map(|given| {
            let end = ends.map_or(now + given.life, |end| end.min(now + given.life));
            let life = end.saturating_sub(now);
            // A tenth of it is by chance, so that nodes do not ask all at once.
            let refresh = now + life * 7 / 10 + (chance() * life as f64 / 10.0) as u64;
            Granted { field: given.field, until: end - MARGIN.min(life / 5), refresh }
        });
        let server = &self.terms.server;
        let denied = match granted {
            Ok(granted) => {
                self.token.store(Some(Arc::new(granted)));
                tracing::debug!(server, "a token for a server was given");
                None
            }
            Err(trouble) => {
                let why = trouble.to_string();
                tracing::warn!(server, why, "no token for a server is given");
                self.trouble.store(Some(Arc::new(why)));
                Some(exchanged && trouble.is_of_caller())
            }
        };
        self.asking.send_modify(|state| {
            state.asks = false;
            state.failures = if denied.is_some() { state.failures + 1 } else { 0 };
            state.denied = denied.map(|of_caller| {
                let wait = if of_caller { REFUSED } else { backoff(state.failures) };
                (clock::now() + wait, of_caller)
            });
        });
    }
}

async fn tend(slot: Weak<Slot>) {
    loop {
        let Some(wait) = slot.upgrade().map(|slot| slot.wakes_in()) else { return };
        sleep(wait).await;
        let Some(slot) = slot.upgrade() else { return };
        if slot.is_due() {
            slot.refresh(|| None);
        }
    }
}

impl State {
    fn denied(self) -> Denied {
        let left = |until: Instant| until.saturating_duration_since(clock::now()).max(FIRST);
        match self.denied {
            Some((until, true)) => Denied::Caller(left(until)),
            Some((until, false)) => Denied::Away(left(until)),
            None => Denied::Away(FIRST),
        }
    }
}

/// The request in progress. Whatever ends it, nobody waits for it any more.
struct Asking(Option<Arc<Slot>>);

impl Asking {
    async fn run(mut self, subject: Option<Subject>) {
        let Some(slot) = self.0.clone() else { return };
        let _place = slot.terms.room.acquire().await;
        let outcome = asking::ask(&slot.terms, subject.as_ref()).await;
        let (exchanged, ends) = (subject.is_some(), subject.as_ref().and_then(Subject::ends));
        drop(subject);
        slot.ended(outcome, exchanged, ends);
        self.0 = None;
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            slot.asking.send_modify(|state| state.asks = false);
        }
    }
}

/// Twice as long each time, less up to a fifth by chance.
fn backoff(failures: u32) -> Duration {
    let whole = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(MOST);
    whole.mul_f64(1.0 - chance() / 5.0)
}

/// A number from 0 to 1.
fn chance() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("until", &self.until).finish_non_exhaustive()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("terms", &self.terms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::terms::tests::terms;
    use super::*;

    fn slot() -> Slot {
        Slot::new(Arc::new(terms()), Arc::default(), None)
    }

    fn given(life: u64) -> Result<Given, Trouble> {
        Ok(Given { field: Field::bearer("x").unwrap(), life })
    }

    #[test]
    fn a_token_is_due_before_it_is_shown_no_more_and_that_is_before_its_end() {
        let (slot, now) = (slot(), clock::unix_seconds());
        for life in [1, 3, 10, 60, 3600] {
            slot.ended(given(life), false, None);
            let granted = slot.token.load_full().unwrap();
            let end = now + life;
            assert!(
                granted.refresh <= granted.until && (end.saturating_sub(MARGIN)..=end + 1).contains(&granted.until)
            );
            assert!(granted.refresh <= now + life * 8 / 10 + 1, "{life}: {granted:?}");
        }
    }

    #[test]
    fn what_was_had_for_a_callers_token_ends_with_it() {
        let (slot, now) = (slot(), clock::unix_seconds());
        slot.ended(given(3600), true, Some(now + 100));
        let until = slot.current().unwrap().until;
        assert!(until <= now + 100 && until > now + 90, "{}", until - now);
        slot.ended(given(3600), true, Some(now.saturating_sub(10)));
        assert!(slot.current().is_none(), "it has ended already");
        slot.ended(given(60), true, Some(now + 1000));
        assert!(slot.current().unwrap().until <= now + 61);
    }

    #[test]
    fn failures_wait_longer_each_time_and_are_forgotten_with_a_token() {
        let slot = slot();
        let away = || Err(Trouble::Metadata("they are away"));
        let left = |slot: &Slot| slot.asking.borrow().denied.unwrap().0.saturating_duration_since(clock::now());
        let mut waits = Vec::new();
        for _ in 0..9 {
            slot.ended(away(), false, None);
            waits.push(left(&slot));
        }
        assert!(waits[0] <= FIRST && waits[8] > MOST / 2 && waits[8] <= MOST, "{waits:?}");
        assert!(waits.windows(2).take(6).all(|pair| pair[0] < pair[1]), "{waits:?}");
        slot.ended(given(60), false, None);
        assert!(slot.asking.borrow().denied.is_none());
        slot.ended(away(), false, None);
        assert!(left(&slot) <= FIRST);
    }

    #[test]
    fn only_a_caller_can_be_refused_for_their_token() {
        let slot = slot();
        let refused = || Err(Trouble::Refused(http::StatusCode::BAD_REQUEST, Some("invalid_target".to_owned())));
        slot.ended(refused(), true, None);
        assert!(matches!(slot.asking.borrow().denied(), Denied::Caller(_)));
        slot.ended(refused(), false, None);
        assert!(matches!(slot.asking.borrow().denied(), Denied::Away(_)));
    }

    #[tokio::test]
    async fn without_a_runtime_nothing_is_asked_for_and_nobody_waits() {
        let slot = Arc::new(slot());
        assert_eq!(slot.obtain(|| None).await.unwrap_err(), Denied::Away(FIRST));
        slot.tend();
    }
}
