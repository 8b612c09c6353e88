//! The socket under a connection, plain or TLS, and what can be learnt of it without waiting.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::net::tls;

/// A stream of bytes to and from a server.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    /// Reading it brings all records that have come, and an error behind them only at the next read.
    Tls(Box<tls::Stream<Socket>>),
}

/// A TCP socket that remembers whether anything was written to it, under whatever TLS buffers.
#[derive(Debug)]
pub(super) struct Socket {
    tcp: TcpStream,
    wrote: bool,
}

impl Stream {
    pub(super) fn plain(tcp: TcpStream) -> Self {
        Self::Plain(Socket::new(tcp))
    }

    pub(super) fn tls(session: tls::Stream<Socket>) -> Self {
        Self::Tls(Box::new(session))
    }

    /// The TLS session where the two sides have agreed on HTTP/2, else itself again.
    pub(super) fn into_http2(self) -> Result<Box<tls::Stream<Socket>>, Self> {
        match self {
            Self::Tls(session) if tls::speaks_http2(&session) => Ok(session),
            other => Err(other),
        }
    }

    /// Reads what there is, up to all of `space`; 0 at the end of the stream.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut space = ReadBuf::new(space);
        ready!(match self {
            Self::Plain(socket) => Pin::new(&mut socket.tcp).poll_read(cx, &mut space),
            Self::Tls(session) => Pin::new(session).poll_read(cx, &mut space),
        })?;
        Poll::Ready(Ok(space.filled().len()))
    }

    /// Writes of `first`, then of `second`, what is taken at once.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, first: &[u8], second: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => poll_write(Pin::new(socket), cx, first, second),
            Self::Tls(session) => poll_write(Pin::new(session), cx, first, second),
        }
    }

    /// Passes on what TLS has buffered.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(session) => Pin::new(session).poll_flush(cx),
        }
    }

    /// Whether a read would wait (asked without a wake-up): ready for bytes, failed or ended otherwise.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket().tcp.poll_read_ready(cx).map(|_| ())
    }

    /// When the server's certificate runs out, in seconds since 1970.
    pub(super) fn certificate_runs_out(&self) -> Option<i64> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(session) => tls::dates::runs_out(session),
        }
    }

    /// A new request begins: nothing of it has been written.
    pub(super) fn begin(&mut self) {
        self.socket_mut().wrote = false;
    }

    /// Whether any byte was given to the socket since [`Stream::begin`].
    pub(super) fn wrote(&self) -> bool {
        self.socket().wrote
    }

    /// Whether TLS holds bytes, or an end, that nobody has asked for. Always false for plain streams.
    pub(super) fn holds_more(&mut self) -> bool {
        let Self::Tls(session) = self else { return false };
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(session).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_ready()
    }

    /// Whether anything came on an idle stream: its end, an error, or bytes nobody asked for (over TLS that may be a
    /// late session ticket; a new connection costs less than telling them apart).
    ///
    /// Without `ask` it costs no system call while the runtime has seen no event; with it, the kernel is asked, so
    /// that what has arrived is seen even if the runtime has not looked yet.
    pub(super) fn is_stale(&self, ask: bool) -> bool {
        let tcp = &self.socket().tcp;
        let silent = |result: io::Result<usize>| result.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        if ask {
            return !silent(SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]));
        }
        !silent(tcp.try_read(&mut [0]))
    }

    fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => session.get_ref().0,
        }
    }

    fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => session.get_mut().0,
        }
    }
}

/// One write of both, without a vector where one of them is empty.
fn poll_write<W: AsyncWrite>(
    stream: Pin<&mut W>,
    cx: &mut Context<'_>,
    first: &[u8],
    second: &[u8],
) -> Poll<io::Result<usize>> {
    match (first.is_empty(), second.is_empty()) {
        (_, true) => stream.poll_write(cx, first),
        (true, false) => stream.poll_write(cx, second),
        (false, false) => stream.poll_write_vectored(cx, &[IoSlice::new(first), IoSlice::new(second)]),
    }
}

impl Socket {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, wrote: false }
    }

    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.wrote |= matches!(written, Poll::Ready(Ok(n)) if n > 0);
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, space)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
