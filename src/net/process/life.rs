//! A command that runs, for the daemon: three pipes, and its life.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::watch;
use tokio::time::timeout;

use super::exit::Exit;
use super::keeper::Keeper;
use super::table::{State, Ticket};

/// A command that runs. Dropping it, or its life, kills it with all that it started.
#[derive(Debug)]
pub struct Process {
    /// Its standard input; dropping it is the end of it.
    pub stdin: Sender,
    /// Its standard output.
    pub stdout: Receiver,
    /// Its standard error; [`log_stderr`](super::log_stderr) reads it.
    pub stderr: Receiver,
    /// Whether it runs.
    pub life: Life,
}

/// What a command may be sent; its whole group gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Please end.
    Term,
    /// End.
    Kill,
}

/// Whether a command runs. Dropping it kills the command with all that it started.
#[derive(Debug)]
pub struct Life {
    pid: u32,
    state: watch::Receiver<State>,
    ticket: Ticket,
    // The keeper stays as long as it has something to keep.
    _keeper: Keeper,
}

impl Process {
    /// A clean end: see [`Life::end`]. Standard input is closed first; what is still written is read and thrown away, so
    /// that nothing hangs in a pipe.
    pub async fn end(self, grace: Duration) -> Exit {
        let Self { stdin, stdout, stderr, life } = self;
        drop(stdin);
        let never = async {
            tokio::join!(drain(stdout), drain(stderr));
            std::future::pending().await
        };
        tokio::select! {
            exit = life.end(grace) => exit,
            exit = never => exit,
        }
    }
}

impl Life {
    pub(super) fn new(pid: u32, state: watch::Receiver<State>, ticket: Ticket, keeper: Keeper) -> Self {
        Self { pid, state, ticket, _keeper: keeper }
    }

    /// The number of its first process, which is that of its group.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it has ended and nothing of it is left. Cancelling the wait changes nothing; asked again, it answers
    /// the same. (What the kernel cannot end, a process in a dead file system, is waited for a few seconds only.)
    pub async fn exited(&mut self) -> Exit {
        match self.state.wait_for(|state| state.exit.is_some()).await {
            Ok(state) => state.exit.unwrap_or(Exit::Lost),
            // The runtime of the control side is gone.
            Err(_) => Exit::Lost,
        }
    }

    /// Sends a signal, if it still runs.
    pub fn signal(&self, signal: Signal) {
        self.ticket.signal(signal);
    }

    /// Waits so long for it to end by itself, which it does when its standard input ends; then asks it, waits again,
    /// and kills it.
    pub async fn end(mut self, grace: Duration) -> Exit {
        for signal in [Signal::Term, Signal::Kill] {
            if let Ok(exit) = timeout(grace, self.exited()).await {
                return exit;
            }
            self.signal(signal);
        }
        self.exited().await
    }
}

async fn drain(mut from: impl AsyncRead + Unpin) {
    let mut buffer = [0; 4096];
    while from.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}
