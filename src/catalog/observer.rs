//! The eyes of a data core: what passes is compared with the catalog, and only what is new goes to the publisher.

use std::{
    cell::RefCell,
    collections::VecDeque,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use arc_swap::Guard;
use bytes::Bytes;
use tokio::sync::mpsc::Sender;

use super::{Catalog, offer::Offer, snapshot::Slot};
use crate::protocol::message::{self, Body, Fault, Limits, Message};

/// Larger results are not learnt, in bytes: with a full channel they are what the catalog can cost.
const LARGEST: usize = 256 * 1024;

/// Sightings on their way that are remembered.
const SENT: usize = 64;

/// Something new about a server, on its way to the publisher.
#[derive(Clone, Debug)]
pub struct Sighting {
    pub(super) server: Slot,
    /// What was seen.
    pub seen: Seen,
}

/// What was seen of a server.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A page of its tools.
    Tools {
        /// The `result` of the answer.
        result: Bytes,
        /// Asked for without a cursor.
        first_page: bool,
    },
    /// The revisions that it names.
    Supported {
        /// The `result` of the answer to `server/discover`.
        result: Bytes,
    },
}

/// Looks at the answers that pass on one data core.
#[derive(Debug)]
pub struct Observer {
    catalog: Arc<Catalog>,
    publisher: Sender<Sighting>,
    /// What was sent and is not yet in the catalog, or cannot be learnt; the oldest is forgotten first.
    sent: RefCell<VecDeque<Sent>>,
    /// Its keys are this process's own, so that no server can choose texts that look the same.
    hasher: RandomState,
}

/// A text that was sent while its server's snapshot had this version.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    server: usize,
    version: u64,
    hash: u64,
}

impl Observer {
    /// An observer that sends to the end of a bounded channel that [`super::publish`] reads.
    pub fn new(catalog: Arc<Catalog>, publisher: Sender<Sighting>) -> Self {
        Self { catalog, publisher, sent: RefCell::default(), hasher: RandomState::new() }
    }

    /// An answer to `tools/list` passes; `first_page` says that it was asked for without a cursor. `message` was read
    /// from `bytes`. A list that is known costs a comparison, a new one a copy.
    pub fn saw_tools(&self, server: usize, bytes: &[u8], message: &Message, first_page: bool) {
        let Some((offer, result)) = self.look(server, bytes, message) else { return };
        if !offer.knows_page(result, first_page) {
            self.send(server, offer.version, result, u8::from(first_page), |result| Seen::Tools { result, first_page });
        }
    }

    /// Reads an answer to `tools/list`. A list that is known is compared, and only what stands around it is read.
    ///
    /// # Errors
    /// As [`message::read_server`].
    pub fn read_tools(&self, server: usize, bytes: &[u8], limits: &Limits, first_page: bool) -> Result<Body, Fault> {
        let Some(slot) = self.catalog.slot(server) else { return message::read_server(bytes, limits) };
        let offer = slot.load();
        message::read_server_knowing(bytes, limits, &|text| offer.page_at(text, first_page))
    }

    /// A `notifications/tools/list_changed` of a server passes.
    pub fn saw_change(&self, server: usize) {
        if let Some(slot) = self.catalog.slot(server) {
            slot.changes();
        }
    }

    /// An answer to `server/discover` passes.
    pub fn saw_supported(&self, server: usize, bytes: &[u8], message: &Message) {
        let Some((offer, result)) = self.look(server, bytes, message) else { return };
        if !offer.knows_discovered(result) {
            self.send(server, offer.version, result, 2, |result| Seen::Supported { result });
        }
    }

    /// The snapshot and the `result` to compare, if it is small enough.
    fn look<'a>(&self, server: usize, bytes: &'a [u8], message: &Message) -> Option<(Guard<Arc<Offer>>, &'a [u8])> {
        let result = message.result?.raw(bytes);
        let offer = self.catalog.slot(server)?.load();
        (result.len() <= LARGEST).then_some((offer, result))
    }

    /// Sends a result that the catalog does not know, unless it is on its way. Where the channel is full it is
    /// dropped and forgotten: the next answer brings it again.
    fn send(&self, server: usize, version: u64, result: &[u8], kind: u8, seen: impl FnOnce(Bytes) -> Seen) {
        let sent = Sent { server, version, hash: self.hasher.hash_one((kind, result)) };
        let mut all = self.sent.borrow_mut();
        if all.contains(&sent) || self.publisher.capacity() == 0 {
            return;
        }
        let Some(slot) = self.catalog.slot(server) else { return };
        let sighting = Sighting { server: Arc::clone(slot), seen: seen(Bytes::copy_from_slice(result)) };
        if self.publisher.try_send(sighting).is_err() {
            return;
        }
        if all.len() == SENT {
            all.pop_front();
        }
        all.push_back(sent);
    }
}
