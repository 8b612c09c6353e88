//! Sockets of our own on TCP addresses.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::BACKLOG;

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

/// Binds a socket that does not listen yet; `shared`: others of ours may be bound to the same address.
pub(super) fn bind(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Listens on it.
pub(super) fn listening(socket: Socket) -> io::Result<StdListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
