//! The connections that a core keeps, an endpoint each its own, and the buffers that they share.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use super::connection::Connection;
use super::dial::dial;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::http1::Http1;
use super::http2::{Exchange, Session};
use crate::model::clock;

/// Bytes of the buffer that all connections of a core read into.
const SCRATCH: usize = 64 * 1024;
/// The most buffers for heads that are kept, and the most bytes each may have grown to.
const SPARE_FRONTS: usize = 64;
const SPARE_FRONT: usize = 32 * 1024;

/// The connections of one core: those of HTTP/1.1 that are idle, and all of HTTP/2. A connection lives in one box from its first request to its last: it is handed
/// on by every step of a call, and moving it each time would cost more than all its buffers.
#[derive(Debug)]
pub struct Pool {
    /// In the order of their numbers.
    slots: RefCell<Vec<Slot>>,
    idle_per_endpoint: usize,
    count: Cell<usize>,
    buffers: Rc<Buffers>,
}

/// What is kept for one endpoint. Numbers are never given again, so that a connection which comes back late cannot
/// come to another endpoint.
#[derive(Debug)]
struct Slot {
    endpoint: usize,
    /// The most recently used at the back.
    idle: VecDeque<Idle>,
    /// HTTP/2 connections, in use or not.
    shared: Vec<Rc<Session>>,
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
            slots: RefCell::new((0..endpoints).map(Slot::new).collect()),
            idle_per_endpoint,
            count: Cell::new(0),
            buffers: Rc::new(Buffers::new()),
        }
    }

    /// From now on connections are kept for these endpoints alone; those of others are closed, and so are the ones that
    /// are in use when they come back.
    pub fn serve(&self, endpoints: impl IntoIterator<Item = usize>) {
        let mut slots = self.slots.borrow_mut();
        let mut before = std::mem::take(&mut *slots);
        let mut kept = |endpoint| match before.iter().position(|slot| slot.endpoint == endpoint) {
            Some(at) => before.swap_remove(at),
            None => Slot::new(endpoint),
        };
        *slots = endpoints.into_iter().map(&mut kept).collect();
        slots.sort_unstable_by_key(|slot| slot.endpoint);
        slots.dedup_by_key(|slot| slot.endpoint);
        self.count.set(slots.iter().map(|slot| slot.idle.len()).sum());
    }

    /// A kept connection that is still sound, the most recently used first. Stale ones are noticed here, before
    /// anything is written, and closed.
    pub fn take(&self, endpoint: usize) -> Option<Box<Connection>> {
        self.take_at(endpoint, clock::now())
    }

    /// Opens a connection to `endpoint`, which has the number `index` here. Where HTTP/2 is agreed on, it is driven by a
    /// local task of the thread that asks.
    ///
    /// # Errors
    /// `Resolve`, `Connect`, `ConnectTimeout` or `Tls`.
    pub async fn connect(&self, index: usize, endpoint: &Endpoint) -> Result<Box<Connection>, Failure> {
        let connection = match dial(endpoint).await?.into_http2() {
            Ok(session) => Connection::http2(self.share(index, Session::begin(session).await?)),
            Err(stream) => Connection::http1(Http1::new(stream, Rc::clone(&self.buffers), index)),
        };
        Ok(Box::new(connection))
    }

    /// A place on a connection that has just been opened; on another one where that has come about in the meantime.
    fn share(&self, index: usize, opened: Rc<Session>) -> Exchange {
        let mut slots = self.slots.borrow_mut();
        if let Some(slot) = slot(&mut slots, index) {
            if let Some(exchange) = slot.place(&self.buffers) {
                return exchange;
            }
            slot.shared.push(Rc::clone(&opened));
        }
        Exchange::new(opened, Rc::clone(&self.buffers), index, false)
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
        for slot in &mut *self.slots.borrow_mut() {
            slot.idle.clear();
            // Those that are in use end with their last exchange.
            slot.shared.clear();
        }
        self.count.set(0);
    }

    /// How many connections are idle.
    pub fn idle(&self) -> usize {
        self.count.get()
    }

    /// [`Pool::take`] for who knows the time.
    pub fn take_at(&self, endpoint: usize, now: Instant) -> Option<Box<Connection>> {
        let mut slots = self.slots.borrow_mut();
        let slot = slot(&mut slots, endpoint)?;
        while let Some(idle) = slot.idle.pop_back() {
            self.count.set(self.count.get() - 1);
            if idle.is_sound(now) {
                let mut connection = idle.connection;
                connection.set_reused();
                return Some(connection);
            }
        }
        Some(Box::new(Connection::http2(slot.place(&self.buffers)?)))
    }

    /// [`Pool::give_back`] for who knows the time.
    pub fn give_back_at(&self, mut connection: Box<Connection>, now: Instant) {
        let Some(idle) = connection.keep().filter(|_| self.idle_per_endpoint > 0) else {
            return;
        };
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slot(&mut slots, connection.endpoint()) else { return };
        if slot.idle.len() == self.idle_per_endpoint {
            slot.idle.pop_front();
        } else {
            self.count.set(self.count.get() + 1);
        }
        slot.idle.push_back(Idle { connection, since: now, until: now + idle });
    }

    pub(super) fn sweep_at(&self, now: Instant) {
        let mut left = 0;
        for slot in &mut *self.slots.borrow_mut() {
            slot.idle.retain(|idle| idle.is_sound(now));
            slot.shared.retain(|session| session.is_wanted(now));
            left += slot.idle.len();
        }
        self.count.set(left);
    }
}

impl Slot {
    fn new(endpoint: usize) -> Self {
        Self { endpoint, idle: VecDeque::new(), shared: Vec::new() }
    }

    /// A place on a connection that has one.
    fn place(&mut self, buffers: &Rc<Buffers>) -> Option<Exchange> {
        if self.shared.is_empty() {
            return None;
        }
        self.shared.retain(|session| session.is_open());
        let session = self.shared.iter().find(|session| session.has_room())?;
        Some(Exchange::new(Rc::clone(session), Rc::clone(buffers), self.endpoint, true))
    }
}

/// The slot of an endpoint; none for one that is not served any more.
fn slot(slots: &mut [Slot], endpoint: usize) -> Option<&mut Slot> {
    let at = slots.binary_search_by_key(&endpoint, |slot| slot.endpoint).ok()?;
    Some(&mut slots[at])
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
