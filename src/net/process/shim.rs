//! A shim: it is started by the keeper, makes itself what the command shall find, and becomes the command.

use std::env;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit};
use rustix::thread::clear_ambient_capability_set;

use super::command_line::{CommandLine, ProcessLimits};
use super::find::find;
use super::mark;
use super::outcome::{self, READY, Step};
use super::socket;

/// How many files a command finds itself allowed, if the configuration does not say; it may raise that.
const FILES: u64 = 1024;

/// Does what the daemon asks over standard input. `None` where there is no daemon.
pub(super) fn run(keeper: Pid, mark: u64) -> Option<ExitCode> {
    let daemon = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    // It fires when the thread that started us ends; the keeper has one only. It stays through `exec`.
    set_parent_process_death_signal(Some(Signal::KILL)).ok()?;
    if getppid() != Some(keeper) {
        // The keeper died before the signal was set.
        return Some(ExitCode::FAILURE);
    }
    mark::bear(mark);
    let (line, pipes) = request(&daemon)?;
    // A command that acts for strangers has no use for what lets the daemon bind port 443.
    let _ = clear_ambient_capability_set();
    let (step, error) = become_command(&daemon, &line, pipes);
    // Nobody is left to be told if this fails.
    let _ = (&daemon).write_all(&outcome::encode(step, &error));
    Some(ExitCode::FAILURE)
}

/// The request: its length, itself, and with the first bytes the command's ends of its three pipes.
fn request(daemon: &UnixStream) -> Option<(CommandLine, [OwnedFd; 3])> {
    let mut bytes = Vec::new();
    let mut files = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some((length, request)) =
            bytes.split_first_chunk().map(|(length, rest)| (u32::from_le_bytes(*length), rest))
            && request.len() >= length as usize
        {
            return Some((CommandLine::decode(request)?, files.try_into().ok()?));
        }
        let (read, came) = match socket::receive(daemon, &mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            received => received.ok()?,
        };
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..read]);
        files.extend(came);
    }
}

/// Returns only if it fails.
fn become_command(mut daemon: &UnixStream, line: &CommandLine, pipes: [OwnedFd; 3]) -> (Step, io::Error) {
    if let Some(directory) = &line.directory
        && let Err(error) = env::set_current_dir(directory)
    {
        return (Step::Directory, error);
    }
    let program = match find(line, None) {
        Ok(program) => program,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Step::Find, error),
        Err(error) => return (Step::Run, error),
    };
    let [stdin, stdout, stderr] = pipes.map(Stdio::from);
    let mut command = Command::new(program);
    command.arg0(&line.program).args(&line.arguments).env_clear();
    command.envs(line.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    if let Err(error) = daemon.write_all(&[READY]) {
        return (Step::Run, error);
    }
    // Last, since they hold for us too.
    if let Err(failed) = limit(line.limits) {
        return failed;
    }
    // It clears the signal mask and lets SIGPIPE act; what else a command finds ignored, the keeper does not ignore.
    (Step::Run, command.exec())
}

fn limit(limits: ProcessLimits) -> Result<(), (Step, io::Error)> {
    let both = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    let set = |resource, limit, step| setrlimit(resource, limit).map_err(|error| (step, error.into()));
    let most = getrlimit(Resource::Nofile).maximum;
    let usual = Rlimit { current: Some(most.map_or(FILES, |most| most.min(FILES))), maximum: most };
    set(Resource::Nofile, limits.files.map_or(usual, both), Step::Files)?;
    limits.processes.map_or(Ok(()), |limit| set(Resource::Nproc, both(limit), Step::Processes))?;
    limits.memory.map_or(Ok(()), |limit| set(Resource::Data, both(limit), Step::Memory))
}
