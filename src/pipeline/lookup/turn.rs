//! Whose turn it is to ask a server for its tools, and what came of the last times: shared by all cores.
//!
//! One asks at a time and whoever else needs the list waits, a bounded number of them. What came of asking holds for a
//! while for whoever asked, by caller and session, since a server may show each of them another list. Whoever leaves
//! while they ask has asked, so that leaving is no way to make a server work either.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use crate::model::clock;

/// How long what came of asking holds: for a name that was not there, and for a server that did not answer.
pub(super) const HOLDS: Duration = Duration::from_secs(5);
/// A definition that refuses is looked up once more where nobody has looked for so long.
const OLD: Duration = Duration::from_secs(60);
/// Times that a server is asked within [`HOLDS`], whoever asks.
const TIMES: usize = 32;
/// Calls that wait for one server's list.
const WAITING: usize = 1024;
/// Callers of whom it is known what came of asking; the oldest is forgotten first.
const CALLERS: usize = 64;

/// Who asks one server for its tools.
#[derive(Debug, Default)]
pub struct Lookup {
    waiting: AtomicUsize,
    past: Mutex<Past>,
    /// Its keys are this process's own, so that no two callers can be made to look the same.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Past {
    /// When all of the list was last read.
    whole: Option<Instant>,
    /// What came of it, the newest last.
    outcomes: VecDeque<Outcome>,
    /// When a server was asked, whatever came of it.
    begun: VecDeque<Instant>,
}

#[derive(Debug)]
struct Outcome {
    caller: u64,
    at: Instant,
    /// Notifications of a change that had come before.
    changes: u64,
    was_read: bool,
}

/// The turn of one that asks.
pub(super) struct Turn<'a> {
    past: MutexGuard<'a, Past>,
    _waits: Waits<'a>,
}

/// One of those that wait.
struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lookup {
    /// Waits for a turn; `None` where too many do.
    pub(super) async fn turn(&self) -> Option<Turn<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waits = Waits(&self.waiting);
        if before >= WAITING {
            return None;
        }
        Some(Turn { past: self.past.lock().await, _waits: waits })
    }

    /// A caller in a session, as [`Turn`] knows them.
    pub(super) fn caller(&self, key: &str, session: Option<&str>) -> u64 {
        self.hasher.hash_one((key, session))
    }
}

impl Turn<'_> {
    /// What came of it when this caller has asked a moment ago, since so many changes: whether the list was read.
    pub(super) fn last(&self, caller: u64, changes: u64) -> Option<bool> {
        let newest = self.past.outcomes.iter().rev().find(|outcome| outcome.caller == caller);
        newest.filter(|last| last.changes == changes && is_within(last.at, HOLDS)).map(|last| last.was_read)
    }

    /// Whether anybody has read all of the list not long ago.
    pub(super) fn is_young(&self) -> bool {
        self.past.whole.is_some_and(|at| is_within(at, OLD))
    }

    /// Whether the server may be asked now; it counts as asked then.
    pub(super) fn begin(&mut self) -> bool {
        let begun = &mut self.past.begun;
        while begun.front().is_some_and(|at| !is_within(*at, HOLDS)) {
            begun.pop_front();
        }
        let may = begun.len() < TIMES;
        if may {
            begun.push_back(clock::now());
        }
        may
    }

    /// What came of asking: all of the list was read, or it could not be had.
    pub(super) fn came(&mut self, caller: u64, changes: u64, was_read: bool) {
        let at = clock::now();
        if was_read {
            self.past.whole = Some(at);
        }
        let outcomes = &mut self.past.outcomes;
        outcomes.retain(|outcome| outcome.caller != caller);
        if outcomes.len() == CALLERS {
            outcomes.pop_front();
        }
        outcomes.push_back(Outcome { caller, at, changes, was_read });
    }
}

fn is_within(moment: Instant, time: Duration) -> bool {
    clock::now().saturating_duration_since(moment) < time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_of_it_holds_for_who_asked_until_the_list_changes() {
        let lookup = Lookup::default();
        let (ann, bob) = (lookup.caller("ann", None), lookup.caller("ann", Some("session")));
        let mut turn = lookup.turn().await.expect("nobody waits");
        assert_eq!((turn.last(ann, 0), turn.is_young()), (None, false));
        turn.came(ann, 0, false);
        assert_eq!((turn.last(ann, 0), turn.last(bob, 0), turn.is_young()), (Some(false), None, false));
        turn.came(ann, 0, true);
        assert_eq!((turn.last(ann, 0), turn.last(ann, 1), turn.is_young()), (Some(true), None, true));
        for caller in 0..CALLERS as u64 {
            turn.came(caller, 0, true);
        }
        assert_eq!((turn.last(ann, 0), turn.past.outcomes.len()), (None, CALLERS));
    }

    #[tokio::test]
    async fn whoever_leaves_has_asked_and_so_many_may_wait() {
        let lookup = Lookup::default();
        for _ in 0..TIMES {
            assert!(lookup.turn().await.expect("nobody waits").begin());
        }
        let mut turn = lookup.turn().await.expect("nobody waits");
        assert!(!turn.begin(), "it was asked often enough");
        lookup.waiting.store(WAITING, Ordering::Relaxed);
        assert!(lookup.turn().await.is_none());
        drop(turn);
        assert_eq!(lookup.waiting.load(Ordering::Relaxed), WAITING - 1, "and whoever is gone waits no more");
    }
}
