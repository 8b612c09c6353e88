//! How the key sets fare that are fetched: for metrics, and for whoever asks what is missing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::telemetry::{Introspections, KeySets};

/// All key sets that are fetched, or were, and issuers that are asked. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(in crate::daemon) struct Board {
    key_sets: Arc<Mutex<BTreeMap<String, Entry>>>,
    answers: Arc<Mutex<BTreeMap<(String, &'static str), u64>>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Whose entry it is; another keeper of the same issuer may take its place.
    keeper: u64,
    /// Keys that tokens are verified with; `None` where nothing is kept.
    keys: Option<usize>,
    fetches: BTreeMap<&'static str, u64>,
    /// Its issuer is one of the configuration's.
    counts: bool,
}

impl Board {
    /// A keeper begins with so many keys.
    pub(super) fn begins(&self, issuer: &str, keeper: u64, keys: Option<usize>) {
        self.change(issuer, |entry| (entry.keeper, entry.keys, entry.counts) = (keeper, keys, true));
    }

    /// A fetch has come to its end: with a word, and so many keys.
    pub(super) fn fetched(&self, issuer: &str, outcome: &'static str, keys: Option<usize>) {
        self.change(issuer, |entry| {
            *entry.fetches.entry(outcome).or_default() += 1;
            entry.keys = keys;
        });
    }

    /// What was kept has come to its end.
    pub(super) fn expired(&self, issuer: &str) {
        self.change(issuer, |entry| entry.keys = None);
    }

    /// A keeper ends. What it has counted stays.
    pub(super) fn ends(&self, issuer: &str, keeper: u64) {
        self.change(issuer, |entry| {
            if entry.keeper == keeper {
                (entry.counts, entry.keys) = (false, None);
            }
        });
    }

    /// What they come to now, by issuer.
    pub(in crate::daemon) fn look(&self) -> Vec<KeySets> {
        let entries = self.key_sets.lock().unwrap_or_else(PoisonError::into_inner);
        let told = entries.iter().map(|(issuer, entry)| KeySets {
            issuer: issuer.clone(),
            keys: entry.keys.unwrap_or(0) as u64,
            fetches: entry.fetches.iter().map(|(outcome, count)| (*outcome, *count)).collect(),
            lacks: entry.counts && entry.keys.is_none(),
        });
        told.collect()
    }

    /// An issuer that was asked about a token has answered, or not: in a word.
    pub(super) fn answered(&self, issuer: &str, outcome: &'static str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry((issuer.to_owned(), outcome)).or_default() += 1;
    }

    /// How often which issuer has answered how.
    pub(in crate::daemon) fn answers(&self) -> Vec<Introspections> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let told = answers.iter().map(|((issuer, outcome), count)| Introspections {
            issuer: issuer.clone(),
            outcome,
            count: *count,
        });
        told.collect()
    }

    fn change(&self, issuer: &str, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.key_sets.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get_mut(issuer) {
            Some(entry) => change(entry),
            None => change(entries.entry(issuer.to_owned()).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_the_last_keepers() {
        let board = Board::default();
        board.begins("a", 1, None);
        board.fetched("a", "slow", None);
        assert!(board.look()[0].lacks);
        board.begins("a", 2, Some(3));
        board.ends("a", 1);
        let look = &board.look()[0];
        assert_eq!((look.keys, look.lacks, look.fetches.as_slice()), (3, false, &[("slow", 1)][..]));
        board.expired("a");
        assert!(board.look()[0].lacks);
        board.ends("a", 2);
        assert!(!board.look()[0].lacks, "nobody lacks what nobody wants");
    }
}
