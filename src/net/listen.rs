//! Listening sockets: our own, one a core on the same address (`SO_REUSEPORT`), or handed-over ones, dealt to the cores;
//! and an accept loop that survives an empty table of file descriptors.

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

/// Why a handed-over socket is none that clients can connect to; `None` where it is one.
pub fn unfit(socket: &StdListener) -> Option<&'static str> {
    let socket = SockRef::from(socket);
    match (
        socket.r#type(),
        socket.local_addr().map(|address| address.is_ipv4() || address.is_ipv6()),
        socket.is_listener(),
    ) {
        (Ok(Type::STREAM), Ok(true), Ok(true)) => None,
        (Ok(Type::STREAM), Ok(true), _) => Some("it does not listen"),
        _ => Some("it is no TCP socket"),
    }
}

/// The listening sockets of one core.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<StdListener>,
    handed_over: bool,
}

impl Listeners {
    /// Sockets of our own, one for each of `cores`; see [`bind_shared`].
    ///
    /// # Errors
    /// What the operating system says, for the first socket that cannot be had.
    pub fn bind(address: SocketAddr, cores: usize) -> io::Result<Vec<Self>> {
        let own = |socket| Self { sockets: vec![socket], handed_over: false };
        Ok(bind_shared(address, cores)?.into_iter().map(own).collect())
    }

    /// Handed-over sockets for `cores`, in turn: each core gets at least one, each socket at least one core. Whoever
    /// handed them over keeps them, with the connections that wait in them.
    ///
    /// # Errors
    /// What the operating system says where a socket cannot be duplicated, or be made one that does not block.
    pub fn deal(sockets: &[StdListener], cores: usize) -> io::Result<Vec<Self>> {
        let mut dealt: Vec<_> = (0..cores).map(|_| Self { sockets: Vec::new(), handed_over: true }).collect();
        for socket in sockets {
            socket.set_nonblocking(true)?;
        }
        for turn in 0..sockets.len().max(cores) {
            dealt[turn % cores].sockets.push(sockets[turn % sockets.len()].try_clone()?);
        }
        Ok(dealt)
    }

    /// Each of them.
    pub fn sockets(&self) -> impl Iterator<Item = &StdListener> {
        self.sockets.iter()
    }

    /// Where clients reach them.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(StdListener::local_addr).collect()
    }

    /// Begins to accept, on the runtime of this core.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn accept(self) -> io::Result<Acceptor> {
        let sockets: io::Result<_> = self.sockets.into_iter().map(TcpListener::from_std).collect();
        Ok(Acceptor { sockets: sockets?, handed_over: self.handed_over, first: 0 })
    }
}

/// Accepts on all sockets of a core.
#[derive(Debug)]
pub struct Acceptor {
    sockets: Vec<TcpListener>,
    handed_over: bool,
    /// Which socket is asked first, so that none has to wait for another.
    first: usize,
}

impl Acceptor {
    /// The next connection. Dropping the future loses none.
    pub async fn next(&mut self) -> (TcpStream, SocketAddr) {
        accept_by(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let count = self.sockets.len();
        for turn in 0..count {
            let at = (self.first + turn) % count;
            if let Poll::Ready(accepted) = self.sockets[at].poll_accept(cx) {
                self.first = at + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }

    /// Stops accepting. What the kernel has accepted for our own sockets already would be reset with them, so it comes
    /// out here. What waits in a handed-over socket stays there for the next process.
    pub fn close(self) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
        let own = if self.handed_over { Vec::new() } else { self.sockets };
        own.into_iter().flat_map(|socket| std::iter::from_fn(move || accepted_already(&socket)))
    }
}

/// Accepts the next connection. Errors of one connection are passed over; without file descriptors it waits and
/// tries again, so that it never spins.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    accept_by(|cx| listener.poll_accept(cx)).await
}

async fn accept_by(
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

    /// A listener that was bound by somebody else.
    fn theirs() -> StdListener {
        StdListener::bind(ANY).unwrap()
    }

    #[test]
    fn handed_over_sockets_are_dealt_in_turn() {
        let of = |sockets: &[StdListener], cores| -> Vec<Vec<usize>> {
            let place = |address| sockets.iter().position(|socket| socket.local_addr().unwrap() == address).unwrap();
            let dealt = Listeners::deal(sockets, cores).unwrap();
            dealt.iter().map(|core| core.addresses().unwrap().into_iter().map(place).collect()).collect()
        };
        let sockets: Vec<_> = (0..5).map(|_| theirs()).collect();
        assert_eq!(of(&sockets[..1], 3), [[0], [0], [0]]);
        assert_eq!(of(&sockets[..2], 3), [[0], [1], [0]]);
        assert_eq!(of(&sockets[..3], 3), [[0], [1], [2]]);
        assert_eq!(of(&sockets, 2), [vec![0, 2, 4], vec![1, 3]]);
    }

    #[tokio::test]
    async fn no_socket_of_a_core_waits_for_another() {
        let sockets = [theirs(), theirs()];
        let mut acceptor = Listeners::deal(&sockets, 1).unwrap().remove(0).accept().unwrap();
        let (busy, quiet) = (sockets[0].local_addr().unwrap(), sockets[1].local_addr().unwrap());
        let _clients: Vec<_> = [busy; 8].iter().chain(&[quiet]).map(|at| StdStream::connect(at).unwrap()).collect();
        let mut came = Vec::new();
        for _ in 0..3 {
            came.push(acceptor.next().await.0.local_addr().unwrap());
        }
        assert!(came.contains(&quiet), "{came:?}");
    }

    #[tokio::test]
    async fn what_waits_is_taken_from_our_own_sockets_alone() {
        let connect = |address| StdStream::connect(address).unwrap();
        let own = Listeners::bind(ANY.parse().unwrap(), 1).unwrap().remove(0).accept().unwrap();
        let _waiting = [0; 3].map(|_| connect(own.sockets[0].local_addr().unwrap()));
        assert_eq!(own.close().count(), 3);
        let handed = theirs();
        let waiting = connect(handed.local_addr().unwrap());
        assert_eq!(
            Listeners::deal(&[handed.try_clone().unwrap()], 1).unwrap().remove(0).accept().unwrap().close().count(),
            0
        );
        // The next process gets it.
        let mut next = Listeners::deal(&[handed], 1).unwrap().remove(0).accept().unwrap();
        assert_eq!(next.next().await.1, waiting.local_addr().unwrap());
    }

    #[test]
    fn what_nobody_can_connect_to_is_unfit() {
        assert_eq!(unfit(&theirs()), None);
        let bound = bind(ANY.parse().unwrap(), false).unwrap();
        assert_eq!(unfit(&bound.into()), Some("it does not listen"));
        let datagrams = std::net::UdpSocket::bind(ANY).unwrap();
        assert_eq!(unfit(&std::os::fd::OwnedFd::from(datagrams).into()), Some("it is no TCP socket"));
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
