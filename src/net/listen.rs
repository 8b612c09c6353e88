//! Listening sockets: one a core on the same address (`SO_REUSEPORT`), and an accept loop that survives an empty
//! table of file descriptors.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the kernel may keep for us before they are accepted; it cuts this to `somaxconn`.
const BACKLOG: i32 = 4096;
/// How long accept rests when there is no file descriptor left: long enough not to spin, short enough not to be seen.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// Binds `count` sockets to one address, one for each core; the kernel spreads connections over them by their hash.
/// With port 0 the first one chooses the port. An address that another process listens on is refused, even where that
/// process would share it: half of the connections would be answered by it.
///
/// # Errors
/// What the operating system says, for the first socket that cannot be had.
pub fn bind_shared(address: SocketAddr, count: usize) -> io::Result<Vec<StdListener>> {
    drop(bind(address, false)?);
    let first = listening(bind(address, true)?)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(listening(bind(address, true)?)?);
    }
    Ok(sockets)
}

/// Binds one socket that nobody else shares.
///
/// # Errors
/// What the operating system says.
pub fn bind_alone(address: SocketAddr) -> io::Result<StdListener> {
    listening(bind(address, false)?)
}

/// Whether an address could be bound alone now. Nobody can connect meanwhile: it is bound, not listened on.
///
/// # Errors
/// What the operating system says.
pub fn could_bind(address: SocketAddr) -> io::Result<()> {
    bind(address, false).map(drop)
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listening(socket: Socket) -> io::Result<StdListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The listening sockets of one core.
#[derive(Debug)]
pub struct Listeners {
    all: Vec<TcpListener>,
    /// The one that is asked first next time, so that none waits behind another.
    turn: Cell<usize>,
    /// Whoever handed them over keeps them open: what waits in their queues is for the next process.
    handed: bool,
}

impl Listeners {
    /// Takes sockets into this thread's runtime; `handed` says that others keep them open.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(sockets: Vec<StdListener>, handed: bool) -> io::Result<Self> {
        let all = sockets.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
        Ok(Self { all, turn: Cell::new(0), handed })
    }

    /// Accepts the next connection of any of them, as [`accept`] does.
    pub async fn accept(&self) -> (TcpStream, SocketAddr) {
        accepted(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        for _ in 0..self.all.len() {
            let turn = self.turn.get();
            self.turn.set((turn + 1) % self.all.len());
            if let Poll::Ready(accepted) = self.all[turn].poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }

    /// Ends listening, and gives what would be lost with the sockets: connections that the kernel has accepted for us.
    pub fn close(self) -> Vec<(TcpStream, SocketAddr)> {
        let lost = self.all.iter().filter(|_| !self.handed);
        lost.flat_map(|listener| std::iter::from_fn(|| accepted_already(listener))).collect()
    }
}

/// Accepts the next connection. Errors of one connection are passed over; without file descriptors it waits and
/// tries again, so that it never spins.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    accepted(|cx| listener.poll_accept(cx)).await
}

async fn accepted(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>>,
) -> (TcpStream, SocketAddr) {
    let mut told = false;
    loop {
        match poll_fn(&mut poll).await {
            Ok((stream, peer)) => {
                // Answers are written whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) if is_exhausted(&error) => {
                if !told {
                    tracing::warn!(%error, "cannot accept: no file descriptor or memory left; raise LimitNOFILE");
                }
                told = true;
                tokio::time::sleep(OUT_OF_FILES).await;
            }
            Err(error) => tracing::debug!(%error, "a connection was gone before it was accepted"),
        }
    }
}

/// The next connection that the kernel has accepted already; `None` when there is none. It asks the kernel, not the
/// runtime, which may not have been told yet.
pub(super) fn accepted_already(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
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

#[cfg(test)]
mod tests {
    use std::net::TcpStream as StdStream;

    use super::*;

    const ANY: &str = "127.0.0.1:0";

    #[test]
    fn cores_share_one_address_that_nobody_else_gets() {
        let sockets = bind_shared(ANY.parse().unwrap(), 3).unwrap();
        let address = sockets[0].local_addr().unwrap();
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == address));
        for taken in [bind_shared(address, 1).map(drop), bind_alone(address).map(drop), could_bind(address)] {
            assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
        drop(sockets);
        could_bind(address).expect("it is free again");
        bind_shared(address, 2).expect("it is free again");
    }

    #[tokio::test]
    async fn the_backlog_is_emptied_to_its_last_connection() {
        let mut sockets = bind_shared(ANY.parse().unwrap(), 1).unwrap();
        let listener = TcpListener::from_std(sockets.remove(0)).unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..5).map(|_| StdStream::connect(address).unwrap()).collect();
        // The runtime has not looked at this listener yet.
        let mut taken = Vec::new();
        while let Some((_, peer)) = accepted_already(&listener) {
            taken.push(peer);
        }
        assert_eq!(taken, clients.iter().map(|client| client.local_addr().unwrap()).collect::<Vec<_>>());
    }

    #[test]
    fn only_want_of_room_lets_accept_rest() {
        for code in [23, 24, 105, 12] {
            assert!(is_exhausted(&io::Error::from_raw_os_error(code)), "{code}");
        }
        for code in [103, 104, 4] {
            assert!(!is_exhausted(&io::Error::from_raw_os_error(code)), "{code}");
        }
    }
}
