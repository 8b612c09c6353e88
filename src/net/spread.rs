//! Connections spread evenly over the cores: who accepts one while another core has fewer hands it over, before a byte of
//! it is read.
//!
//! The kernel deals connections to the cores' sockets by their hash, so of a few that stay for long some cores get most.
//! Handing over happens at accept alone: nothing that belongs to a request crosses threads.

mod seat;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, mem};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::model::Remote;
use crate::net::socket::{Detached, Plain};

pub use seat::{Seat, Settled};

/// Connections that may wait for a core; past that a connection stays where it was accepted.
const WAITING: usize = 64;

/// What was handed to a core and is not taken within this is given to another. A core takes it as soon as it looks.
const LATE: Duration = Duration::from_millis(100);

/// All cores among which connections are spread. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Spread(Arc<ArcSwap<Vec<Arc<Share>>>>);

/// A client's connection, and its place among those of its core.
#[derive(Debug)]
pub struct Arrival {
    /// What the kernel gave us.
    pub stream: Plain,
    /// Whose it is.
    pub remote: Remote,
    /// To be kept as long as the connection.
    pub counted: Counted,
}

/// One connection of a core, until it is dropped.
#[derive(Debug)]
pub struct Counted(Arc<Share>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What others see of a core.
#[derive(Debug, Default)]
struct Share {
    /// Connections that it has, those that wait for it among them.
    open: AtomicUsize,
    /// What waited for it for too long was taken back, and it has not come round since.
    hangs: AtomicBool,
    inbox: Mutex<Inbox>,
    came: Notify,
}

/// What was handed over to a core, and that it has not taken yet.
#[derive(Debug, Default)]
struct Inbox {
    /// Whoever leaves or drains takes no more.
    open: bool,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    stream: Detached,
    remote: Remote,
    counted: Counted,
    since: Instant,
}

/// Whether a core of so many connections hands the next one to a core of `least`: from a quarter more on, so that the
/// chances of many connections, which even each other out, are not paid for.
const fn is_uneven(own: usize, least: usize) -> bool {
    own > least.saturating_add(least / 4)
}

impl Spread {
    /// A place for one more core, which takes no connections of others before it has joined.
    pub fn seat(&self) -> Seat {
        Seat::new(self.clone())
    }

    /// The core with the fewest connections but `own`, and how many it has.
    fn least(&self, own: &Arc<Share>) -> Option<(Arc<Share>, usize)> {
        let shares = self.0.load();
        let others = shares.iter().filter(|other| !Arc::ptr_eq(other, own) && !other.hangs.load(Ordering::Relaxed));
        let counts = others.map(|other| (other, other.open.load(Ordering::Relaxed)));
        counts.min_by_key(|(_, open)| *open).map(|(other, open)| (Arc::clone(other), open))
    }

    fn join(&self, own: &Arc<Share>) {
        self.0.rcu(|shares| {
            let others = shares.iter().filter(|other| !Arc::ptr_eq(other, own));
            others.chain([own]).cloned().collect::<Vec<_>>()
        });
    }

    fn leave(&self, own: &Arc<Share>) {
        self.0.rcu(|shares| shares.iter().filter(|other| !Arc::ptr_eq(other, own)).cloned().collect::<Vec<_>>());
    }
}

impl Share {
    /// Counts one more.
    fn count(self: &Arc<Self>) -> Counted {
        self.open.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(self))
    }

    /// Counts one more where there are still so many as were seen; else another look is due.
    fn count_after(self: &Arc<Self>, seen: usize) -> Option<Counted> {
        let counted = self.open.compare_exchange(seen, seen + 1, Ordering::Relaxed, Ordering::Relaxed);
        counted.is_ok().then(|| Counted(Arc::clone(self)))
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has waited for longest. The core that asks has come round.
    fn take(&self) -> Option<Waiting> {
        let mut inbox = self.inbox();
        self.hangs.store(false, Ordering::Relaxed);
        inbox.waiting.pop_front()
    }

    /// All that waits, where that is for too long: its core hangs.
    fn overdue(&self, now: Instant) -> VecDeque<Waiting> {
        let mut inbox = self.inbox();
        if inbox.waiting.front().is_none_or(|first| now < first.since + LATE) {
            return VecDeque::new();
        }
        self.hangs.store(true, Ordering::Relaxed);
        mem::take(&mut inbox.waiting)
    }
}

impl Waiting {
    /// Gives it to the runtime of this thread, as one of this core. `None` where the connection is beyond help.
    fn attach(self, own: &Arc<Share>) -> Option<Arrival> {
        let counted = match Arc::ptr_eq(&self.counted.0, own) {
            true => self.counted,
            false => own.count(),
        };
        match self.stream.attach() {
            Ok(stream) => Some(Arrival { stream, remote: self.remote, counted }),
            Err(error) => {
                lost(self.remote, &error);
                None
            }
        }
    }
}

fn lost(remote: Remote, error: &io::Error) {
    tracing::debug!(peer = %remote, %error, "a connection was lost as it was handed over");
}
