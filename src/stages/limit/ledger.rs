//! What a node remembers of its limits, over reloads.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::config::{self, Scope};
use crate::model::clock;
use crate::telemetry::LimitMeter;

use super::cells::{Cells, Found};
use super::joint::{Common, Spec};
use super::key::Asks;
use super::limits::Limits;
use super::now::Now;
use super::one::Limit;
use super::rate::Rate;

/// The cells of all limits of a configuration, shared by its cores.
#[derive(Debug)]
pub struct Ledger {
    /// When their time began.
    begun: Instant,
    pub(super) limits: Vec<Entry>,
}

/// What a limit counts in, and the fields that decide whether another one can count on in it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) limit: config::Limit,
    /// What its expression asks for.
    pub(super) asks: Asks,
    pub(super) cells: Arc<Cells>,
    /// It had another rate or burst before.
    changed: bool,
}

impl Entry {
    /// Whether the cells mean the same to the other one. Numbers may differ: what was used is held against them.
    fn serves(&self, other: &config::Limit) -> bool {
        let windows = self.limit.quota.zip(other.quota);
        self.limit.name == other.name
            && self.limit.key == other.key
            && self.limit.scope == other.scope
            && windows.is_none_or(|(one, other)| one.hours == other.hours)
    }
}

impl Ledger {
    /// That of these limits; what `before` remembers of one that is the same is taken over.
    pub fn build(limits: &[config::Limit], before: Option<&Self>) -> Self {
        Self::sharing(limits, before, None)
    }

    /// The same, where nodes share those that say so by this; without it each counts by itself.
    pub fn sharing(limits: &[config::Limit], before: Option<&Self>, common: Option<&Arc<Common>>) -> Self {
        let known = |limit: &config::Limit| {
            before.into_iter().flat_map(|before| &before.limits).find(|entry| entry.serves(limit))
        };
        let entry = |limit: &config::Limit| {
            let known = known(limit);
            if let Some(common) = common.filter(|_| limit.scope == Scope::Cluster) {
                let cells = shared(limit, known, common);
                return Entry { limit: limit.clone(), asks: Asks::ALL, cells, changed: false };
            }
            let cells = known.map_or_else(|| Arc::new(Cells::new()), |known| Arc::clone(&known.cells));
            let changed = known.is_some_and(|known| known.limit.rate != limit.rate);
            Entry { limit: limit.clone(), asks: Asks::ALL, cells, changed }
        };
        let begun = common.map(|common| common.begun);
        Self {
            begun: begun.or(before.map(|before| before.begun)).unwrap_or_else(clock::now),
            limits: limits.iter().map(entry).collect(),
        }
    }

    /// The same, where it is known what the expressions of limits ask for: by their places.
    pub fn asking(mut self, asks: impl Fn(usize) -> Asks) -> Self {
        self.limits.iter_mut().enumerate().for_each(|(at, entry)| entry.asks = asks(at));
        self
    }

    /// Puts into force what is not a core's own: what was used under another rate is waited for no longer than a burst
    /// of this one takes.
    pub fn enforce(&self) {
        let now = self.now().nanos;
        for entry in self.limits.iter().filter(|entry| entry.changed) {
            let whole = entry.limit.rate.as_ref().map_or(0, |rate| Rate::new(rate).whole());
            entry.cells.cap(now.saturating_add(whole));
        }
    }

    /// The time of these limits.
    pub(super) fn now(&self) -> Now {
        Now::read(self.begun)
    }

    /// What one core counts by; `meter` is what it tells of a limit of that name.
    pub fn on_core(&self, meter: impl Fn(&str) -> Rc<LimitMeter>) -> Limits {
        let limit = |Entry { limit, asks, cells, .. }: &Entry| {
            Limit::new(limit, *asks, Found::new(Arc::clone(cells)), meter(&limit.name))
        };
        Limits::new(self.begun, self.limits.iter().map(limit).collect())
    }
}

/// The cells of a limit that nodes share. By other numbers they are others, which begin with what is left of those before.
fn shared(limit: &config::Limit, known: Option<&Entry>, common: &Arc<Common>) -> Arc<Cells> {
    let same = |known: &&Entry| {
        let numbers = |limit: &config::Limit| (limit.rate, limit.quota, limit.cost);
        numbers(&known.limit) == numbers(limit)
    };
    match known {
        Some(known) if same(&known) => Arc::clone(&known.cells),
        _ => Cells::shared(Spec::new(limit, common, known.is_some()), known.map(|known| Arc::clone(&known.cells))),
    }
}
