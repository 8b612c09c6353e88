//! The streams that are open on this node, by numbers that nobody else's tokens have.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Principal, Reason, Refusal};
use crate::seal::Sealer;

use super::mailbox::{Mailbox, Slot, mailbox};

/// Names a stream, over all nodes and lives of a daemon.
pub(super) type Number = u128;

/// The open streams of a node.
#[derive(Debug)]
pub struct Table {
    /// The half that this life of the daemon has alone; it need not be secret, since tokens are sealed.
    life: u64,
    count: AtomicU64,
    open: Mutex<HashMap<Number, Slot>>,
}

impl Default for Table {
    fn default() -> Self {
        Self { life: RandomState::new().hash_one(0u8), count: AtomicU64::default(), open: Mutex::default() }
    }
}

impl Table {
    fn open(self: &Arc<Self>) -> (Number, Mailbox) {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let number = Number::from(self.life) << 64 | Number::from(count);
        let (slot, mailbox) = mailbox(number, self);
        self.locked().insert(number, slot);
        (number, mailbox)
    }

    fn find(&self, number: Number) -> Option<Slot> {
        self.locked().get(&number).cloned()
    }

    pub(super) fn remove(&self, number: Number) {
        self.locked().remove(&number);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Number, Slot>> {
        // Nothing panics while it is held that could leave it half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open streams, and what their tokens are sealed with.
pub struct Pairs {
    table: Arc<Table>,
    sealer: Sealer,
}

impl Pairs {
    /// Streams of this table; `sealer` is for nothing but their tokens.
    pub fn new(table: Arc<Table>, sealer: Sealer) -> Self {
        Self { table, sealer }
    }

    /// Opens a stream: what is posted to it, and the token that a POST names it by, bound to route and caller.
    pub(super) fn open(&self, route: &str, principal: &Principal) -> (Mailbox, String) {
        let (number, mailbox) = self.table.open();
        (mailbox, self.sealer.seal(&context(route, principal), &number.to_be_bytes()))
    }

    /// The stream that a token names.
    pub(super) fn find(&self, route: &str, principal: &Principal, token: &str) -> Result<Slot, Refusal> {
        let plain = self.sealer.open(&context(route, principal), token);
        let number = plain.and_then(|plain| plain.try_into().ok()).map(Number::from_be_bytes);
        number.and_then(|number| self.table.find(number)).ok_or_else(unknown)
    }
}

fn context<'a>(route: &'a str, principal: &'a Principal) -> [&'a [u8]; 2] {
    [route.as_bytes(), principal.key().as_bytes()]
}

/// The answer to a token of no open stream.
pub(super) fn unknown() -> Refusal {
    let message = "no stream of this caller is open under this `session`; open one by GET, and POST where its `endpoint` \
                   event says";
    Refusal::new(Reason::SessionNotFound, message)
}
