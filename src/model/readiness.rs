//! Whether this node may take traffic, as the operators' side tells it.

use std::sync::atomic::{AtomicU8, Ordering};

/// Where the daemon stands; the data path says it, `/readyz` shows it.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// All cores accept.
    pub fn ready(&self) {
        self.0.store(READY, Ordering::Relaxed);
    }

    /// No core accepts any more.
    pub fn draining(&self) {
        self.0.store(DRAINING, Ordering::Relaxed);
    }

    /// What is missing for traffic; `None` when nothing is.
    pub fn missing(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            STARTING => Some("starting"),
            READY => None,
            _ => Some("draining"),
        }
    }
}
