//! A data core: a thread with a runtime and listening sockets of its own, from its first order to its last connection.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, Sleep, interval, sleep};

use crate::edge::Current;
use crate::model::{Remote, clock};
use crate::net::admission::Permit;
use crate::net::client::{self, Doorstep, Peer, Scratch};
use crate::net::drain::{Drain, Phase};
use crate::net::listen::{Acceptor, Listeners};
use crate::net::socket::{Plain, Socket};
use crate::net::spread::{Arrival, Counted, Seat, Settled};
use crate::net::welcome::{Unwelcome, Welcome};
use crate::stages::upstream::Client;
use crate::telemetry::{Telemetry, TurnedAway};

use super::plan::{Kept, Lasting, Plan};
use super::switches::{Hand, Switch};
use super::systemd::Pulse;

/// How often kept connections to servers are looked through.
const SWEEP: Duration = Duration::from_secs(5);
/// How often a core hands over what it has to tell.
const BEAT: Duration = Duration::from_millis(250);
/// How often a draining core looks whether it is empty, and one that is leaving, for which nobody waits.
const LOOK: Duration = Duration::from_millis(10);
const GLANCE: Duration = Duration::from_millis(250);

/// How often it is told at most that connections are turned away.
const TELL: Duration = Duration::from_secs(1);

/// What a core is started with, beside the plan and what it keeps.
pub(super) struct Beginning {
    pub(super) pulse: Pulse,
    pub(super) seat: Seat,
    /// Told once it runs.
    pub(super) begins: oneshot::Sender<anyhow::Result<()>>,
    pub(super) orders: Orders,
}

/// What a core is told while it runs.
pub(super) struct Orders {
    /// How far stopping has come.
    pub(super) phase: watch::Receiver<Phase>,
    /// What it works by, and where it listens. Where nobody is left who could tell, it leaves.
    pub(super) switched: mpsc::Receiver<Switch>,
}

/// One core, until it has drained or left. What a core cannot be without runs in the same task, so that a defect in it ends
/// the core, and with it the process, instead of leaving a core that only seems whole.
pub(super) async fn run(plan: Arc<Plan>, kept: Kept, beginning: Beginning) {
    let Beginning { pulse, seat, begins, orders } = beginning;
    let (calls, telemetry) = (Rc::clone(&kept.client), Rc::clone(&kept.telemetry));
    let copies = Rc::clone(&kept.copies);
    let core = Rc::new(Shared {
        front: Current::new(plan.front(&kept)),
        limits: Cell::new(plan.limits),
        http2: Cell::new(plan.http2),
        welcome: RefCell::new(Arc::clone(&plan.welcome)),
        lasting: plan.lasting.clone(),
        kept,
        seat,
        drain: Drain::default(),
        scratch: client::scratch(),
        doorstep: Doorstep::default(),
        open: Cell::default(),
        closing: Cell::default(),
        turned: Cell::default(),
        told: Cell::default(),
    });
    // A plan that is no longer in force must not keep its commands running.
    drop(plan);
    // Whoever waits for it may have given up.
    let _ = begins.send(Ok(()));
    tokio::select! {
        () = pulse.beat() => unreachable!("it beats as long as its core runs"),
        () = carry(&core, orders) => calls.pool.close_idle(),
        () = Rc::clone(&calls.abandoned).run(Rc::clone(&calls.pool)) => unreachable!("it runs as long as its core"),
        () = telemetry.core().watch_lag() => unreachable!("it runs as long as its core"),
        () = copies.work() => unreachable!("it runs as long as its core"),
        () = sweep(Rc::clone(&calls)) => unreachable!("it runs as long as its core"),
        () = beat(&core, &telemetry) => unreachable!("it runs as long as its core"),
    }
    copies.clear();
    // What ended last; the daemon waits for this core, and then for the writer.
    telemetry.flush();
}

