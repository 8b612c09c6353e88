//! The catalog: one swapped snapshot a server, read without a lock.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;

use super::{
    observer::{Seen, Sighting},
    offer::{Offer, Tool},
    publisher,
};
use crate::protocol::revision::Revisions;

/// What the servers offer. Shared by all cores; servers are numbered by whoever builds it.
#[derive(Debug)]
pub struct Catalog {
    servers: Box<[Slot]>,
}

/// What one server offers: the snapshot of it, swapped by the publisher. It outlives the catalogs that it is part of.
pub(super) type Slot = Arc<Shelf>;

/// The snapshot of a server.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    offer: ArcSwap<Offer>,
    /// Who makes the next one. Readers take no part in it, and neither does a data core.
    next: Mutex<()>,
    /// Notifications that the list of tools has changed; and how many of them had come when it was last read whole.
    changes: AtomicU64,
    read: AtomicU64,
}

impl Shelf {
    pub(super) fn load(&self) -> Guard<Arc<Offer>> {
        self.offer.load()
    }

    /// The server says that its list of tools has changed.
    pub(super) fn changes(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Puts what `make` makes of the snapshot in its place, where it makes one.
    pub(super) fn update(&self, make: impl FnOnce(&Offer) -> Option<Offer>) {
        let _one = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = make(&self.offer.load()) {
            self.offer.store(Arc::new(next));
        }
    }
}

/// A tool in the snapshot that it was found in. Not to be kept over an await: it holds the snapshot.
pub struct ToolRef {
    offer: Guard<Arc<Offer>>,
    at: usize,
}

impl Catalog {
    /// A catalog of so many servers, of which nothing is known.
    pub fn new(servers: usize) -> Self {
        Self { servers: (0..servers).map(|_| Slot::default()).collect() }
    }

    /// A catalog for other servers, in their order: `known` names the place here of one that stays what it was, of which
    /// nothing is forgotten.
    pub fn carried_over(&self, known: impl IntoIterator<Item = Option<usize>>) -> Self {
        let slot = |known: Option<usize>| known.and_then(|at| self.servers.get(at)).map(Arc::clone).unwrap_or_default();
        Self { servers: known.into_iter().map(slot).collect() }
    }

    /// The tool `name` of a server, if it was seen. Neither locks nor allocates.
    pub fn tool(&self, server: usize, name: &str) -> Option<ToolRef> {
        let offer = self.servers.get(server)?.load();
        let at = offer.find(name)?;
        Some(ToolRef { offer, at })
    }

    /// The same, to be kept.
    pub fn kept_tool(&self, server: usize, name: &str) -> Option<Arc<Tool>> {
        let offer = self.servers.get(server)?.load();
        Some(Arc::clone(offer.tool(offer.find(name)?)))
    }

    /// Learns the `result` of a server's `tools/list` before it returns; not on a data core.
    pub fn learn(&self, server: usize, result: Bytes, first_page: bool) {
        if let Some(slot) = self.slot(server) {
            publisher::take(Sighting { server: Arc::clone(slot), seen: Seen::Tools { result, first_page } });
        }
    }

    /// Notifications so far that a server's list of tools has changed.
    pub fn changes(&self, server: usize) -> u64 {
        self.slot(server).map_or(0, |slot| slot.changes.load(Ordering::Acquire))
    }

    /// Whether a server has said that its list of tools has changed since it was last read whole.
    pub fn has_changed(&self, server: usize) -> bool {
        self.slot(server).is_some_and(|slot| slot.changes.load(Ordering::Acquire) != slot.read.load(Ordering::Acquire))
    }

    /// All of a server's list was learnt, which was asked for when so many changes were known.
    pub fn was_read(&self, server: usize, changes: u64) {
        if let Some(slot) = self.slot(server) {
            slot.read.store(changes, Ordering::Release);
        }
    }

    /// The modern revisions that a server's answer to `server/discover` named and Weir serves, if one was seen.
    pub fn supported(&self, server: usize) -> Option<Revisions> {
        self.servers.get(server)?.load().supported()
    }

    /// Where the snapshots of a server are; `None` if there is no such server.
    pub(super) fn slot(&self, server: usize) -> Option<&Slot> {
        self.servers.get(server)
    }
}

impl Deref for ToolRef {
    type Target = Tool;

    fn deref(&self) -> &Tool {
        self.offer.tool(self.at)
    }
}
