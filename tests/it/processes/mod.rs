//! Commands and their keeper: what a command finds, how it ends, and that nothing of it is left, whoever is killed.

mod leftovers;
mod starting;

use std::{io, path::Path};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Handle;
use weir::net::process::{CommandLine, Keeper, Process};

use crate::support::{until, within};

/// A keeper on the runtime of the test, for as many processes as any test needs.
fn keeper() -> Keeper {
    Keeper::new(env!("CARGO_BIN_EXE_weir"), 64, &Handle::current())
}

fn command(program: &str, arguments: &[&str]) -> CommandLine {
    CommandLine {
        program: program.into(),
        arguments: arguments.iter().map(|&argument| argument.into()).collect(),
        environment: vec![("PATH".into(), "/usr/bin:/bin".to_owned().into())],
        ..CommandLine::default()
    }
}

fn sh(script: &str) -> CommandLine {
    command("sh", &["-c", script])
}

async fn start(keeper: &Keeper, line: &CommandLine) -> Process {
    within("a start", keeper.spawn(line)).await.unwrap()
}

/// All that is written.
async fn all(from: &mut Receiver) -> String {
    let mut text = String::new();
    within("the end of a pipe", from.read_to_string(&mut text)).await.unwrap();
    text
}

/// So many lines, each a process id.
async fn pids(from: &mut Receiver, count: usize) -> Vec<u32> {
    let mut lines = BufReader::with_capacity(1, from).lines();
    let mut pids = Vec::new();
    while pids.len() < count {
        let line: io::Result<_> = within("a line with a process id", lines.next_line()).await;
        pids.push(line.unwrap().expect("not the end").parse().unwrap());
    }
    pids
}

/// Whether there is no such process, not even a zombie.
fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

async fn gone(pids: &[u32]) {
    until(&format!("the end of {pids:?}"), async || pids.iter().all(|pid| is_gone(*pid))).await;
}

/// The field of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned()
}

/// The keeper, as the parent of a command.
fn parent(process: &Process) -> u32 {
    status(process.life.pid(), "PPid:").parse().unwrap()
}