/// Accepts until it is to leave or drain, then waits until nothing runs any more, or for what is cut to say so.
async fn carry(core: &Rc<Shared>, mut orders: Orders) {
    let mut acceptor = accepting(Listeners::none());
    let (mut told, mut leaving) = (true, Leaving::default());
    loop {
        tokio::select! {
            (stream, remote) = acceptor.next() => core.settle(stream, remote),
            arrival = core.seat.next() => core.serve(arrival),
            switch = orders.switched.recv(), if told => match switch {
                Some(switch) => acceptor = core.switch(switch, acceptor, &mut leaving),
                None => {
                    told = false;
                    leaving.begin(Duration::ZERO);
                }
            },
            () = until(GLANCE, || core.is_empty()), if leaving.begun => {
                tracing::info!(core = core.kept.number, "the data core has left");
                return;
            }
            () = leaving.patience() => core.drain.begin(),
            _ = orders.phase.wait_for(|phase| *phase >= Phase::Draining) => break,
        }
    }
    // What waits in the sockets of an order that is on its way is lost unless it is taken.
    while let Ok(switch) = orders.switched.try_recv() {
        acceptor = core.switch(switch, acceptor, &mut leaving);
    }
    // A reload that comes later is told so.
    drop(orders.switched);
    core.drain.begin();
    core.seat.leave().into_iter().for_each(|arrival| core.serve(arrival));
    acceptor.close(|stream, remote| core.settle(stream, remote)).await;
    tokio::select! {
        () = until(LOOK, || core.is_empty()) => return,
        _ = orders.phase.wait_for(|phase| *phase >= Phase::Cutting) => core.drain.cut(),
    }
    // Nobody is there to be told of an abandoned call.
    until(LOOK, || core.open.get() == 0).await;
}

/// A core's way out, where others stay: what runs comes to its end, as in life. For a while connections wait for one more
/// request, and streams without an end go on; then they are let go as when the daemon stops, and nothing is cut.
#[derive(Default)]
struct Leaving {
    begun: bool,
    /// What is left of that while.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Leaving {
    fn begin(&mut self, bound: Duration) {
        if !self.begun {
            (self.begun, self.patience) = (true, Some(Box::pin(sleep(bound))));
        }
    }

    /// Returns when it is over, once.
    async fn patience(&mut self) {
        match &mut self.patience {
            Some(patience) => patience.await,
            None => pending().await,
        }
        self.patience = None;
    }
}

async fn until(look: Duration, holds: impl Fn() -> bool) {
    let mut looks = interval(look);
    while !holds() {
        looks.tick().await;
    }
}

fn accepting(listeners: Listeners) -> Acceptor {
    listeners.accept().expect("they are sockets that listen")
}

/// What a core does several times a second, whatever else it has to do.
async fn beat(core: &Rc<Shared>, telemetry: &Telemetry) {
    let mut ticks = interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        telemetry.flush();
        core.seat.overdue().into_iter().for_each(|arrival| core.serve(arrival));
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
    front: Current,
    limits: Cell<client::Limits>,
    /// New connections speak HTTP/2 from their first byte on.
    http2: Cell<bool>,
    /// What connections go through before HTTP.
    welcome: RefCell<Arc<Welcome>>,
    lasting: Lasting,
    kept: Kept,
    /// Its place among the cores.
    seat: Seat,
    drain: Drain,
    scratch: Scratch,
    doorstep: Doorstep,
    /// Connections that were taken in and have not ended, those that were never polled among them.
    open: Cell<usize>,
    /// Sockets from which it still takes what had begun to connect when they moved.
    closing: Cell<usize>,
    /// Connections that were turned away since it was last told, and when that was.
    turned: Cell<usize>,
    told: Cell<Option<Instant>>,
}

/// One of the open connections, until it is dropped.
struct Open {
    core: Rc<Shared>,
    _counted: Counted,
}

impl Open {
    fn new(core: &Rc<Shared>, counted: Counted) -> Self {
        core.open.set(core.open.get() + 1);
        core.kept.telemetry.core().connection_opens();
        Self { core: Rc::clone(core), _counted: counted }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.core.open.set(self.core.open.get() - 1);
        self.core.kept.telemetry.core().connection_ends();
    }
}

impl Shared {
    /// Works by another generation from now on. Connections keep the bounds that they began with, requests all of it.
    fn switch(self: &Rc<Self>, switch: Switch, acceptor: Acceptor, leaving: &mut Leaving) -> Acceptor {
        let Switch { plan, hand, leaves, done } = switch;
        self.front.switch(plan.front(&self.kept));
        self.limits.set(plan.limits);
        self.http2.set(plan.http2);
        self.welcome.replace(Arc::clone(&plan.welcome));
        if leaves.is_none() && !matches!(hand, Hand::Same) {
            self.seat.join();
        }
        let acceptor = match hand {
            Hand::Same => acceptor,
            // Who lets go of a socket closes none.
            Hand::Dealt(listeners) => accepting(listeners),
            Hand::Moved(listeners) => {
                let core = Rc::clone(self);
                self.closing.set(self.closing.get() + 1);
                spawn_local(async move {
                    acceptor.close(|stream, remote| core.settle(stream, remote)).await;
                    core.closing.set(core.closing.get() - 1);
                });
                accepting(listeners)
            }
        };
        if let Some(bound) = leaves {
            self.seat.leave().into_iter().for_each(|arrival| self.serve(arrival));
            self.drain.leave();
            leaving.begin(bound);
        }
        // Whoever waited for it may have gone.
        let _ = done.send(());
        acceptor
    }

