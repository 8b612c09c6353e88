//! Operators' connections, within bounds: so many at once, each for so long. Their side must not be able to take what
//! the data path needs, and nothing here lasts longer than a question and its answer. Where there is no room the oldest
//! one goes, if it does not wait for us: nobody keeps a probe from asking by asking slowly.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::model::Remote;
use crate::net::listen::Acceptor;
use crate::net::socket::Plain;

/// Connections at once.
const MOST: usize = 64;
/// How long one is kept; probes that want more open another.
const LIFE: Duration = Duration::from_secs(30);

/// Accepts up to a bound.
pub(super) struct Bounded {
    acceptor: Acceptor,
    room: Arc<Semaphore>,
    /// The oldest first.
    seats: VecDeque<Seat>,
    life: Duration,
}

/// A connection, as long as it lives.
struct Seat {
    leave: oneshot::Sender<()>,
    kept: Arc<AtomicBool>,
}

impl Bounded {
    pub(super) fn new(acceptor: Acceptor) -> Self {
        Self::with(acceptor, MOST, LIFE)
    }

    pub(super) fn with(acceptor: Acceptor, most: usize, life: Duration) -> Self {
        Self { acceptor, room: Arc::new(Semaphore::new(most)), seats: VecDeque::new(), life }
    }

    /// A place among the connections, the oldest one's if need be.
    async fn place(&mut self) -> OwnedSemaphorePermit {
        self.seats.retain(|seat| !seat.leave.is_closed());
        if self.room.available_permits() == 0 {
            let idle = self.seats.iter().position(|seat| !seat.kept.load(Ordering::Relaxed));
            if let Some(seat) = idle.and_then(|at| self.seats.remove(at)) {
                // It may have ended by itself.
                let _ = seat.leave.send(());
            }
        }
        Arc::clone(&self.room).acquire_owned().await.expect("nobody closes the semaphore")
    }
}

impl Listener for Bounded {
    type Io = Passing;
    type Addr = Remote;

    async fn accept(&mut self) -> (Passing, Remote) {
        let (stream, remote) = self.acceptor.next().await;
        let place = self.place().await;
        let (leave, left) = oneshot::channel();
        let kept = Arc::<AtomicBool>::default();
        self.seats.push_back(Seat { leave, kept: Arc::clone(&kept) });
        let life = self.life;
        // Where the listener is replaced nobody is told to give way: what was asked is answered.
        let told = async {
            if left.await.is_err() {
                pending().await
            }
        };
        let over = Box::pin(async move { _ = timeout(life, told).await });
        (Passing { stream, over: Some(over), kept, _place: place }, remote)
    }

    /// Nobody asks: it may have several, or none.
    fn local_addr(&self) -> io::Result<Remote> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What a request is told of its connection.
#[derive(Clone, Debug)]
pub(super) struct Local {
    /// Where it came in.
    pub(super) came: Came,
    /// Who is at its other end.
    pub(super) remote: Remote,
    kept: Arc<AtomicBool>,
}

/// Where a connection came in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Came {
    /// At this address of ours.
    Tcp(SocketAddr),
    /// On the Unix socket, from this user where the system says it.
    Unix { user: Option<u32> },
}

impl Local {
    pub(super) fn new(came: Came, remote: Remote) -> Self {
        Self { came, remote, kept: Arc::default() }
    }

    /// Keeps the connection from giving way, until what is returned is dropped: it waits for us.
    pub(super) fn keep(&self) -> Kept {
        self.kept.store(true, Ordering::Relaxed);
        Kept(Arc::clone(&self.kept))
    }
}

/// As long as it is there its connection gives way to none.
pub(super) struct Kept(Arc<AtomicBool>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Bounded>> for Local {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        let passing = stream.io();
        let came = match &passing.stream {
            // Of a connection that is gone nobody reads the answer: it is not from here, then.
            Plain::Tcp(stream) => Came::Tcp(stream.local_addr().unwrap_or(NOWHERE)),
            Plain::Unix(stream) => Came::Unix { user: stream.peer_cred().ok().map(|user| user.uid()) },
        };
        Self { kept: Arc::clone(&passing.kept), ..Self::new(came, *stream.remote_addr()) }
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// A connection that ends by itself.
pub(super) struct Passing {
    stream: Plain,
    /// Ends at the end of its life, or when it is to give way; none after that.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    kept: Arc<AtomicBool>,
    _place: OwnedSemaphorePermit,
}

impl Passing {
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.over.as_mut().is_some_and(|over| over.as_mut().poll(cx).is_ready()) {
            self.over = None;
        }
        self.over.is_none()
    }
}

impl AsyncRead for Passing {
    /// At the end of its life nothing more comes; an answer that is being made is still written.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Passing {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Pending if self.is_over(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            polled => polled,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
