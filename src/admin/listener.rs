//! Operators' connections, within bounds: so many at once, each for so long. Their side must not be able to take what
//! the data path needs, and nothing here lasts longer than a question and its answer.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use crate::net::listen;

/// Connections at once.
const MOST: usize = 64;
/// How long one is kept; probes that want more open another.
const LIFE: Duration = Duration::from_secs(30);

/// Accepts up to a bound.
pub(super) struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
    life: Duration,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self::with(listener, MOST, LIFE)
    }

    pub(super) fn with(listener: TcpListener, most: usize, life: Duration) -> Self {
        Self { listener, room: Arc::new(Semaphore::new(most)), life }
    }
}

impl Listener for Bounded {
    type Io = Passing;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Passing, SocketAddr) {
        let place = Arc::clone(&self.room).acquire_owned().await.expect("nobody closes the semaphore");
        let (stream, peer) = listen::accept(&self.listener).await;
        (Passing { stream, over: Box::pin(sleep(self.life)), _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The address that a connection came in on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local(pub(super) Option<SocketAddr>);

impl Connected<IncomingStream<'_, Bounded>> for Local {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(stream.io().stream.local_addr().ok())
    }
}

/// A connection that ends by itself.
pub(super) struct Passing {
    stream: TcpStream,
    over: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Passing {
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.over.as_mut().poll(cx).is_ready()
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
