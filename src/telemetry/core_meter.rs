//! What is counted of a core itself: its clients' connections, and how late it is.

use std::fs::read_link;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep_until;

use crate::model::clock;

use super::cell::{Cell, Histogram, WAITING};
use super::meter::RouteCells;
use super::server::ServerCells;

/// How often a core's lateness is measured.
const EVERY: Duration = Duration::from_millis(250);

/// What a core counts of itself.
#[derive(Debug)]
pub struct CoreMeter {
    pub(super) cells: Arc<CoreCells>,
    /// The cells have one writer, the core's thread: this stays on it.
    _one_thread: PhantomData<Rc<()>>,
}

/// Why a client's connection was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// Memory is short.
    Memory,
    /// There are as many as there may be, in all or from its address.
    Limit,
    /// It came without the PROXY header that was due, or from nobody who may bring one.
    Proxy,
    /// It came to no TLS session.
    Tls,
}

impl TurnedAway {
    /// All of them, each at the place of its discriminant.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Limit, Self::Proxy, Self::Tls];

    /// As it stands in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Limit => "limit",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
        }
    }
}

impl CoreMeter {
    pub(super) fn new(cells: Arc<CoreCells>) -> Self {
        Self { cells, _one_thread: PhantomData }
    }

    /// A client's connection was taken in.
    pub fn connection_opens(&self) {
        self.cells.connections.add(1);
    }

    /// One that was taken in has ended.
    pub fn connection_ends(&self) {
        self.cells.connections_ended.add(1);
    }

    /// A client's connection was turned away.
    pub fn turned_away(&self, why: TurnedAway) {
        self.cells.turned_away[why as usize].add(1);
    }

    /// Measures how late the core is, for as long as it lives.
    pub async fn watch_lag(&self) {
        loop {
            let due = clock::timer_now() + EVERY;
            sleep_until(due).await;
            self.cells.lag.observe(clock::timer_now().saturating_duration_since(due));
        }
    }
}

/// The numbers of a core: those behind a [`CoreMeter`], and those of its routes and servers.
#[derive(Debug)]
pub(super) struct CoreCells {
    /// The core's number.
    pub(super) number: String,
    /// Where the system tells what its thread has used; `None` where it does not.
    pub(super) schedstat: Option<PathBuf>,
    pub(super) connections: Cell,
    pub(super) connections_ended: Cell,
    pub(super) turned_away: [Cell; TurnedAway::ALL.len()],
    pub(super) lag: Histogram,
    /// Touched where a core meets a route or server first, and by the reader; never for a request.
    routes: Mutex<Vec<Arc<RouteCells>>>,
    servers: Mutex<Vec<Arc<ServerCells>>>,
}

impl CoreCells {
    /// Those of the thread that asks.
    pub(super) fn new(number: usize) -> Self {
        let thread = read_link("/proc/thread-self").ok();
        Self {
            number: number.to_string(),
            schedstat: thread.map(|thread| Path::new("/proc").join(thread).join("schedstat")),
            connections: Cell::default(),
            connections_ended: Cell::default(),
            turned_away: Default::default(),
            lag: Histogram::new(&WAITING),
            routes: Mutex::default(),
            servers: Mutex::default(),
        }
    }

    pub(super) fn add_route(&self, cells: &Arc<RouteCells>) {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(cells));
    }

    pub(super) fn add_server(&self, cells: &Arc<ServerCells>) {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(cells));
    }

    pub(super) fn routes(&self) -> Vec<Arc<RouteCells>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn servers(&self) -> Vec<Arc<ServerCells>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_core_that_is_busy_is_late() {
        let meter = CoreMeter::new(Arc::new(CoreCells::new(0)));
        let late = Duration::from_millis(50);
        let measured = || meter.cells.lag.read();
        tokio::select! {
            biased;
            () = meter.watch_lag() => unreachable!("it runs as long as its core"),
            () = async {
                // The timer has been set; nothing else is polled until it is due, and longer.
                let busy_until = clock::timer_now() + EVERY + late;
                while clock::timer_now() < busy_until {}
                while measured().sum == 0 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        assert!(Duration::from_nanos(measured().sum) >= late, "{:?}", measured());
    }
}