    /// Whether nothing runs any more, nor is about to.
    fn is_empty(&self) -> bool {
        self.open.get() + self.closing.get() + self.kept.client.abandoned.open() == 0
    }

    /// A connection was accepted: whoever has the fewest serves it.
    fn settle(self: &Rc<Self>, stream: Plain, remote: Remote) {
        match self.seat.settle(stream, remote) {
            Settled::Here(arrival) => self.serve(arrival),
            Settled::HandedOver => self.kept.telemetry.core().connection_handed_over(),
            Settled::Lost => {}
        }
    }

    fn serve(self: &Rc<Self>, Arrival { stream, remote, counted }: Arrival) {
        let local = match &stream {
            Plain::Tcp(stream) => match stream.local_addr() {
                Ok(local) => Some(local),
                Err(_) => return,
            },
            Plain::Unix(_) => None,
        };
        if self.lasting.pressure.refuses() {
            self.kept.telemetry.core().turned_away(TurnedAway::Memory);
            return self.turn_away(stream, remote, "memory is short: [http] refuse_memory");
        }
        let welcome = Arc::clone(&self.welcome.borrow());
        // Many clients come through one proxy.
        let address = remote.ip().filter(|_| !welcome.trusted.has(remote));
        let Some(permit) = self.lasting.admission.admit(address) else {
            self.kept.telemetry.core().turned_away(TurnedAway::Limit);
            return self.turn_away(stream, remote, "[http] connections or connections_per_address is reached");
        };
        let (open, peer) = (Open::new(self, counted), Peer::new(remote, local));
        if welcome.is_plain() {
            spawn_local(async move {
                open.core.speak(stream, peer).await;
                drop(permit);
            });
        } else {
            spawn_local(async move {
                // What is only needed to begin does not stay as long as the connection.
                if let Some(met) = Box::pin(open.core.meet(&welcome, stream, peer, permit)).await {
                    drop(welcome);
                    let (socket, peer, permit) = met;
                    open.core.speak(socket, peer).await;
                    drop(permit);
                }
            });
        }
    }

    async fn meet(
        &self,
        welcome: &Welcome,
        stream: Plain,
        peer: Peer,
        mut permit: Permit,
    ) -> Option<(Socket, Peer, Permit)> {
        let admits = |address| permit.is_of(address);
        let remote = peer.remote;
        let unwelcome = match welcome.meet(stream, peer, self.limits.get().head_timeout, &self.drain, admits).await {
            Ok((socket, peer)) => return Some((socket, peer, permit)),
            Err(unwelcome) => unwelcome,
        };
        let counted = match unwelcome {
            Unwelcome::Stranger | Unwelcome::Proxy(_) => Some(TurnedAway::Proxy),
            Unwelcome::Crowded => Some(TurnedAway::Limit),
            Unwelcome::Plain | Unwelcome::Tls(_) | Unwelcome::Slow => Some(TurnedAway::Tls),
            Unwelcome::Stopping => None,
        };
        counted.into_iter().for_each(|why| self.kept.telemetry.core().turned_away(why));
        tracing::debug!(peer = %remote, why = %unwelcome, "a connection came to nothing");
        // Somebody's configuration lacks an `s`; all else may be anybody's noise.
        if let Unwelcome::Plain = unwelcome {
            self.tell(remote, &unwelcome);
        }
        None
    }

    async fn speak(&self, socket: impl Into<Socket>, peer: Peer) {
        let (limits, socket) = (self.limits.get(), socket.into());
        if !socket.speaks_http2(self.http2.get()) {
            client::serve(socket, peer, &limits, &self.front, &self.drain, Rc::clone(&self.scratch)).await;
            return;
        }
        // The future of such a connection is large, and no other kind of connection should carry it.
        let served = Box::pin(client::serve_http2(socket, peer, &limits, &self.front, &self.drain));
        if let Some(unread) = served.await {
            unread.reset();
        }
    }

    /// Tells that a connection was turned away. A flood of connections is no flood of lines.
    fn tell(&self, remote: Remote, why: impl fmt::Display) {
        self.turned.set(self.turned.get() + 1);
        let now = clock::now();
        if self.told.get().is_none_or(|told| now - told >= TELL) {
            let connections = self.turned.replace(0);
            tracing::warn!(peer = %remote, connections, %why, "connections were turned away, this one the last");
            self.told.set(Some(now));
        }
    }

    fn turn_away(&self, stream: Plain, remote: Remote, why: &str) {
        self.tell(remote, why);
        // Who does not speak plain HTTP would not understand.
        if self.welcome.borrow().is_plain()
            && let Some(turned) = self.doorstep.turn_away(stream.into())
        {
            spawn_local(turned);
        }
    }
}
