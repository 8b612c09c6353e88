//! The catalog: one swapped snapshot a server, read without a lock.

use std::{ops::Deref, sync::Arc};

use arc_swap::{ArcSwap, Guard};

use super::offer::{Offer, Tool};
use crate::protocol::revision::Revisions;

/// What the servers offer. Shared by all cores; servers are numbered by whoever builds it.
#[derive(Debug)]
pub struct Catalog {
    servers: Box<[Slot]>,
}

/// What one server offers: the snapshot of it, swapped by the publisher. It outlives the catalogs that it is part of.
pub(super) type Slot = Arc<ArcSwap<Offer>>;

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
