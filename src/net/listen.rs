//! Listening sockets: one a core on the same address (`SO_REUSEPORT`), and an accept loop that survives an empty
//! table of file descriptors.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the kernel may keep for us before they are accepted; it cuts this to `somaxconn`.
const BACKLOG: i32 = 4096;
/// How long accept rests when there is no file descriptor left: long enough not to spin, short enough not to be seen.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// Binds `count` sockets to one address, one for each core; the kernel spreads connections over them by their hash.
/// With port 0 the first one chooses the port.
///
/// # Errors
/// What the operating system says, for the first socket that cannot be had.
pub fn bind_shared(address: SocketAddr, count: usize) -> io::Result<Vec<StdListener>> {
    let first = bind(address, true)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(bind(address, true)?);
    }
    Ok(sockets)
}

/// Binds one socket that nobody else shares.
///
/// # Errors
/// What the operating system says.
pub fn bind_alone(address: SocketAddr) -> io::Result<StdListener> {
    bind(address, false)
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts the next connection. Errors of one connection are passed over; without file descriptors it waits and
/// tries again, so that it never spins.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) if is_exhausted(&error) => {
                tracing::warn!(%error, "cannot accept: no file descriptor or memory left; raise LimitNOFILE");
                tokio::time::sleep(OUT_OF_FILES).await;
            }
            Err(error) => tracing::debug!(%error, "a connection was gone before it was accepted"),
        }
    }
}

/// The next connection that the kernel has accepted already; `None` when there is none.
pub async fn accepted_already(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await {
        Poll::Ready(accepted) => accepted.ok(),
        Poll::Pending => None,
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let codes = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    codes.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()))
}
