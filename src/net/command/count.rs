//! What is counted of a server's processes, for whoever asks from another thread.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one server; they only rise, save `running`, which is started less ended.
#[derive(Debug, Default)]
pub struct Count {
    started: AtomicU64,
    ended: AtomicU64,
    bad_lines: AtomicU64,
}

impl Count {
    /// Processes that were started.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Processes that have ended, however that came.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// Lines that were no message, or too long.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines.load(Ordering::Relaxed)
    }

    pub(super) fn starts(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ends(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn bad_line(&self) {
        self.bad_lines.fetch_add(1, Ordering::Relaxed);
    }
}
