//! Changing stored rules while Weir runs: an order is tried on the configuration in force, kept in the store, and then put
//! into force on every core. What another node has changed in a store that is shared comes in by its news.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep_until;

use crate::model::stored::{Author, RuleAnswer, RuleChange, RuleOrder, StoredRules, Trial, Unruled};
use crate::model::{Case, Explanation, Undone, clock};
use crate::net::drain::Phase;
use crate::stages::rules::Book;
use crate::store::{RuleBook, Store, StoreError, changed};

use super::plan::Plan;
use super::reload::{Reloader, listed};
use super::stored;
use super::stores::Stores;
use super::switches;

/// How long it rests before rules are read again, where that has failed.
const REST: Duration = Duration::from_secs(1);

/// What says that rules in the store may have changed.
pub(super) struct News {
    changes: Option<watch::Receiver<u64>>,
    again: Option<Instant>,
}

impl News {
    /// That of a store which nodes share: another one changes by us alone.
    pub(super) fn of(stores: &Stores, is_wanted: bool) -> Self {
        let shared = stores.opened().filter(|store| is_wanted && store.shared().is_some());
        let changes = shared.map(|store| {
            let mut changes = store.rule_changes();
            // What has changed since they were read at the start.
            changes.mark_changed();
            changes
        });
        Self { changes, again: None }
    }

    /// Returns when they may have.
    pub(super) async fn heard(&mut self) {
        let changed = async {
            let ended = match &mut self.changes {
                Some(changes) => changes.changed().await.is_err(),
                None => true,
            };
            if ended {
                pending::<()>().await;
            }
        };
        let again = async {
            match self.again {
                Some(at) => sleep_until(at.into()).await,
                None => pending().await,
            }
        };
        tokio::select! { () = changed => {}, () = again => {} }
        self.again = None;
    }

    /// It is to be looked again after a rest.
    pub(super) fn later(&mut self) {
        self.again = Some(clock::now() + REST);
    }
}

/// A change, and what would come of it.
struct Candidate {
    store: Arc<Store>,
    on: u64,
    what: String,
    /// All rules as they would be, compiled; or every flaw.
    book: Result<Arc<Book>, Vec<String>>,
}

impl Reloader {
    /// Does what an operator asks of stored rules.
    pub(super) async fn rule(&mut self, order: RuleOrder) -> Result<RuleAnswer, Unruled> {
        match order {
            // To look at it makes no store.
            RuleOrder::History(..) if Store::is_there(&self.settings.store, &self.data).is_err() => {
                Ok(RuleAnswer::Told(Vec::new()))
            }
            RuleOrder::History(before, most) => {
                let told = self.store().await?.history(before, most).await;
                told.map(RuleAnswer::Told).map_err(unruled)
            }
            RuleOrder::Change(on, change, author) => self.change(on, change, author).await.map(RuleAnswer::Changed),
            RuleOrder::Try(on, change, case) => self.attempt(on, change, case).await.map(RuleAnswer::Tried),
        }
    }

    async fn change(&mut self, on: Option<u64>, change: RuleChange, author: Author) -> Result<u64, Unruled> {
        if *self.phase.borrow() >= Phase::Draining {
            return Err(Unruled::Undone(Undone::Draining));
        }
        let behind = self.switches.behind();
        if !behind.is_empty() {
            let why = format!("{} did not come round to the rules in force yet: restart the daemon", listed(&behind));
            return Err(refused(why));
        }
        let Candidate { store, on, what, book, .. } = self.candidate(on, &change).await?;
        let book = book.map_err(Unruled::Flawed)?;
        let by = author.by.clone();
        let kept = match store.change(on, change, author).await {
            Ok(kept) => kept,
            Err(error) => {
                // Whether it was done may not be known.
                self.news.later();
                return Err(unruled(error));
            }
        };
        let version = kept.version;
        let put = self.put(kept, book).await;
        tracing::info!(version, by = &*by, what, "stored rules were changed");
        put.map(|()| version)
    }

    async fn attempt(&self, on: Option<u64>, change: RuleChange, case: Option<Box<Case>>) -> Result<Trial, Unruled> {
        let (on, book) = match self.candidate(on, &change).await {
            Ok(candidate) => (candidate.on, candidate.book),
            Err(Unruled::Flawed(flaws)) => (on.unwrap_or(self.plan.stored.version), Err(flaws)),
            Err(other) => return Err(other),
        };
        let book = match book {
            Ok(book) => book,
            Err(flaws) => return Ok(Trial { on, flaws, message: None }),
        };
        let message = match case {
            Some(case) => Some(Box::new(self.before_and_after(book, case).await?)),
            None => None,
        };
        Ok(Trial { on, flaws: Vec::new(), message })
    }

    async fn before_and_after(&self, book: Arc<Book>, case: Box<Case>) -> Result<(Explanation, Explanation), Unruled> {
        let plan = Arc::clone(&self.plan);
        let told = move || Ok((plan.explain(Arc::clone(&plan.book), &case)?, plan.explain(book, &case)?));
        spawn_blocking(told).await.map_err(|_| refused(DEFECT.to_owned()))?.map_err(refused)
    }

