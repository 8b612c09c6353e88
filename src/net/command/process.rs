//! One process, as its fleet and the task that reads and writes it see it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::traffic::Traffic;

/// One process of a server.
pub(super) struct Process {
    pub(super) traffic: RefCell<Traffic>,
    /// Told where there is something to write, or an end to be made.
    changed: Notify,
    ending: Cell<Option<&'static str>>,
    born: Instant,
    used: Cell<Instant>,
    spoke: Cell<bool>,
    bad_lines: Cell<bool>,
    pid: Cell<u32>,
}

/// How a process came to its end.
#[derive(Debug)]
pub(super) enum How {
    /// It could not be started.
    NotStarted(String),
    /// It was told to.
    Ended(String),
    /// By itself.
    Broke(String),
}

impl Process {
    pub(super) fn new(traffic: Traffic, now: Instant) -> Self {
        Self {
            traffic: RefCell::new(traffic),
            changed: Notify::new(),
            ending: Cell::new(None),
            born: now,
            used: Cell::new(now),
            spoke: Cell::new(false),
            bad_lines: Cell::new(false),
            pid: Cell::new(0),
        }
    }

    /// Has it end, once.
    pub(super) fn end(&self, why: &'static str) {
        if self.ending.get().is_none() {
            self.ending.set(Some(why));
        }
        self.wake();
    }

    /// Why it is to end, if it is.
    pub(super) fn ending(&self) -> Option<&'static str> {
        self.ending.get()
    }

    /// Has its task look for what there is to do.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Returns once there is something to do.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A client has used it, and there may be something to write.
    pub(super) fn used(&self, now: Instant) {
        self.used.set(now);
        self.wake();
    }

    pub(super) fn last_used(&self) -> Instant {
        self.used.get()
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.born)
    }

    /// It has said something; true where it had before.
    pub(super) fn spoke(&self) -> bool {
        self.spoke.replace(true)
    }

    pub(super) fn has_spoken(&self) -> bool {
        self.spoke.get()
    }

    /// True the first time.
    pub(super) fn is_first_bad_line(&self) -> bool {
        !self.bad_lines.replace(true)
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.get()
    }

    pub(super) fn started(&self, pid: u32) {
        self.pid.set(pid);
    }
}

impl How {
    /// Tells the log.
    pub(super) fn tell(&self, server: &str, process: &Process) {
        let pid = process.pid();
        match self {
            Self::NotStarted(why) => tracing::error!(server, why, "a command could not be started"),
            Self::Ended(why) => tracing::info!(server, pid, why, "a command was ended"),
            Self::Broke(why) => tracing::warn!(server, pid, why, "a command ended by itself"),
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("pid", &self.pid()).finish_non_exhaustive()
    }
}
