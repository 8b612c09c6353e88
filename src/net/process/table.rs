//! What the daemon knows of its commands, and what it wants of the keeper.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Pid;
use tokio::sync::{Notify, watch};

use super::exit::Exit;
use super::life::Signal;
use super::wire::{News, Order};

/// What has become of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) pid: Option<i32>,
    pub(super) exit: Option<Exit>,
    /// It could not even be tried: the error's number.
    pub(super) failed: Option<i32>,
}

/// Shared by the handles and the link to the keeper. Held for a few instructions, on the control side only.
#[derive(Debug, Default)]
pub(super) struct Table {
    inner: Mutex<Inner>,
    /// There is something to be sent, or nobody is left who would send.
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    last: u32,
    commands: HashMap<u32, watch::Sender<State>>,
    /// At most three a command: start, one of each signal.
    orders: VecDeque<(Order, Option<OwnedFd>)>,
    closed: bool,
}

impl Table {
    /// A new command, to be started with this socket; `None` where there are `most` already.
    pub(super) fn start(self: &Arc<Self>, most: usize, socket: OwnedFd) -> Option<(Ticket, watch::Receiver<State>)> {
        let mut inner = self.lock();
        if inner.commands.len() >= most {
            return None;
        }
        inner.last = inner.last.wrapping_add(1);
        let number = inner.last;
        let (sender, receiver) = watch::channel(State::default());
        inner.commands.insert(number, sender);
        inner.orders.push_back((Order::Start(number), Some(socket)));
        self.news.notify_one();
        Some((Ticket { number, table: Arc::clone(self) }, receiver))
    }

    /// What is to be sent next.
    pub(super) fn order(&self) -> Option<(Order, Option<OwnedFd>)> {
        self.lock().orders.pop_front()
    }

    pub(super) fn has_orders(&self) -> bool {
        !self.lock().orders.is_empty()
    }

    /// What the keeper says.
    pub(super) fn hear(&self, news: News) {
        let mut inner = self.lock();
        let (number, over) = match news {
            News::Started(number, _) => (number, false),
            News::Failed(number, _) | News::Ended(number, _) => (number, true),
        };
        let Some(command) = inner.commands.get(&number) else { return };
        command.send_modify(|state| match news {
            News::Started(_, pid) => state.pid = Some(pid),
            News::Failed(_, error) => state.failed = Some(error),
            News::Ended(_, exit) => state.exit = Some(exit),
        });
        if over {
            inner.forget(number);
        }
    }

    /// The keeper is gone, or could not be started: nothing runs any more. Gives the groups that there were.
    pub(super) fn lose(&self, failed: Option<i32>) -> Vec<Pid> {
        let mut inner = self.lock();
        inner.orders.clear();
        let groups = inner.commands.drain().filter_map(|(_, command)| {
            command.send_modify(|state| (state.failed, state.exit) = (failed, Some(Exit::Lost)));
            let state = *command.borrow();
            Pid::from_raw(state.pid?)
        });
        groups.collect()
    }

    /// Nobody is left who could start anything.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn count(&self) -> usize {
        self.lock().commands.len()
    }

    fn signal(&self, number: u32, signal: Signal) {
        let mut inner = self.lock();
        let order = Order::Signal(number, signal);
        if inner.commands.contains_key(&number) && inner.orders.iter().all(|(known, _)| *known != order) {
            inner.orders.push_back((order, None));
            self.news.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here is ever half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, number: u32) {
        self.commands.remove(&number);
        self.orders.retain(|(order, _)| !matches!(order, Order::Signal(known, _) if *known == number));
    }
}

/// The right to a command. Dropping it kills the command.
#[derive(Debug)]
pub(super) struct Ticket {
    number: u32,
    table: Arc<Table>,
}

impl Ticket {
    pub(super) fn signal(&self, signal: Signal) {
        self.table.signal(self.number, signal);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.signal(Signal::Kill);
    }
}
