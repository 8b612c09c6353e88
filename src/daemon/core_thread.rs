//! The data cores: a thread each, with a runtime and a listening socket of its own.

use std::cell::Cell;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval};

use crate::catalog::Sighting;
use crate::edge::Front;
use crate::model::clock;
use crate::net::client::{self, Doorstep, Peer, Scratch};
use crate::net::drain::Drain;
use crate::net::listen;
use crate::stages::upstream::Client;
use crate::telemetry::{Observed, Telemetry, TurnedAway};

use super::plan::Plan;

/// How often kept connections to servers are looked through.
const SWEEP: Duration = Duration::from_secs(5);
/// How often a draining core looks whether it is empty.
const LOOK: Duration = Duration::from_millis(10);

/// How often it is told at most that connections are turned away.
const TELL: Duration = Duration::from_secs(1);

/// All data cores.
pub(super) struct Cores {
    pub(super) drain: watch::Sender<bool>,
    /// Each core's end: `Ok` when it has drained, an error when it ended by a defect.
    pub(super) ends: Vec<oneshot::Receiver<()>>,
}

impl Cores {
    /// Starts a core for each socket.
    pub(super) fn start(
        plan: Plan,
        sockets: Vec<StdListener>,
        sightings: mpsc::Sender<Sighting>,
        observed: &Observed,
    ) -> anyhow::Result<Self> {
        let (drain, draining) = watch::channel(false);
        let mut ends = Vec::new();
        for (number, socket) in sockets.into_iter().enumerate() {
            let (ended, end) = oneshot::channel();
            let (plan, draining, sightings) = (plan.clone(), draining.clone(), sightings.clone());
            let observed = observed.clone();
            let body = move || match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => {
                    runtime.block_on(run(plan, number, socket, draining, sightings, Rc::new(observed.core(number))));
                    let _ = ended.send(());
                }
                Err(error) => tracing::error!(%error, core = number, "cannot make a runtime"),
            };
            thread::Builder::new().name(format!("weir-core-{number}")).spawn(body).context("cannot start a thread")?;
            ends.push(end);
        }
        Ok(Self { drain, ends })
    }

    /// Stops accepting and lets what runs come to its end.
    pub(super) fn drain(&self) {
        self.drain.send_replace(true);
    }
}

/// One core, until it has drained. What a core cannot be without runs in the same task, so that a defect in it ends
/// the core, and with it the process, instead of leaving a core that only seems whole.
async fn run(
    plan: Plan,
    number: usize,
    socket: StdListener,
    draining: watch::Receiver<bool>,
    sightings: mpsc::Sender<Sighting>,
    telemetry: Rc<Telemetry>,
) {
    let listener = TcpListener::from_std(socket).expect("the socket is a bound TCP socket without blocking");
    let (front, calls) = plan.front(number, sightings, Rc::clone(&telemetry));
    let core = Rc::new(Shared {
        front,
        plan,
        telemetry: Rc::clone(&telemetry),
        drain: Drain::default(),
        scratch: client::scratch(),
        doorstep: Doorstep::default(),
        open: Cell::default(),
        turned: Cell::default(),
        told: Cell::default(),
    });
    tokio::select! {
        () = carry(&core, &calls, listener, draining) => calls.pool.close_idle(),
        () = Rc::clone(&calls.abandoned).run(Rc::clone(&calls.pool)) => unreachable!("it runs as long as its core"),
        () = telemetry.core().watch_lag() => unreachable!("it runs as long as its core"),
        () = sweep(Rc::clone(&calls)) => unreachable!("it runs as long as its core"),
    }
}

/// Accepts until draining begins, then waits until nothing runs any more.
async fn carry(core: &Rc<Shared>, calls: &Client, listener: TcpListener, mut draining: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            (stream, remote) = listen::accept(&listener) => core.serve(stream, remote),
            _ = draining.wait_for(|draining| *draining) => break,
        }
    }
    // What the kernel has accepted for us already would be reset with the socket.
    while let Some((stream, remote)) = listen::accepted_already(&listener) {
        core.serve(stream, remote);
    }
    drop(listener);
    core.drain.begin();
    let mut looks = interval(LOOK);
    while core.open.get() > 0 || calls.abandoned.open() > 0 {
        looks.tick().await;
    }
}

async fn sweep(calls: Rc<Client>) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        calls.pool.sweep();
    }
}

/// What the connections of a core share.
struct Shared {
    front: Front,
    plan: Plan,
    telemetry: Rc<Telemetry>,
    drain: Drain,
    scratch: Scratch,
    doorstep: Doorstep,
    /// Connections that were taken in and have not ended, those that were never polled among them.
    open: Cell<usize>,
    /// Connections that were turned away since it was last told, and when that was.
    turned: Cell<usize>,
    told: Cell<Option<Instant>>,
}

/// One of the open connections, until it is dropped.
struct Open(Rc<Shared>);

impl Open {
    fn new(core: &Rc<Shared>) -> Self {
        core.open.set(core.open.get() + 1);
        core.telemetry.core().connection_opens();
        Self(Rc::clone(core))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.telemetry.core().connection_ends();
    }
}

impl Shared {
    fn serve(self: &Rc<Self>, stream: TcpStream, remote: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        if self.plan.pressure.refuses() {
            self.telemetry.core().turned_away(TurnedAway::Memory);
            return self.turn_away(stream, remote, "memory is short: [http] refuse_memory");
        }
        let Some(permit) = self.plan.admission.admit(remote.ip()) else {
            self.telemetry.core().turned_away(TurnedAway::Limit);
            return self.turn_away(stream, remote, "[http] connections or connections_per_address is reached");
        };
        let open = Open::new(self);
        spawn_local(async move {
            let (core, peer) = (&open.0, Peer { remote, local });
            client::serve(stream, peer, &core.plan.limits, &core.front, &core.drain, Rc::clone(&core.scratch)).await;
            drop(permit);
        });
    }

    fn turn_away(&self, stream: TcpStream, remote: SocketAddr, why: &str) {
        self.turned.set(self.turned.get() + 1);
        let now = clock::now();
        // A flood of connections is no flood of lines.
        if self.told.get().is_none_or(|told| now - told >= TELL) {
            let connections = self.turned.replace(0);
            tracing::warn!(peer = %remote, connections, why, "connections were turned away, this one the last");
            self.told.set(Some(now));
        }
        if let Some(turned) = self.doorstep.turn_away(stream) {
            spawn_local(turned);
        }
    }
}
