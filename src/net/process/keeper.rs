//! The keeper as the daemon sees it: what starts commands.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as Pair;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::command_line::CommandLine;
use super::errors::SpawnError;
use super::life::{Life, Process};
use super::table::Table;
use super::{link, outcome, socket};

/// What starts commands and ends them. Clones are the same one; with the last of them, and the last process, the keeper
/// ends.
#[derive(Clone, Debug)]
pub struct Keeper {
    owner: Arc<Owner>,
}

#[derive(Debug)]
struct Owner {
    table: Arc<Table>,
    most: usize,
}

impl Keeper {
    /// A keeper for at most so many processes at a time; it is started when the first one is asked for. `executable` is
    /// a binary whose `main` begins with [`enter`](super::enter): `/proc/self/exe` for Weir itself, which stays right
    /// when the file is replaced. `control` is the runtime that starts and hears the keeper.
    pub fn new(executable: impl Into<PathBuf>, most: usize, control: &Handle) -> Self {
        let table = Arc::new(Table::default());
        control.spawn(link::run(executable.into(), Arc::clone(&table)));
        Self { owner: Arc::new(Owner { table, most }) }
    }

    /// How many processes there are, those included that are about to begin or to end.
    pub fn count(&self) -> usize {
        self.owner.table.count()
    }

    /// Starts a command; returns when it has begun. Dropping the future ends what was begun. The pipes are driven by the
    /// runtime that calls.
    ///
    /// # Errors
    /// Why it could not be started, in words for an operator.
    pub async fn spawn(&self, line: &CommandLine) -> Result<Process, SpawnError> {
        let request = line.encode()?;
        let (ours, theirs) = Pair::pair().map_err(SpawnError::Keeper)?;
        let (stdin, stdout, stderr) = (pipe()?, pipe()?, pipe()?);
        let stdin_end = Sender::from_owned_fd(stdin.1).map_err(SpawnError::Keeper)?;
        let stdout_end = Receiver::from_owned_fd(stdout.0).map_err(SpawnError::Keeper)?;
        let stderr_end = Receiver::from_owned_fd(stderr.0).map_err(SpawnError::Keeper)?;
        let started = self.owner.table.start(self.owner.most, theirs.into());
        let (ticket, mut state) = started.ok_or(SpawnError::TooMany(self.owner.most))?;
        let said = converse(ours, &request, [stdin.0, stdout.1, stderr.1]).await;
        // Every command has a fate: it runs, or it has failed or ended.
        let known = state.wait_for(|state| state.pid.is_some() || state.exit.is_some() || state.failed.is_some()).await;
        let state_now = *known.map_err(|_| SpawnError::Ended)?;
        if let Some(error) = state_now.failed {
            return Err(SpawnError::Keeper(io::Error::from_raw_os_error(error)));
        }
        if let Err(refused) = said.map_err(SpawnError::Keeper).and_then(|said| outcome::understand(&said, line)) {
            // It is over when the shim is: a command that never was takes no other's place.
            drop(ticket);
            let _ = state.wait_for(|state| state.exit.is_some()).await;
            return Err(refused);
        }
        let pid = state_now.pid.ok_or(SpawnError::Ended)?;
        Ok(Process {
            stdin: stdin_end,
            stdout: stdout_end,
            stderr: stderr_end,
            life: Life::new(pid.unsigned_abs(), state, ticket, self.clone()),
        })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.table.close();
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SpawnError> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|error| SpawnError::Keeper(error.into()))
}

/// Gives the shim its request and the pipes, and hears it out: the socket ends where the command begins, or fails to.
async fn converse(ours: Pair, request: &[u8], pipes: [OwnedFd; 3]) -> io::Result<Vec<u8>> {
    ours.set_nonblocking(true)?;
    let mut shim = UnixStream::from_std(ours)?;
    let message = Zeroizing::new([&(request.len() as u32).to_le_bytes(), request].concat());
    let mut said = Vec::new();
    let talk = async {
        let files = pipes.each_ref().map(AsFd::as_fd);
        let sent = shim.async_io(Interest::WRITABLE, || socket::send(&shim, &message, &files)).await?;
        drop(pipes);
        shim.write_all(&message[sent..]).await?;
        shim.read_to_end(&mut said).await
    };
    match talk.await {
        Ok(_) => Ok(said),
        // The shim, or the keeper with the socket in hand, has ended without reading; what that means is known elsewhere.
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(said),
        Err(error) => Err(error),
    }
}
