//! Whether this node may take traffic, as the operators' side tells it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where the daemon stands; the data path says it, `/readyz` shows it.
#[derive(Debug, Default)]
pub struct Readiness {
    stage: AtomicU8,
    without_keys: Mutex<Vec<String>>,
    store_away: AtomicBool,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// All cores accept.
    pub fn ready(&self) {
        self.stage.store(READY, Ordering::Relaxed);
    }

    /// No core accepts any more.
    pub fn draining(&self) {
        self.stage.store(DRAINING, Ordering::Relaxed);
    }

    /// What is missing for traffic; `None` when nothing is.
    pub fn missing(&self) -> Option<&'static str> {
        match self.stage.load(Ordering::Relaxed) {
            STARTING => Some("starting"),
            READY => None,
            _ => Some("draining"),
        }
    }

    /// These issuers have no keys, so that their tokens are answered 503. Traffic of others may come all the same.
    pub fn lacks(&self, keys_of: Vec<String>) {
        *self.without_keys.lock().unwrap_or_else(PoisonError::into_inner) = keys_of;
    }

    /// The store does not answer, or does again. What is known of it stays in force, so that traffic may come all the same.
    pub fn store_is_away(&self, away: bool) {
        self.store_away.store(away, Ordering::Relaxed);
    }

    /// Whether the store does not answer.
    pub fn lacks_store(&self) -> bool {
        self.store_away.load(Ordering::Relaxed)
    }

    /// The issuers that have no keys.
    pub fn without_keys(&self) -> Vec<String> {
        self.without_keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
