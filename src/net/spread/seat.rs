//! The place of one core among those over which connections are spread.

use std::cell::Cell;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::model::{Remote, clock};
use crate::net::socket::Plain;

use super::{Arrival, Share, Spread, WAITING, Waiting, is_uneven, lost};

/// A core's own place. Dropping it leaves.
#[derive(Debug)]
pub struct Seat {
    spread: Spread,
    pub(super) own: Arc<Share>,
    joined: Cell<bool>,
}

/// What became of a connection that was accepted.
#[derive(Debug)]
pub enum Settled {
    /// This core keeps it.
    Here(Arrival),
    /// Another core has it.
    HandedOver,
    /// The connection is gone.
    Lost,
}

impl Seat {
    pub(super) fn new(spread: Spread) -> Self {
        Self { spread, own: Arc::default(), joined: Cell::new(false) }
    }

    /// Takes connections of others from now on.
    pub fn join(&self) {
        self.joined.set(true);
        self.own.inbox().open = true;
        self.spread.join(&self.own);
    }

    /// Takes none any more; gives what still waits. Where others stay, what is accepted from now on is theirs.
    pub fn leave(&self) -> Vec<Arrival> {
        self.joined.set(false);
        self.spread.leave(&self.own);
        let mut inbox = self.own.inbox();
        inbox.open = false;
        let waiting = mem::take(&mut inbox.waiting);
        drop(inbox);
        waiting.into_iter().filter_map(|waiting| waiting.attach(&self.own)).collect()
    }

    /// Keeps a connection that this core has accepted, or hands it over.
    pub fn settle(&self, stream: Plain, remote: Remote) -> Settled {
        // What others have counted meanwhile is looked at again, so that nobody gets one too many.
        loop {
            let own = self.own.open.load(Ordering::Relaxed);
            let Some((other, least)) = self.fewer(own) else {
                match self.own.count_after(own) {
                    Some(counted) => return Settled::Here(Arrival { stream, remote, counted }),
                    None => continue,
                }
            };
            let mut inbox = other.inbox();
            if !inbox.open || inbox.waiting.len() >= WAITING {
                return Settled::Here(Arrival { stream, remote, counted: self.own.count() });
            }
            let Some(counted) = other.count_after(least) else { continue };
            let stream = match stream.detach() {
                Ok(stream) => stream,
                Err(error) => {
                    lost(remote, &error);
                    return Settled::Lost;
                }
            };
            inbox.waiting.push_back(Waiting { stream, remote, counted, since: clock::now() });
            drop(inbox);
            other.came.notify_one();
            return Settled::HandedOver;
        }
    }

    /// The core that should have the next connection, where this one has `own`, and how many that has. One that leaves
    /// keeps nothing that another could have.
    fn fewer(&self, own: usize) -> Option<(Arc<Share>, usize)> {
        let own = if self.joined.get() { own } else { usize::MAX };
        let least = if own == 0 { None } else { self.spread.least(&self.own) };
        least.filter(|(_, least)| is_uneven(own, *least))
    }

    /// The next connection that another core has handed over. Dropping the future loses none.
    pub async fn next(&self) -> Arrival {
        loop {
            match self.own.take() {
                Some(waiting) => {
                    if let Some(arrival) = waiting.attach(&self.own) {
                        return arrival;
                    }
                }
                None => self.own.came.notified().await,
            }
        }
    }

    /// What waits for cores that do not come round: to be served here. Until they do nothing more is handed to them.
    pub fn overdue(&self) -> Vec<Arrival> {
        self.overdue_at(clock::now())
    }

    pub(super) fn overdue_at(&self, now: Instant) -> Vec<Arrival> {
        if !self.joined.get() {
            return Vec::new();
        }
        let shares = self.spread.0.load();
        let others = shares.iter().filter(|other| !Arc::ptr_eq(other, &self.own));
        others.flat_map(|other| other.overdue(now)).filter_map(|waiting| waiting.attach(&self.own)).collect()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Its runtime is gone: what waits cannot be served by it.
        self.joined.set(false);
        self.spread.leave(&self.own);
        let mut inbox = self.own.inbox();
        inbox.open = false;
        inbox.waiting.clear();
    }
}
