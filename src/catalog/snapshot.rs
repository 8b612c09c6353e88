//! The catalog: one swapped snapshot a server, read without a lock.

use std::{ops::Deref, sync::Arc};

use arc_swap::{ArcSwap, Guard};

use super::offer::{Offer, Tool};
use crate::protocol::revision::Revisions;

/// What the servers offer. Shared by all cores; servers are numbered by whoever builds it.
#[derive(Debug)]
pub struct Catalog {
    servers: Box<[ArcSwap<Offer>]>,
}

/// A tool in the snapshot that it was found in. Not to be kept over an await: it holds the snapshot.
pub struct ToolRef {
    offer: Guard<Arc<Offer>>,
    at: usize,
}

impl Catalog {
    /// A catalog of so many servers, of which nothing is known.
    pub fn new(servers: usize) -> Self {
        Self { servers: (0..servers).map(|_| ArcSwap::default()).collect() }
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

    /// The snapshot of a server; `None` if there is no such server.
    pub(super) fn offer(&self, server: usize) -> Option<Guard<Arc<Offer>>> {
        Some(self.servers.get(server)?.load())
    }

    /// Replaces the snapshot of a server. There is one publisher, so nothing is lost in between.
    pub(super) fn swap(&self, server: usize, offer: Offer) {
        if let Some(snapshot) = self.servers.get(server) {
            snapshot.store(Arc::new(offer));
        }
    }
}

impl Deref for ToolRef {
    type Target = Tool;

    fn deref(&self) -> &Tool {
        self.offer.tool(self.at)
    }
}