    /// What a change would make, tried on the configuration in force.
    async fn candidate(&self, on: Option<u64>, change: &RuleChange) -> Result<Candidate, Unruled> {
        let store = self.store().await?;
        let now = store.rules().await.map_err(unruled)?;
        let on = on.unwrap_or(now.version);
        let then = match change {
            RuleChange::RollBack(version) if on == now.version => {
                Some(store.rules_at(*version).await.map_err(unruled)?)
            }
            _ => None,
        };
        let (next, what) = changed(&now, on, change.clone(), then).map_err(unruled)?;
        let book = self.compiled(next).await?;
        Ok(Candidate { store, on, what, book })
    }

    async fn compiled(&self, rules: StoredRules) -> Result<Result<Arc<Book>, Vec<String>>, Unruled> {
        let settings = self.settings.clone();
        let compiled = spawn_blocking(move || stored::book(&settings, &rules)).await;
        compiled.map_err(|_| refused(DEFECT.to_owned()))
    }

    async fn store(&self) -> Result<Arc<Store>, Unruled> {
        if self.settings.store.without_rules {
            return Err(refused(
                "stored rules are not asked here: [store] says `rules = false`. Stop the daemon to mend them with `weir rules`, \
                 then take that out"
                    .to_owned(),
            ));
        }
        let stores = self.plan.lasting.stores.clone();
        let opened = spawn_blocking(move || stores.open()).await;
        opened.map_err(|_| refused(DEFECT.to_owned()))?.map_err(unruled)
    }

    /// Puts other stored rules into force on every core.
    async fn put(&mut self, rules: StoredRules, book: Arc<Book>) -> Result<(), Unruled> {
        let version = rules.version;
        let plan = Arc::new(self.plan.ruled(Arc::new(rules), book));
        let switched = self.switches.switch(&plan, None).await;
        let hang = match switched {
            Ok(hang) => hang,
            Err(error) => {
                // It is kept all the same, and is to come into force.
                self.news.later();
                return Err(refused(format!("version {version} is kept, and not in force yet: {error:#}")));
            }
        };
        self.operators.change(&self.settings.admin, None, Plan::access(&plan));
        self.plan = plan;
        self.lag(None);
        if hang.is_empty() {
            return Ok(());
        }
        let why = format!(
            "version {version} of the stored rules is kept, and {} did not come round to it within {:?}. All other cores decide \
             by it, and these will as soon as they come round. If that does not end, restart the daemon",
            listed(&hang),
            switches::PATIENCE,
        );
        let generation = self.status.borrow().generation;
        Err(Unruled::Undone(Undone::Hangs { generation, why }))
    }

    /// Notes why the rules in the store are not those in force, and says whether that is news.
    fn lag(&self, why: Option<String>) -> bool {
        self.observed.ruled(self.plan.stored.version, why.is_some());
        self.plan.lasting.lag.note(why)
    }

    /// Takes in what others have changed. What does not fit here leaves what is in force, and is said.
    pub(super) async fn catch_up(&mut self) {
        let Err(why) = self.caught_up().await else { return };
        if self.lag(Some(why.clone())) {
            tracing::error!(why, "the rules in the store are not in force here; those that were stay so");
        }
    }

    async fn caught_up(&mut self) -> Result<(), String> {
        if *self.phase.borrow() >= Phase::Draining {
            return Ok(());
        }
        let said = |unruled| match unruled {
            Unruled::Undone(undone) => undone.to_string(),
            Unruled::Missing(why) => why,
            Unruled::Flawed(flaws) => flaws.join("; "),
            Unruled::Moved { on, found } => format!("version {found} came instead of {on}"),
        };
        let store = self.store().await.map_err(said)?;
        let rules = match store.rules().await {
            Ok(rules) => rules,
            Err(error) => {
                self.news.later();
                // That it is away is said once, by the store.
                return if error.is_away() { Ok(()) } else { Err(error.to_string()) };
            }
        };
        if rules == *self.plan.stored {
            self.lag(None);
            return Ok(());
        }
        let behind = self.switches.behind();
        if !behind.is_empty() {
            return Err(format!(
                "{} did not come round to the rules in force yet: restart the daemon",
                listed(&behind)
            ));
        }
        let version = rules.version;
        let book = self.compiled(rules.clone()).await.map_err(said)?;
        let book = book.map_err(|flaws| format!("{:#}", stored::misfit(&rules, &flaws).error))?;
        self.put(rules, book).await.map_err(said)?;
        tracing::info!(version, "stored rules were changed elsewhere");
        Ok(())
    }
}

const DEFECT: &str = "compiling the rules ended by a defect";

fn refused(why: String) -> Unruled {
    Unruled::Undone(Undone::Refused(why))
}

fn unruled(error: StoreError) -> Unruled {
    match error {
        StoreError::Moved { on, found } => Unruled::Moved { on, found },
        StoreError::NoSuchRule(_) | StoreError::NoSuchVersion(_) => Unruled::Missing(error.to_string()),
        StoreError::Unfit(why) => Unruled::Flawed(vec![why]),
        other => refused(other.to_string()),
    }
}
