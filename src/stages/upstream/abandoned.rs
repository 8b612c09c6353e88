//! Calls of the legacy era whose client left: leaving is not cancelling there (2025-11-25, transports), so they go on
//! until their answer has ended, their deadline, or the bound of the route.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use tokio::time::{Instant, timeout_at};

use crate::model::RequestId;
use crate::net::command::GoesOn;
use crate::net::upstream::{Connection, Pool};
use crate::telemetry::Held;

/// How many calls a route may drain at once, over all cores (`[http] abandoned`).
#[derive(Clone, Debug)]
pub struct Room {
    taken: Arc<AtomicUsize>,
    most: usize,
}

impl Room {
    /// Room for `most` calls.
    pub fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// The same room with another bound; what is in it stays in it.
    pub fn resized(&self, most: usize) -> Self {
        Self { taken: Arc::clone(&self.taken), most }
    }

    /// A place in it for a call that somebody else drives; `None` where it is full.
    pub(super) fn hold(&self, id: RequestId) -> Option<GoesOn> {
        let place = self.take();
        if place.is_none() {
            tracing::warn!(%id, most = self.most, "a client left and its call is cut: [http] abandoned is reached");
        }
        place.map(|place| Box::new(place) as GoesOn)
    }

    fn take(&self) -> Option<Place> {
        let had = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.taken));
        (had < self.most).then_some(place)
    }
}

/// One call's place; given back when dropped.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Orphan {
    connection: Box<Connection>,
    deadline: Instant,
    _place: Place,
}

/// One core's abandoned calls. They are taken in where a future is dropped, and driven by [`Abandoned::run`].
#[derive(Debug, Default)]
pub struct Abandoned {
    waiting: RefCell<VecDeque<Orphan>>,
    running: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

impl Abandoned {
    /// Takes the call of a request over, or closes its connection where the route has no room left.
    pub(super) fn adopt(&self, id: RequestId, connection: Box<Connection>, deadline: Instant, room: &Room) {
        let Some(place) = room.take() else {
            connection.counted(Held::is_cut);
            tracing::warn!(%id, most = room.most, "a client left and its call is cut: [http] abandoned is reached");
            return;
        };
        connection.counted(Held::runs_on);
        self.waiting.borrow_mut().push_back(Orphan { connection, deadline, _place: place });
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Calls that still go on.
    pub fn open(&self) -> usize {
        self.waiting.borrow().len() + self.running.get()
    }

    /// Drives them; one task a core, for as long as the core lives.
    pub async fn run(self: Rc<Self>, pool: Rc<Pool>) {
        loop {
            let orphan = poll_fn(|cx| match self.waiting.borrow_mut().pop_front() {
                Some(orphan) => Poll::Ready(orphan),
                None => {
                    *self.waker.borrow_mut() = Some(cx.waker().clone());
                    Poll::Pending
                }
            })
            .await;
            self.running.set(self.running.get() + 1);
            let (abandoned, pool) = (Rc::clone(&self), Rc::clone(&pool));
            tokio::task::spawn_local(async move {
                orphan.drain(&pool).await;
                abandoned.running.set(abandoned.running.get() - 1);
            });
        }
    }
}

impl Orphan {
    /// Reads the answer away. What fails here fails for nobody.
    async fn drain(mut self, pool: &Pool) {
        let whole = async {
            while self.connection.chunk().await?.is_some() {}
            Ok::<_, crate::net::upstream::Failure>(())
        };
        if timeout_at(self.deadline, whole).await.is_ok_and(|read| read.is_ok()) {
            pool.give_back(self.connection);
        }
    }
}
