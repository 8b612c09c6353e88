//! What is counted of a daemon, over all its cores: where a core finds its cells, and who reloads tells of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::{Generation, Reason, Undone, clock};

use super::core::{Controls, Telemetry};
use super::core_meter::CoreCells;

/// Log lines that were dropped since the process began. A process has one log, whatever runs in it.
pub static LOG_LINES_LOST: AtomicU64 = AtomicU64::new(0);

/// A daemon as its metrics see it. Cheap to clone: all clones are the same.
#[derive(Clone, Debug)]
pub struct Observed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Seconds since 1970.
    started: u64,
    cores: Mutex<Vec<Arc<CoreCells>>>,
    generation: AtomicU64,
    in_force_since: AtomicU64,
    applied: AtomicU64,
    refused: AtomicU64,
    /// Version, and whether the store has another one.
    stored_rules: [AtomicU64; 2],
    /// Operators that were refused, by the place of the reason in its list.
    operators: Box<[AtomicU64]>,
}

impl Observed {
    /// A daemon that starts now, without a core or a configuration in force.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            started: clock::unix_seconds(),
            cores: Mutex::default(),
            generation: AtomicU64::new(0),
            in_force_since: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            stored_rules: Default::default(),
            operators: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }))
    }

    /// The telemetry of a core; to be asked for on the thread of that core, once. It counts on where the last core of
    /// that number stopped; there is one of a number at a time.
    pub fn core(&self, number: usize, controls: &Controls) -> Telemetry {
        let mut cores = self.0.cores.lock().unwrap_or_else(PoisonError::into_inner);
        let name = number.to_string();
        let cells = match cores.iter().find(|known| known.number == name) {
            Some(known) => Arc::clone(known),
            None => {
                cores.push(Arc::new(CoreCells::new(number)));
                Arc::clone(&cores[cores.len() - 1])
            }
        };
        drop(cores);
        Telemetry::of(cells, controls)
    }

    /// A configuration has come into force: the one of the start.
    pub fn started(&self, generation: Generation) {
        self.0.generation.store(generation.number, Ordering::Relaxed);
        self.0.in_force_since.store(generation.since, Ordering::Relaxed);
    }

    /// Stored rules of this version are in force, and the store `is_ahead`, or is not.
    pub fn ruled(&self, version: u64, is_ahead: bool) {
        self.0.stored_rules[0].store(version, Ordering::Relaxed);
        self.0.stored_rules[1].store(is_ahead.into(), Ordering::Relaxed);
    }

    /// Both, as they were told.
    pub(super) fn stored_rules(&self) -> [u64; 2] {
        [0, 1].map(|at: usize| self.0.stored_rules[at].load(Ordering::Relaxed))
    }

    /// A reload has come to its end.
    pub fn reloaded(&self, result: &Result<Generation, Undone>) {
        match result {
            Ok(generation) => {
                self.started(*generation);
                self.0.applied.fetch_add(1, Ordering::Relaxed);
            }
            Err(undone) => {
                // All cores but those that hang work by it.
                if let Undone::Hangs { generation, .. } = undone {
                    self.started(*generation);
                }
                self.0.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// An operator was refused.
    pub fn refused_operator(&self, reason: Reason) {
        self.0.operators[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many operators were refused, by reason: those that there were, and those that there usually are.
    pub(super) fn refused_operators(&self) -> impl Iterator<Item = (Reason, u64)> {
        let usual = |reason: &Reason| [Reason::Unauthenticated, Reason::PolicyDenied].contains(reason);
        let counts = Reason::ALL.iter().zip(&self.0.operators);
        let counts = counts.map(|(reason, count)| (*reason, count.load(Ordering::Relaxed)));
        counts.filter(move |(reason, count)| *count > 0 || usual(reason))
    }

    /// The CPU time of each core, by its number, those that have ended among them.
    pub fn cpu(&self) -> Vec<(String, Duration)> {
        self.cores().iter().filter_map(|core| Some((core.number.clone(), core.cpu()?))).collect()
    }

    pub(super) fn cores(&self) -> Vec<Arc<CoreCells>> {
        self.0.cores.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn beginning(&self) -> u64 {
        self.0.started
    }

    /// Number, since when, reloads that were applied, and that were refused.
    pub(super) fn configuration(&self) -> [u64; 4] {
        let Shared { generation, in_force_since, applied, refused, .. } = &*self.0;
        [generation, in_force_since, applied, refused].map(|cell| cell.load(Ordering::Relaxed))
    }
}

impl Default for Observed {
    fn default() -> Self {
        Self::new()
    }
}
