//! Listening sockets: our own, one a core on the same address (`SO_REUSEPORT`), or ones that all cores share: a Unix
//! socket, and what was handed over. And an accept loop that survives an empty table of file descriptors.

mod bound;
mod sockets;
mod tcp;
mod unix;

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::model::Remote;
use crate::net::socket::Plain;

use bound::Accepting;
use unix::SocketFile;

pub use bound::{At, Bound};
pub use sockets::{Dealt, Sockets};
pub use tcp::{bind_alone, bind_shared, could_bind};

/// Connections that the kernel may keep for us before they are accepted; it cuts this to `somaxconn`.
const BACKLOG: i32 = 4096;
/// How long accept rests when there is no file descriptor left: long enough not to spin, short enough not to be seen.
const OUT_OF_FILES: Duration = Duration::from_millis(50);
/// How long connections that have begun may still come through to a socket that closes: a round trip around the world.
const LAST: Duration = Duration::from_millis(300);

/// Whether a Unix socket could be bound to `path` now; nothing is changed.
///
/// # Errors
/// Somebody listens there, or something else is there.
pub fn could_bind_unix(path: &Path) -> io::Result<()> {
    unix::has_room(path)
}

/// The listening sockets of one core. Dropping them closes none for which another has a hand on it.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<Bound>,
    owner: Owner,
}

/// Whose sockets they are.
#[derive(Clone, Debug)]
enum Owner {
    /// Ours; what waits in them is lost with them.
    Us,
    /// Ours, in the file system.
    File(Arc<SocketFile>),
    /// Theirs who handed them over, with the connections that wait in them.
    Others,
}

impl Listeners {
    /// None at all: a core that has none yet, or takes no more.
    pub fn none() -> Self {
        Self { sockets: Vec::new(), owner: Owner::Others }
    }

    /// Each of them.
    pub fn sockets(&self) -> impl Iterator<Item = &Bound> {
        self.sockets.iter()
    }

    /// Begins to accept, on the runtime of this core.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn accept(self) -> io::Result<Acceptor> {
        let sockets: io::Result<_> = self.sockets.into_iter().map(Bound::accept).collect();
        Ok(Acceptor { sockets: sockets?, owner: self.owner, first: 0 })
    }
}

/// Accepts on all sockets of a core. Dropped it lets go of them, as [`Listeners`] do.
#[derive(Debug)]
pub struct Acceptor {
    sockets: Vec<Accepting>,
    owner: Owner,
    /// Which socket is asked first, so that none has to wait for another.
    first: usize,
}

impl Acceptor {
    /// The next connection. Dropping the future loses none.
    pub async fn next(&mut self) -> (Plain, Remote) {
        accept_by(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Plain, Remote)>> {
        let count = self.sockets.len();
        for turn in 0..count {
            let at = (self.first + turn) % count;
            if let Poll::Ready(accepted) = self.sockets[at].poll(cx) {
                self.first = at + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }

    /// Stops accepting. What waits in a handed-over socket stays there for the next process. What has connected to our
    /// own, or is about to, would be reset with them: so nobody new is let in, and who has begun is handed to `serve`
    /// for as long as one may still be on the way.
    pub async fn close(mut self, mut serve: impl FnMut(Plain, Remote)) {
        match &self.owner {
            Owner::Others => return,
            Owner::File(file) => file.remove(),
            Owner::Us => {}
        }
        self.sockets.iter().for_each(Accepting::shun);
        let mut over = pin!(sleep(LAST));
        loop {
            tokio::select! {
                (stream, remote) = self.next() => serve(stream, remote),
                () = &mut over => break,
            }
        }
        for socket in &self.sockets {
            while let Some((stream, remote)) = socket.accepted_already() {
                serve(stream, remote);
            }
        }
    }
}

/// Accepts the next connection. Errors of one connection are passed over; without file descriptors it waits and
/// tries again, so that it never spins.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let (stream, remote) = accept_by(|cx| listener.poll_accept(cx)).await;
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    (stream, remote)
}

async fn accept_by<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>) -> T {
    let mut told = false;
    loop {
        match poll_fn(&mut poll).await {
            Ok(accepted) => return accepted,
            Err(error) if is_exhausted(&error) => {
                if !told {
                    tracing::warn!(%error, "cannot accept: no file descriptor or memory left; raise LimitNOFILE");
                }
                told = true;
                sleep(OUT_OF_FILES).await;
            }
            Err(error) => tracing::debug!(%error, "a connection was gone before it was accepted"),
        }
    }
}

/// The next connection that the kernel has accepted already; `None` when there is none. It asks the kernel, not the
/// runtime, which may not have been told yet.
pub fn accepted_already(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    let (socket, peer) = SockRef::from(listener).accept().ok()?;
    socket.set_nonblocking(true).ok()?;
    let _ = socket.set_tcp_nodelay(true);
    Some((TcpStream::from_std(socket.into()).ok()?, peer.as_socket()?))
}

fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let codes = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    codes.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()))
}
