//! A task that keeps one issuer's key set: it fetches, renews, and in the end lets go of what nobody can renew.

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::sleep_until;

use crate::config::Jwt;
use crate::model::clock;
use crate::net::fetch::Fetcher;
use crate::stages::authenticate::jwt::{Issuer, KeySet, Wanted};

use super::board::Board;
use super::source::{Fetched, Source, Trouble};
use super::{WAITING, schedule::Schedule, warnings};

/// The number of the next keeper.
static KEEPERS: AtomicU64 = AtomicU64::new(1);

/// The keeper of a key set. It works from [`Keeper::start`] on, until nobody has it any more.
pub(super) struct Keeper {
    stage: Mutex<Stage>,
    board: Board,
    issuer: String,
    number: u64,
    /// Told to fetch at once.
    again: Arc<Notify>,
}

enum Stage {
    Waiting(Box<Work>),
    Working(AbortHandle),
    Between,
}

/// What it works with.
struct Work {
    settings: Jwt,
    issuer: Arc<Issuer>,
    fetcher: Arc<Fetcher>,
    source: Source,
    board: Board,
    asked: mpsc::Receiver<Wanted>,
    again: Arc<Notify>,
    /// Who is to be told of what is fetched.
    waiting: Vec<Wanted>,
}

impl Keeper {
    pub(super) fn new(
        settings: &Jwt,
        issuer: &Arc<Issuer>,
        fetcher: &Arc<Fetcher>,
        board: &Board,
        asked: mpsc::Receiver<Wanted>,
    ) -> Self {
        let again = Arc::new(Notify::new());
        let work = Work {
            settings: settings.clone(),
            issuer: Arc::clone(issuer),
            fetcher: Arc::clone(fetcher),
            source: Source::of(settings),
            board: board.clone(),
            asked,
            again: Arc::clone(&again),
            waiting: Vec::new(),
        };
        let number = KEEPERS.fetch_add(1, Ordering::Relaxed);
        let (stage, issuer) = (Mutex::new(Stage::Waiting(Box::new(work))), settings.issuer.clone());
        Self { stage, board: board.clone(), issuer, number, again }
    }

    /// Begins; where it has, it fetches at once: whoever reloads wants what is there now.
    pub(super) fn start(&self) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = match std::mem::replace(&mut *stage, Stage::Between) {
            Stage::Waiting(work) => {
                self.board.begins(&self.issuer, self.number, count(work.issuer.keys().as_deref()));
                Stage::Working(tokio::spawn(work.run()).abort_handle())
            }
            working => {
                self.again.notify_one();
                working
            }
        };
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let stage = self.stage.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Working(task) = stage {
            task.abort();
            self.board.ends(&self.issuer, self.number);
        }
    }
}

impl Work {
    async fn run(mut self: Box<Self>) {
        let now = clock::now();
        let mut schedule = Schedule::new(self.settings.keep, now);
        if self.issuer.keys().is_some() {
            schedule.inherits(now);
        }
        loop {
            let kept = self.issuer.keys().is_some();
            tokio::select! {
                // What has ended ends first, and no fetch comes in its way.
                biased;
                () = at(schedule.end()), if kept => self.let_go(),
                () = at(Some(schedule.due())) => self.renew(&mut schedule).await,
                () = self.again.notified() => self.renew(&mut schedule).await,
                wanted = self.asked.recv() => match wanted {
                    // Asked while a set was on its way that has come meanwhile: it is no reason to fetch another one, which
                    // could not be done again for a while.
                    Some(wanted) if wanted.is_behind(self.issuer.keys().as_deref()) => {}
                    Some(wanted) if schedule.asks(clock::now()) => {
                        self.waiting.push(wanted);
                        self.renew(&mut schedule).await;
                    }
                    // Dropped: the keys are as new as they can be.
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    /// Fetches, tells who waits, and says when to come back.
    async fn renew(&mut self, schedule: &mut Schedule) {
        let fetched = {
            let mut fetching = pin!(self.source.fetch(&self.fetcher));
            loop {
                tokio::select! {
                    biased;
                    fetched = &mut fetching => break fetched,
                    Some(wanted) = self.asked.recv() => if self.waiting.len() < WAITING {
                        self.waiting.push(wanted);
                    },
                }
            }
        };
        let now = clock::now();
        match fetched {
            Ok(Fetched { keys, max_age }) => {
                schedule.succeeded(now, max_age, chance());
                self.keep(keys);
            }
            Err(trouble) => {
                schedule.failed(now, chance());
                self.tell(&trouble, schedule, now);
            }
        }
        // Whoever waits looks for themselves at what is there now.
        self.waiting.clear();
    }

    fn keep(&mut self, keys: Arc<KeySet>) {
        let (issuer, usable) = (&*self.settings.issuer, keys.len());
        let changed = self.issuer.keep(Some(Arc::clone(&keys)));
        let outcome = if changed { "changed" } else { "unchanged" };
        self.board.fetched(issuer, outcome, Some(usable));
        if !changed {
            tracing::debug!(issuer, keys = usable, "the key set of an issuer was fetched, and is the same");
            return;
        }
        tracing::info!(issuer, keys = usable, "the key set of an issuer was fetched");
        for warning in warnings(&self.settings, &keys) {
            tracing::warn!("{warning}");
        }
    }

    fn tell(&self, trouble: &Trouble, schedule: &Schedule, now: Instant) {
        let (issuer, kept) = (&*self.settings.issuer, count(self.issuer.keys().as_deref()));
        self.board.fetched(issuer, trouble.word(), kept);
        let again = schedule.due().saturating_duration_since(now);
        match (kept, schedule.end()) {
            (Some(_), Some(end)) => {
                let counts = end.saturating_duration_since(now);
                tracing::warn!(
                    issuer, error = %trouble, again_in = ?again, kept_for = ?counts,
                    "the key set of an issuer could not be fetched; the one before counts on"
                );
            }
            _ => tracing::warn!(
                issuer, error = %trouble, again_in = ?again,
                "the key set of an issuer could not be fetched: its tokens cannot be verified"
            ),
        }
    }

    fn let_go(&self) {
        let issuer = &*self.settings.issuer;
        self.issuer.keep(None);
        self.board.expired(issuer);
        tracing::error!(
            issuer,
            "the key set of an issuer was kept as long as it may be, and could not be renewed: its tokens cannot be verified"
        );
    }
}

/// Returns then, or never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

fn count(keys: Option<&KeySet>) -> Option<usize> {
    keys.map(KeySet::len)
}

fn chance() -> u64 {
    RandomState::new().hash_one(())
}
