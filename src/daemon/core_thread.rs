//! The data cores: a thread each, with a runtime and a listening socket of its own.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval};

use crate::catalog::Sighting;
use crate::edge::Front;
use crate::net::client::{self, Doorstep, Peer, Scratch};
use crate::net::drain::Drain;
use crate::net::listen;
use crate::stages::upstream::Client;

use super::plan::Plan;

/// How often kept connections to servers are looked through.
const SWEEP: Duration = Duration::from_secs(5);
/// How often a draining core looks whether it is empty.
const LOOK: Duration = Duration::from_millis(10);

/// All data cores.
pub(super) struct Cores {
    drain: watch::Sender<bool>,
    /// Each core's end: `Ok` when it has drained, an error when it ended by a defect.
    pub(super) ends: Vec<oneshot::Receiver<()>>,
}

impl Cores {
    /// Starts a core for each socket.
    pub(super) fn start(
        plan: Plan,
        sockets: Vec<StdListener>,
        sightings: mpsc::Sender<Sighting>,
    ) -> anyhow::Result<Self> {
        let (drain, draining) = watch::channel(false);
        let mut ends = Vec::new();
        for (number, socket) in sockets.into_iter().enumerate() {
            let (ended, end) = oneshot::channel();
            let (plan, draining, sightings) = (plan.clone(), draining.clone(), sightings.clone());
            let body = move || match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => {
                    runtime.block_on(run(plan, number, socket, draining, sightings));
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

/// One core, until it has drained.
async fn run(
    plan: Plan,
    number: usize,
    socket: StdListener,
    mut draining: watch::Receiver<bool>,
    sightings: mpsc::Sender<Sighting>,
) {
    let listener = TcpListener::from_std(socket).expect("the socket is a bound TCP socket without blocking");
    let (front, calls) = plan.front(number, sightings);
    let core = Rc::new(Shared {
        front,
        plan,
        drain: Drain::default(),
        scratch: client::scratch(),
        doorstep: Doorstep::default(),
    });
    spawn_local(Rc::clone(&calls.abandoned).run(Rc::clone(&calls.pool)));
    spawn_local(sweep(Rc::clone(&calls)));
    loop {
        tokio::select! {
            (stream, remote) = listen::accept(&listener) => core.serve(stream, remote),
            _ = draining.wait_for(|draining| *draining) => break,
        }
    }
    // What the kernel has accepted for us already would be reset with the socket.
    while let Some((stream, remote)) = listen::accepted_already(&listener).await {
        core.serve(stream, remote);
    }
    drop(listener);
    core.drain.begin();
    let mut looks = interval(LOOK);
    while core.drain.open() > 0 || calls.abandoned.open() > 0 {
        looks.tick().await;
    }
    calls.pool.close_idle();
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
    drain: Drain,
    scratch: Scratch,
    doorstep: Doorstep,
}

impl Shared {
    fn serve(self: &Rc<Self>, stream: TcpStream, remote: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        let admitted = if self.plan.pressure.refuses() { None } else { self.plan.admission.admit(remote.ip()) };
        let Some(permit) = admitted else {
            tracing::warn!(peer = %remote, "a connection was turned away: [http] connections or connections_per_address is reached");
            return self.doorstep.turn_away(stream).map_or((), |turned| drop(spawn_local(turned)));
        };
        let core = Rc::clone(self);
        spawn_local(async move {
            let peer = Peer { remote, local };
            client::serve(stream, peer, &core.plan.limits, &core.front, &core.drain, Rc::clone(&core.scratch)).await;
            drop(permit);
        });
    }
}
