//! What is counted of a core itself: its clients' connections, and how late it is.

use std::collections::HashMap;
use std::fs::{read_link, read_to_string};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep_until;

use crate::model::clock;

use super::cell::{Cell, Histogram, WAITING};
use super::limit::LimitCells;
use super::meter::RouteCells;
use super::rules::RuleCells;
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

/// Why an API key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UntakenKey {
    /// A letter of it is wrong, or missing.
    Mistyped,
    /// There is no such key.
    Unknown,
    /// Its time is over.
    Expired,
    /// It has another secret now.
    Rotated,
    /// It was revoked.
    Revoked,
}

impl UntakenKey {
    /// All of them, each at the place of its discriminant.
    pub const ALL: [Self; 5] = [Self::Mistyped, Self::Unknown, Self::Expired, Self::Rotated, Self::Revoked];

    /// As it stands in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mistyped => "mistyped",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Rotated => "rotated",
            Self::Revoked => "revoked",
        }
    }
}

impl CoreMeter {
    /// That of the thread that asks.
    pub(super) fn new(cells: Arc<CoreCells>) -> Self {
        locked(&cells.thread).begin();
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

    /// A client's connection was given to another core.
    pub fn connection_handed_over(&self) {
        self.cells.handed_over.add(1);
    }

    /// A client's connection was turned away.
    pub fn turned_away(&self, why: TurnedAway) {
        self.cells.turned_away[why as usize].add(1);
    }

    /// A caller's API key was not taken.
    pub fn takes_no_key(&self, why: UntakenKey) {
        self.cells.untaken_keys[why as usize].add(1);
    }

    /// The cells of a route, as it is counted here already, or anew.
    pub(super) fn route(&self, path: &str, server: &str) -> Arc<RouteCells> {
        let mut routes = locked(&self.cells.routes);
        if let Some(known) = routes.iter().find(|known| known.path == path && known.server == server) {
            return Arc::clone(known);
        }
        let cells = Arc::new(RouteCells::new(path, server));
        routes.push(Arc::clone(&cells));
        cells
    }

    /// The cells of a server, as it is counted here already, or anew.
    pub(super) fn server(&self, name: &str) -> Arc<ServerCells> {
        let mut servers = locked(&self.cells.servers);
        if let Some(known) = servers.iter().find(|known| known.name == name) {
            return Arc::clone(known);
        }
        let cells = Arc::new(ServerCells::new(name));
        servers.push(Arc::clone(&cells));
        cells
    }

    /// The cells of a limit, as it is counted here already, or anew.
    pub(super) fn limit(&self, name: &str) -> Arc<LimitCells> {
        let mut limits = locked(&self.cells.limits);
        if let Some(known) = limits.iter().find(|known| known.name == name) {
            return Arc::clone(known);
        }
        let cells = Arc::new(LimitCells::new(name));
        limits.push(Arc::clone(&cells));
        cells
    }

    /// The cells of a rule, as it is counted here already, or anew.
    pub(super) fn rule(&self, name: &str) -> Arc<RuleCells> {
        let mut rules = locked(&self.cells.rules);
        Arc::clone(rules.entry(name.to_owned()).or_insert_with(|| Arc::new(RuleCells::new(name))))
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

impl Drop for CoreMeter {
    fn drop(&mut self) {
        locked(&self.cells.thread).end();
    }
}

/// The numbers of a core: those behind a [`CoreMeter`], and those of its routes and servers. They outlive the core: one
/// of the same number that comes after it counts on in them.
#[derive(Debug)]
pub(super) struct CoreCells {
    /// The core's number.
    pub(super) number: String,
    thread: Mutex<Thread>,
    pub(super) connections: Cell,
    pub(super) connections_ended: Cell,
    pub(super) handed_over: Cell,
    pub(super) turned_away: [Cell; TurnedAway::ALL.len()],
    pub(super) untaken_keys: [Cell; UntakenKey::ALL.len()],
    pub(super) lag: Histogram,
    /// Touched where a core meets a route or server first, and by the reader; never for a request.
    routes: Mutex<Vec<Arc<RouteCells>>>,
    servers: Mutex<Vec<Arc<ServerCells>>>,
    limits: Mutex<Vec<Arc<LimitCells>>>,
    rules: Mutex<HashMap<String, Arc<RuleCells>>>,
}

impl CoreCells {
    /// Those of a core that has not begun yet.
    pub(super) fn new(number: usize) -> Self {
        Self {
            number: number.to_string(),
            thread: Mutex::default(),
            connections: Cell::default(),
            connections_ended: Cell::default(),
            handed_over: Cell::default(),
            turned_away: Default::default(),
            untaken_keys: Default::default(),
            lag: Histogram::new(&WAITING),
            routes: Mutex::default(),
            servers: Mutex::default(),
            limits: Mutex::default(),
            rules: Mutex::default(),
        }
    }

    /// The CPU time of its threads; `None` where the system does not tell.
    pub(super) fn cpu(&self) -> Option<Duration> {
        locked(&self.thread).cpu()
    }

    pub(super) fn routes(&self) -> Vec<Arc<RouteCells>> {
        locked(&self.routes).clone()
    }

    pub(super) fn rules(&self) -> Vec<Arc<RuleCells>> {
        locked(&self.rules).values().cloned().collect()
    }

    pub(super) fn servers(&self) -> Vec<Arc<ServerCells>> {
        locked(&self.servers).clone()
    }

    pub(super) fn limits(&self) -> Vec<Arc<LimitCells>> {
        locked(&self.limits).clone()
    }
}

/// The thread of a core, and what those before it have used. Touched where one begins or ends, and by the reader.
#[derive(Debug, Default)]
struct Thread {
    /// Where the system tells what it has used; `None` where it does not, and between two threads.
    schedstat: Option<PathBuf>,
    before: Option<Duration>,
}

impl Thread {
    /// This thread is the core's.
    fn begin(&mut self) {
        let thread = read_link("/proc/thread-self").ok();
        self.schedstat = thread.map(|thread| Path::new("/proc").join(thread).join("schedstat"));
    }

    /// It is not any more.
    fn end(&mut self) {
        self.before = self.cpu();
        self.schedstat = None;
    }

    fn cpu(&self) -> Option<Duration> {
        match &self.schedstat {
            Some(file) => cpu_in(file).map(|used| used + self.before.unwrap_or_default()),
            None => self.before,
        }
    }
}

/// The CPU time of a thread: the first number of its `schedstat`, in nanoseconds.
fn cpu_in(schedstat: &Path) -> Option<Duration> {
    let text = read_to_string(schedstat).ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_core_has_used_is_not_forgotten_with_its_thread() {
        let cells = Arc::new(CoreCells::new(0));
        let mut used = Duration::ZERO;
        for _ in 0..2 {
            let meter = CoreMeter::new(Arc::clone(&cells));
            let mut spun = 0u64;
            while cells.cpu().unwrap() <= used {
                spun = std::hint::black_box(spun + 1);
            }
            drop(meter);
            used = cells.cpu().unwrap();
        }
        assert_eq!(cells.cpu(), Some(used), "nobody uses any more");
        assert_eq!(cpu_in(Path::new("/proc/self/status")), None);
    }

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
