//! The thread that drives all commands.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{self, Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval};

use crate::net::process::Keeper;

use super::ask::{Ask, Numbers};
use super::count::Count;
use super::exchange::Left;
use super::fleet::{Fleet, Shared};
use super::handle::Handle;
use super::spec::Spec;

/// Requests that wait to be looked at; who asks waits for room.
const ASKS: usize = 1024;
/// Requests that are taken at once.
const AT_ONCE: usize = 64;
/// How often time is looked at.
const TICK: Duration = Duration::from_millis(250);
/// Processes of all servers together; what each server may have is in its configuration.
const MOST_PROCESSES: usize = 20_000;
/// How long processes are given to end when all of them are.
const STOPPING: Duration = Duration::from_secs(6);

/// The commands of all servers.
#[derive(Debug)]
pub struct Commands {
    orders: mpsc::UnboundedSender<Order>,
}

enum Order {
    Serve(Box<Served>),
    Stop(oneshot::Sender<()>),
}

struct Served {
    spec: Arc<Spec>,
    count: Arc<Count>,
    asks: mpsc::Receiver<Ask>,
    lefts: mpsc::UnboundedReceiver<Left>,
    session: u64,
}

impl Commands {
    /// Starts the thread. The `executable` is the keeper's: see [`Keeper::new`].
    ///
    /// # Errors
    /// What the operating system says.
    #[expect(clippy::disallowed_methods, reason = "a server of the configuration is an order, and so is the end")]
    pub fn start(executable: PathBuf) -> io::Result<Self> {
        let (orders, taken) = mpsc::unbounded_channel();
        // The runtime is made on its own thread, for it stays there.
        let (made, making) = std::sync::mpsc::sync_channel(1);
        thread::Builder::new().name("weir-commands".to_owned()).spawn(move || {
            match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => {
                    let _ = made.send(Ok(()));
                    runtime.block_on(async {
                        run(taken, Keeper::new(executable, MOST_PROCESSES, &runtime::Handle::current())).await
                    });
                }
                Err(error) => drop(made.send(Err(error))),
            }
        })?;
        making.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended")))?;
        Ok(Self { orders })
    }

    /// Serves a server from now on, until the last of its handles is dropped. Its processes then end once nobody has a
    /// call or a session on them.
    #[expect(clippy::disallowed_methods, reason = "an exchange is left once, and exchanges are bounded by connections")]
    pub fn serve(&self, spec: Spec) -> Handle {
        let (asks, asked) = mpsc::channel(ASKS);
        let (lefts, left) = mpsc::unbounded_channel();
        let count = Arc::<Count>::default();
        let (per, session) = (spec.per, RandomState::new().hash_one(&spec.name));
        let served = Served { spec: Arc::new(spec), count: Arc::clone(&count), asks: asked, lefts: left, session };
        // Without a thread every question is answered by its channel being closed.
        let _ = self.orders.send(Order::Serve(Box::new(served)));
        Handle { asks, lefts, per, fingerprint: session, count }
    }

    /// Ends all processes: their input is closed, then they are sent TERM, then KILL. Returns when they are gone.
    pub async fn stop(&self) {
        let (stopped, stopping) = oneshot::channel();
        if self.orders.send(Order::Stop(stopped)).is_ok() {
            let _ = tokio::time::timeout(STOPPING, stopping).await;
        }
    }
}

async fn run(mut orders: mpsc::UnboundedReceiver<Order>, keeper: Keeper) {
    let numbers = Rc::new(Numbers::of_nobody());
    let scratch = Rc::new(RefCell::new(vec![0; 64 * 1024].into_boxed_slice()));
    let fleets = Rc::new(RefCell::new(Vec::<Shared>::new()));
    spawn_local(tick(Rc::clone(&fleets)));
    while let Some(order) = orders.recv().await {
        match order {
            Order::Serve(served) => {
                let Served { spec, count, asks, lefts, session } = *served;
                let fleet = Fleet::new(spec, count, Rc::clone(&numbers), session, keeper.clone(), Rc::clone(&scratch));
                let fleet = Rc::new(RefCell::new(fleet));
                fleets.borrow_mut().push(Rc::clone(&fleet));
                Fleet::tick(&fleet);
                spawn_local(serve(fleet, asks, lefts));
            }
            Order::Stop(stopped) => {
                let all = fleets.borrow().clone();
                all.iter().for_each(|fleet| fleet.borrow_mut().stop());
                let mut looks = interval(Duration::from_millis(10));
                while all.iter().any(|fleet| fleet.borrow().len() > 0) {
                    looks.tick().await;
                }
                let _ = stopped.send(());
                return;
            }
        }
    }
}

/// Takes the requests to one server, for as long as there is a handle to it.
async fn serve(fleet: Shared, mut asks: mpsc::Receiver<Ask>, mut lefts: mpsc::UnboundedReceiver<Left>) {
    let mut taken = Vec::with_capacity(AT_ONCE);
    loop {
        tokio::select! {
            count = asks.recv_many(&mut taken, AT_ONCE) => {
                if count == 0 {
                    break;
                }
                taken.drain(..).for_each(|ask| Fleet::take(&fleet, ask));
            }
            Some(left) = lefts.recv() => fleet.borrow_mut().left(left),
        }
    }
    fleet.borrow_mut().retire();
    // Those who still hold an exchange may still leave it.
    while let Some(left) = lefts.recv().await {
        fleet.borrow_mut().left(left);
    }
}

async fn tick(fleets: Rc<RefCell<Vec<Shared>>>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let all = fleets.borrow().clone();
        all.iter().for_each(Fleet::tick);
        fleets.borrow_mut().retain(|fleet| !fleet.borrow().is_gone());
    }
}
