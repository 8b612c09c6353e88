//! The keeper's own process: one thread, one loop.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::net::{SocketType, sockopt::socket_type};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, set_child_subreaper, setsid, wait,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::sleep;

use super::census;
use super::entry::{ENVIRONMENT, SHIM};
use super::exit::Exit;
use super::ledger::{Ledger, Seen};
use super::life;
use super::mark::Marks;
use super::socket;
use super::wire::{LENGTH, News, Order};
use crate::model::clock;

/// Deaths are told by a signal; this is for what cannot be killed, and tells nobody when it ends after all.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What would end a process, and does not end the keeper: it ends when the daemon does. They are caught and not ignored,
/// since a command would inherit that.
const CAUGHT: [SignalKind; 7] = [
    SignalKind::interrupt(),
    SignalKind::terminate(),
    SignalKind::hangup(),
    SignalKind::quit(),
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
    SignalKind::alarm(),
];

/// Keeps commands until standard input, a socket of the daemon's, ends. `None` where it is none.
pub(super) fn run(marks: Marks) -> Option<ExitCode> {
    let daemon = io::stdin().as_fd().try_clone_to_owned().ok()?;
    if socket_type(&daemon) != Ok(SocketType::SEQPACKET) {
        return None;
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let kept = runtime.and_then(|runtime| {
        runtime.block_on(async {
            // A terminal's Ctrl-C is for the daemon alone. It fails only for one who leads a group already.
            let _ = setsid();
            set_child_subreaper(Some(getpid()))?;
            Keep::new(daemon, marks)?.keep().await;
            Ok(())
        })
    });
    Some(kept.map_or_else(failed, |()| ExitCode::SUCCESS))
}

fn failed(error: io::Error) -> ExitCode {
    eprintln!("weir: the keeper of processes cannot work: {error}");
    ExitCode::FAILURE
}

struct Keep {
    /// Of packets: the type only lends its place in the runtime.
    daemon: UnixStream,
    ledger: Ledger,
    /// What the daemon has yet to hear: two a command at most.
    news: VecDeque<News>,
    deaths: Signals,
    _caught: Vec<Signals>,
}

impl Keep {
    fn new(daemon: OwnedFd, marks: Marks) -> io::Result<Self> {
        Ok(Self {
            daemon: UnixStream::from_std(Socket::from(daemon))?,
            ledger: Ledger::new(marks),
            news: VecDeque::new(),
            deaths: signal(SignalKind::child())?,
            _caught: CAUGHT.into_iter().map(signal).collect::<io::Result<_>>()?,
        })
    }

    async fn keep(mut self) {
        loop {
            let (ending, news) = (self.ledger.is_ending(), !self.news.is_empty());
            tokio::select! {
                order = receive(&self.daemon) => match order {
                    Ok(Some((order, file))) => self.obey(order, file),
                    // The daemon is gone, or says what no daemon says.
                    Ok(None) | Err(_) => break,
                },
                _ = self.deaths.recv() => {}
                _ = self.daemon.writable(), if news => {},
                () = sleep(LOOK_AGAIN), if ending => {}
            }
            self.reap();
            if self.ledger.is_ending() {
                self.sweep();
            }
            if tell(&self.daemon, &mut self.news).is_err() {
                break;
            }
        }
        self.end_all();
    }

    fn obey(&mut self, order: Order, file: Option<OwnedFd>) {
        match (order, file) {
            (Order::Start(number), Some(file)) => self.start(number, file),
            (Order::Start(number), None) => self.news.push_back(News::Failed(number, 0)),
            (Order::Signal(number, signal), _) => {
                let signal = match signal {
                    life::Signal::Term => Signal::TERM,
                    life::Signal::Kill => Signal::KILL,
                };
                self.ledger.leader(number).into_iter().for_each(|leader| kill_group(leader, signal));
            }
        }
    }

    fn start(&mut self, number: u32, file: OwnedFd) {
        let mut command = Command::new("/proc/self/exe");
        command.arg0(SHIM).args([SHIM, &getpid().to_string(), &self.ledger.mark(number).to_string()]);
        command.env_clear().env(ENVIRONMENT.0, ENVIRONMENT.1).process_group(0);
        command.stdin(file).stdout(Stdio::null()).stderr(Stdio::null());
        let news = match command.spawn() {
            Ok(shim) => {
                let pid = shim.id().cast_signed();
                let leader = Pid::from_raw(pid).expect("a child has a number");
                let born = census::facts(leader).map_or(0, |facts| facts.born);
                self.ledger.begin(number, leader, born);
                News::Started(number, pid)
            }
            Err(error) => News::Failed(number, error.raw_os_error().unwrap_or_default()),
        };
        self.news.push_back(news);
    }

    /// Takes leave of every child that has ended.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if self.ledger.end(pid, exit(status), clock::now()) {
                // The number of a group stays taken while there is a member; without one it is taken again much later.
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
    }

    /// Kills what no running command owns. What they had started comes to us in turn, and the next death brings us back.
    fn sweep(&mut self) {
        let seen: Vec<Seen> = census::children().into_iter().filter_map(look).collect();
        for pid in self.ledger.condemned(&seen) {
            // A child of ours that is not reaped keeps its number.
            let _ = kill_process(pid, Signal::KILL);
        }
        let over = self.ledger.over(&seen, clock::now());
        self.news.extend(over.into_iter().map(|(number, exit)| News::Ended(number, exit)));
    }

    /// Kills and reaps until there is nobody.
    fn end_all(&self) {
        self.ledger.leaders().for_each(|leader| kill_group(leader, Signal::KILL));
        loop {
            for child in census::children() {
                let _ = kill_process(child, Signal::KILL);
            }
            // Whoever comes to us now comes because one of those has ended.
            match wait(WaitOptions::empty()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

async fn receive(daemon: &UnixStream) -> io::Result<Option<(Order, Option<OwnedFd>)>> {
    let mut bytes = [0; LENGTH + 1];
    let (read, files) = daemon.async_io(Interest::READABLE, || socket::receive(daemon, &mut bytes)).await?;
    if read == 0 {
        return Ok(None);
    }
    let order = Order::decode(&bytes[..read]).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some((order, files.into_iter().next())))
}

/// Tells what can be told without waiting. An error means that the daemon is gone, which the loop has to be told: a socket
/// that can always be written to, if only in vain, would never let it look whether there is an end to be read.
fn tell(daemon: &UnixStream, news: &mut VecDeque<News>) -> io::Result<()> {
    while let Some(next) = news.front() {
        match daemon.try_io(Interest::WRITABLE, || socket::send(daemon, &next.encode(), &[])) {
            Ok(_) => drop(news.pop_front()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn look(pid: Pid) -> Option<Seen> {
    Some(Seen { pid, facts: census::facts(pid)?, mark: census::mark(pid) })
}

/// A command's group, and its first process, which may have changed its group.
fn kill_group(leader: Pid, signal: Signal) {
    let _ = kill_process_group(leader, signal);
    let _ = kill_process(leader, signal);
}

fn exit(status: WaitStatus) -> Exit {
    status.exit_status().map(Exit::Code).or(status.terminating_signal().map(Exit::Signal)).unwrap_or(Exit::Lost)
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, socketpair};

    use super::*;

    #[tokio::test]
    async fn news_wait_for_a_daemon_that_is_slow_and_not_for_one_that_is_gone() {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let ours = UnixStream::from_std(Socket::from(ours)).unwrap();
        let all: Vec<_> = (0..10_000).map(|number| News::Started(number, 1)).collect();
        let (mut news, mut heard) = (VecDeque::from(all.clone()), Vec::new());
        while heard.len() < all.len() {
            ours.writable().await.unwrap();
            tell(&ours, &mut news).unwrap();
            let mut bytes = [0; LENGTH];
            while socket::receive(&theirs, &mut bytes).is_ok() {
                heard.push(News::decode(&bytes).unwrap());
            }
        }
        assert_eq!(heard, all);
        drop(theirs);
        news.push_back(News::Failed(1, 1));
        assert!(tell(&ours, &mut news).is_err());
    }
}
