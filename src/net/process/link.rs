//! The daemon's end of the link to the keeper: starts it at the first need, passes orders and news, and cleans up
//! behind one that was killed.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process_group, pidfd_open, pidfd_send_signal, waitpid,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::entry::{ENVIRONMENT, KEEPER};
use super::mark::Marks;
use super::table::Table;
use super::wire::{LENGTH, News};
use super::{census, socket};

/// Between two looks for what a killed keeper left.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// After so many of them what is left cannot be ended: the kernel holds it.
const LOOKS: usize = 250;

/// Has a keeper whenever one is needed. Ends with the last handle.
pub(super) async fn run(executable: PathBuf, table: Arc<Table>) {
    while !table.is_closed() {
        if !table.has_orders() {
            table.news.notified().await;
            continue;
        }
        match Link::open(&executable) {
            Ok(link) => link.serve(&table).await,
            Err(error) => {
                tracing::error!(%error, executable = %executable.display(), "the keeper of processes cannot be started");
                table.lose(Some(error.raw_os_error().unwrap_or_default()));
            }
        }
    }
}

/// One keeper.
struct Link {
    /// Of packets: the type only lends its place in the runtime.
    socket: UnixStream,
    keeper: Child,
    marks: Marks,
}

impl Link {
    fn open(executable: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let socket = UnixStream::from_std(Socket::from(ours))?;
        let marks = Marks::new();
        let mut command = Command::new(executable);
        command.arg0(KEEPER).arg(KEEPER).arg(marks.to_text()).env_clear().env(ENVIRONMENT.0, ENVIRONMENT.1);
        let keeper = command.stdin(theirs).stdout(Stdio::null()).spawn()?;
        tracing::debug!(pid = keeper.id(), "the keeper of processes is started");
        Ok(Self { socket, keeper, marks })
    }

    /// Until the keeper or the last handle is gone.
    async fn serve(mut self, table: &Table) {
        let ended = loop {
            if let Err(error) = self.send(table).await {
                break Err(error);
            }
            tokio::select! {
                news = self.receive() => match news {
                    Ok(Some(news)) => table.hear(news),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                },
                () = table.news.notified() => {}
            }
            if table.is_closed() {
                break Ok(());
            }
        };
        if !table.is_closed() {
            let groups = table.lose(None);
            let why = ended.err().map(|error| error.to_string());
            tracing::error!(commands = groups.len(), why, "the keeper of processes was lost; what it kept is killed");
            // It may only have lost its senses.
            let _ = self.keeper.kill();
            for group in groups {
                let _ = kill_process_group(group, Signal::KILL);
            }
            clear_up(self.marks).await;
        }
        // The end of the socket tells a keeper that runs to end everything, and itself. It shall be no zombie.
        let Self { socket, mut keeper, .. } = self;
        drop(socket);
        let _ = spawn_blocking(move || keeper.wait()).await;
    }

    async fn receive(&self) -> io::Result<Option<News>> {
        let mut bytes = [0; LENGTH + 1];
        let (read, _) = self.socket.async_io(Interest::READABLE, || socket::receive(&self.socket, &mut bytes)).await?;
        if read == 0 {
            return Ok(None);
        }
        News::decode(&bytes[..read]).map(Some).ok_or_else(|| io::Error::other("it says what no keeper says"))
    }

    /// Sends all that is to be sent.
    async fn send(&self, table: &Table) -> io::Result<()> {
        while let Some((order, file)) = table.order() {
            let files: Vec<_> = file.iter().map(AsFd::as_fd).collect();
            let bytes = order.encode();
            self.socket.async_io(Interest::WRITABLE, || socket::send(&self.socket, &bytes, &files)).await?;
        }
        Ok(())
    }
}

/// Kills what bears the marks of a keeper that was killed: what is in no group any more has another parent now, perhaps
/// this process.
async fn clear_up(marks: Marks) {
    for _ in 0..LOOKS {
        match spawn_blocking(move || kill_marked(marks)).await {
            Ok(0) | Err(_) => return,
            Ok(_) => sleep(LOOK_AGAIN).await,
        }
    }
    tracing::error!("processes of commands are left that cannot be killed; `ps` shows them in state D");
}

/// Kills whoever bears one of the marks, and reaps those who are ours; gives how many still ran.
fn kill_marked(marks: Marks) -> usize {
    let marked = |pid: Pid| census::mark(pid).is_some_and(|mark| marks.number(mark).is_some());
    let mut alive = 0;
    for pid in census::everyone() {
        // The number may be another's by now, the descriptor cannot: it comes first.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        let Some(facts) = census::facts(pid).filter(|_| marked(pid)) else { continue };
        if !facts.dead {
            alive += usize::from(pidfd_send_signal(&process, Signal::KILL).is_ok());
        } else if facts.parent == Some(getpid()) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
    alive
}
