//! The task of one process: it starts it, carries lines in and out, and ends it.
//!
//! What came in one read is handed on together, and what is to be written leaves in one write.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::net::process::{self, Exit, Life, log_stderr};
use crate::protocol::stdio::{Line, Lines};

use super::exchange::Queue;
use super::fleet::{Fleet, Shared};
use super::pair;
use super::process::{How, Process};
use super::spec::Means;

/// How long a process may take to end once its input is closed, and again once it is sent TERM.
const GRACE: Duration = Duration::from_secs(2);
/// How long its last lines on standard error are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Bytes that may wait for a client where others share the process.
pub(super) const MOST_BEHIND: usize = 16 * 1024 * 1024;

/// Runs a process to its end, or what stands for one.
pub(super) async fn drive(fleet: Shared, process: Rc<Process>) {
    let (keeper, spec) = {
        let fleet = fleet.borrow();
        (fleet.keeper.clone(), Arc::clone(&fleet.spec))
    };
    let line = match &spec.means {
        Means::Command(line) => line,
        Means::Pair(pair) => return pair::drive(fleet, process, pair.clone()).await,
    };
    let child = match keeper.spawn(line).await {
        Ok(child) => child,
        Err(error) => return Fleet::ended(&fleet, &process, &How::NotStarted(error.to_string())),
    };
    let process::Process { stdin, stdout, stderr, mut life } = child;
    let pid = life.pid();
    process.started(pid);
    tracing::debug!(server = spec.name, pid, "a command was started");
    let name = spec.name.clone();
    let told = spawn_local(async move { log_stderr(&name, stderr).await });
    let lines = Lines::new(spec.line_limit);
    let pump =
        Pump { fleet: &fleet, process: &process, stdin: &stdin, stdout: &stdout, lines, out: Vec::new(), written: 0 };
    let over = pump.run(&mut life).await;
    drop(stdin);
    let exit = tokio::select! {
        exit = life.end(GRACE) => exit,
        never = discard(&stdout) => never,
    };
    // What it said last is in its pipe already: there is nobody left to write more.
    let _ = timeout(LAST_WORDS, told).await;
    let how = match over {
        Over::Told(why) => How::Ended(why.to_owned()),
        Over::Closed => How::Broke(exit.to_string()),
        Over::Failed(error) => How::Broke(format!("{error}; {exit}")),
    };
    Fleet::ended(&fleet, &process, &how);
}

/// Reads away what a process says that is to end, so that it does not wait for a reader.
async fn discard(stdout: &Receiver) -> Exit {
    let mut buffer = [0; 4096];
    while stdout.readable().await.is_ok() {
        match stdout.try_read(&mut buffer) {
            Ok(0) => break,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
            _ => {}
        }
    }
    std::future::pending().await
}

/// Why nothing is carried any more.
enum Over {
    Told(&'static str),
    /// The process closed its output, or ended.
    Closed,
    Failed(io::Error),
}

struct Pump<'a> {
    fleet: &'a Shared,
    process: &'a Rc<Process>,
    stdin: &'a Sender,
    stdout: &'a Receiver,
    lines: Lines,
    /// What is being written, and how much of it has been.
    out: Vec<u8>,
    written: usize,
}

impl Pump<'_> {
    async fn run(mut self, life: &mut Life) -> Over {
        loop {
            self.fetch();
            let is_written = self.written == self.out.len();
            if let Some(why) = self.process.ending().filter(|_| is_written) {
                return Over::Told(why);
            }
            let choked = self.choked();
            let step = tokio::select! {
                () = self.process.changed() => Ok(true),
                ready = self.stdin.writable(), if !is_written => ready.and_then(|()| self.write()),
                ready = self.stdout.readable(), if choked.is_none() => ready.and_then(|()| self.read()),
                () = room(choked.as_deref()), if choked.is_some() => Ok(true),
                exit = life.exited() => {
                    tracing::debug!(pid = self.process.pid(), %exit, "a command has ended");
                    // What it said last is still there.
                    while let Ok(true) = self.read() {}
                    return Over::Closed;
                }
            };
            match step {
                Ok(true) => {}
                Ok(false) => return Over::Closed,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Over::Failed(error),
            }
        }
    }

    /// Takes what is to be written, once all that was taken before has been.
    fn fetch(&mut self) {
        if self.written < self.out.len() {
            return;
        }
        self.out.clear();
        self.written = 0;
        // The buffers change places, so that neither is made anew.
        std::mem::swap(&mut self.out, &mut self.process.traffic.borrow_mut().out);
    }

    fn write(&mut self) -> io::Result<bool> {
        self.written += self.stdin.try_write(&self.out[self.written..])?;
        Ok(true)
    }

    /// Reads once and hands on the lines. False at the end of what the process has to say.
    fn read(&mut self) -> io::Result<bool> {
        let scratch = Rc::clone(&self.fleet.borrow().scratch);
        let mut scratch = scratch.borrow_mut();
        let read = self.stdout.try_read(&mut scratch)?;
        let fleet = &mut *self.fleet.borrow_mut();
        self.lines.push(&scratch[..read], |line| match line {
            Line::Whole(line) => fleet.hear(self.process, line),
            Line::TooLong => fleet.overlong(self.process),
        });
        self.process.traffic.borrow_mut().cut_slow(MOST_BEHIND);
        Ok(read > 0)
    }

    fn choked(&self) -> Option<Arc<Queue>> {
        self.fleet.borrow().choked(self.process)
    }
}

/// Returns once there may be room in a queue.
pub(super) async fn room(queue: Option<&Queue>) {
    if let Some(queue) = queue {
        queue.drained.notified().await;
    }
}
