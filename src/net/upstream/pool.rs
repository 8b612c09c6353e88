//! The connections that a core keeps, an endpoint each its own, and the buffers that they share.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use super::connection::Connection;
use super::dial::dial;
use super::endpoint::Endpoint;
use super::failure::Failure;
use crate::model::clock;

/// Bytes of the buffer that all connections of a core read into.
const SCRATCH: usize = 64 * 1024;
/// The most buffers for heads that are kept, and the most bytes each may have grown to.
const SPARE_FRONTS: usize = 64;
const SPARE_FRONT: usize = 32 * 1024;

/// The idle connections of one core. A connection lives in one box from its first request to its last: it is handed
/// on by every step of a call, and moving it each time would cost more than all its buffers.
#[derive(Debug)]
pub struct Pool {
    /// By endpoint; the most recently used at the back.
    idle: Box<[RefCell<VecDeque<Idle>>]>,
    idle_per_endpoint: usize,
    count: Cell<usize>,
    buffers: Rc<Buffers>,
}

/// A connection that waits for its next request.
#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    since: Instant,
    /// From here on the server may close it at any moment.
    until: Instant,
}

impl Pool {
    /// An empty pool for `endpoints` endpoints, numbered from 0, with at most `idle_per_endpoint` kept for each.
    pub fn new(endpoints: usize, idle_per_endpoint: usize) -> Self {
        Self {
            idle: (0..endpoints).map(|_| RefCell::default()).collect(),
            idle_per_endpoint,
            count: Cell::new(0),
            buffers: Rc::new(Buffers::new()),
        }
    }

    /// A kept connection that is still sound, the most recently used first. Stale ones are noticed here, before
    /// anything is written, and closed.
    pub fn take(&self, endpoint: usize) -> Option<Box<Connection>> {
        self.take_at(endpoint, clock::now())
    }

    /// Opens a connection to `endpoint`, which has the number `index` here.
    ///
    /// # Errors
    /// `Resolve`, `Connect`, `ConnectTimeout` or `Tls`.
    pub async fn connect(&self, index: usize, endpoint: &Endpoint) -> Result<Box<Connection>, Failure> {
        Ok(Box::new(Connection::new(dial(endpoint).await?, Rc::clone(&self.buffers), index)))
    }

    /// Keeps a connection for the next request if it may be kept: the server agrees, the answer was read to its end,
    /// and nothing came after that. Closes it else. Where there are too many, the one longest unused goes.
    pub fn give_back(&self, connection: Box<Connection>) {
        self.give_back_at(connection, clock::now());
    }

    /// Closes those that have gone stale or have lain too long; without it they stay open until the next
    /// [`Pool::take`]. Worth calling every few seconds.
    pub fn sweep(&self) {
        self.sweep_at(clock::now());
    }

    /// Closes all that are idle.
    pub fn close_idle(&self) {
        for slot in &self.idle {
            slot.borrow_mut().clear();
        }
        self.count.set(0);
    }

    /// How many connections are idle.
    pub fn idle(&self) -> usize {
        self.count.get()
    }

    pub(super) fn take_at(&self, endpoint: usize, now: Instant) -> Option<Box<Connection>> {
        let mut slot = self.idle[endpoint].borrow_mut();
        while let Some(idle) = slot.pop_back() {
            self.count.set(self.count.get() - 1);
            if idle.is_sound(now) {
                let mut connection = idle.connection;
                connection.set_reused();
                return Some(connection);
            }
        }
        None
    }

    pub(super) fn give_back_at(&self, mut connection: Box<Connection>, now: Instant) {
        let Some(idle) = connection.keep().filter(|_| self.idle_per_endpoint > 0) else {
            return;
        };
        let mut slot = self.idle[connection.endpoint()].borrow_mut();
        if slot.len() == self.idle_per_endpoint {
            slot.pop_front();
        } else {
            self.count.set(self.count.get() + 1);
        }
        slot.push_back(Idle { connection, since: now, until: now + idle });
    }

    pub(super) fn sweep_at(&self, now: Instant) {
        let mut left = 0;
        for slot in &self.idle {
            let mut slot = slot.borrow_mut();
            slot.retain(|idle| idle.is_sound(now));
            left += slot.len();
        }
        self.count.set(left);
    }
}

impl Idle {
    fn is_sound(&self, now: Instant) -> bool {
        now < self.until && !self.connection.is_stale(self.since, now)
    }
}

/// What the connections of a core share, so that one which waits holds nothing.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Read into and copied out of within one poll.
    scratch: RefCell<Box<[u8]>>,
    /// Buffers for heads of requests, used again.
    fronts: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    fn new() -> Self {
        Self { scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()), fronts: RefCell::default() }
    }

    /// The buffer to read into; never held across an await.
    pub(super) fn scratch(&self) -> RefMut<'_, Box<[u8]>> {
        self.scratch.borrow_mut()
    }

    /// An empty buffer for a head.
    pub(super) fn take_front(&self) -> Vec<u8> {
        self.fronts.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(2048))
    }

    /// Takes a buffer back.
    pub(super) fn put_front(&self, mut front: Vec<u8>) {
        let mut fronts = self.fronts.borrow_mut();
        if front.capacity() <= SPARE_FRONT && fronts.len() < SPARE_FRONTS {
            front.clear();
            fronts.push(front);
        }
    }
}
