//! A client's connection, whatever carries it: TCP, a Unix socket, TLS over either.
//!
//! An enum, not a trait object: the plain way costs a compare, and a TLS session is boxed, so that a plain connection
//! does not carry its size.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::TcpStream as StdTcp;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream as StdUnix;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::net::tls::server::{HTTP2, Session};

/// What the kernel gives us.
#[derive(Debug)]
pub enum Plain {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

/// The same without a runtime: another thread may have it.
#[derive(Debug)]
pub enum Detached {
    /// TCP.
    Tcp(StdTcp),
    /// A Unix socket.
    Unix(StdUnix),
}

/// What HTTP is spoken over.
#[derive(Debug)]
pub enum Socket {
    /// The kernel's, as it is.
    Plain(Plain),
    /// TLS over it.
    Tls(Box<Session>),
}

/// Calls the same method of whatever kind it is.
macro_rules! each {
    ($this:expr, $($kind:path)|+, $inner:ident => $call:expr) => {
        match $this {
            $($kind($inner) => $call,)+
        }
    };
}

impl Plain {
    /// Looks at the first bytes that have come, and leaves them there; 0 is the end.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn peek(&self, bytes: &mut [u8]) -> io::Result<usize> {
        each!(self, Plain::Tcp | Plain::Unix, stream => loop {
            stream.readable().await?;
            match stream.try_io(Interest::READABLE, || peek(stream.as_fd(), bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                looked => return looked,
            }
        })
    }

    /// Takes it from its runtime. Nothing of it has been read.
    ///
    /// # Errors
    /// What the operating system says; the connection is gone then.
    pub fn detach(self) -> io::Result<Detached> {
        match self {
            Plain::Tcp(stream) => stream.into_std().map(Detached::Tcp),
            Plain::Unix(stream) => stream.into_std().map(Detached::Unix),
        }
    }

    fn reset(self) {
        match self {
            // Where that is refused the kernel has forgotten the connection already.
            Plain::Tcp(stream) => _ = stream.set_zero_linger(),
            // A Unix socket knows no reset of its own; what was written is there to be read.
            Plain::Unix(stream) => drop(stream),
        }
    }
}

impl Detached {
    /// Gives it to the runtime of this thread.
    ///
    /// # Errors
    /// What the operating system says; the connection is gone then.
    pub fn attach(self) -> io::Result<Plain> {
        match self {
            Detached::Tcp(stream) => TcpStream::from_std(stream).map(Plain::Tcp),
            Detached::Unix(stream) => UnixStream::from_std(stream).map(Plain::Unix),
        }
    }
}

impl AsFd for Plain {
    fn as_fd(&self) -> BorrowedFd<'_> {
        each!(self, Plain::Tcp | Plain::Unix, stream => stream.as_fd())
    }
}

fn peek(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<usize> {
    let (length, _) = recv(socket, bytes, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(length)
}

impl Socket {
    /// Whether HTTP/2 is spoken: over TLS where both have said so (ALPN), else where that is known without (`plainly`).
    pub fn speaks_http2(&self, plainly: bool) -> bool {
        match self {
            Socket::Plain(_) => plainly,
            Socket::Tls(session) => session.get_ref().1.alpn_protocol() == Some(HTTP2),
        }
    }

    /// Whether the kernel holds nothing for us. The runtime does not know that yet of a connection that was accepted
    /// this moment. Of TLS it is what has not been decrypted; the rest has been handed on.
    pub(in crate::net) fn is_quiet(&self) -> bool {
        matches!(peek(self.plain().as_fd(), &mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// How many bytes the kernel has taken of what TLS makes of ours. Plain bytes are taken by the write itself, and
    /// are not counted.
    pub(in crate::net) fn taken(&self) -> u64 {
        match self {
            Socket::Plain(_) => 0,
            Socket::Tls(session) => session.get_ref().0.taken,
        }
    }

    /// Ends it so that nothing of what was said looks complete.
    pub fn reset(self) {
        match self {
            Socket::Plain(plain) => plain.reset(),
            Socket::Tls(session) => session.into_inner().0.into_inner().reset(),
        }
    }

    /// Closes it: TLS says so (`close_notify`), as far as the kernel takes it at once.
    pub(in crate::net) async fn close(mut self) {
        if let Socket::Tls(session) = &mut self {
            // Whether that went well or not, it is over.
            poll_fn(|cx| Poll::Ready(_ = Pin::new(&mut *session).poll_shutdown(cx))).await;
        }
    }

    fn plain(&self) -> &Plain {
        match self {
            Socket::Plain(plain) => plain,
            Socket::Tls(session) => &session.get_ref().0.plain,
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(Plain::Tcp(stream))
    }
}

impl From<Plain> for Socket {
    fn from(plain: Plain) -> Self {
        Self::Plain(plain)
    }
}

/// A socket under TLS, and how much of it the kernel has taken: a session buffers, so that only here shows whether a
/// client reads.
#[derive(Debug)]
pub struct Metered {
    plain: Plain,
    taken: u64,
}

impl Metered {
    /// Nothing has been taken yet.
    pub(in crate::net) fn new(plain: Plain) -> Self {
        Self { plain, taken: 0 }
    }

    /// What is under TLS.
    pub(in crate::net) fn into_inner(self) -> Plain {
        self.plain
    }

    fn note(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = polled {
            self.taken += written as u64;
        }
        polled
    }
}

macro_rules! streams {
    ($type:ty, $($kind:path)|+) => {
        impl AsyncRead for $type {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                each!(self.get_mut(), $($kind)|+, stream => Pin::new(stream).poll_read(cx, out))
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                each!(self.get_mut(), $($kind)|+, stream => Pin::new(stream).poll_write(cx, bytes))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                each!(self.get_mut(), $($kind)|+, stream => Pin::new(stream).poll_write_vectored(cx, pieces))
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self.get_mut(), $($kind)|+, stream => Pin::new(stream).poll_flush(cx))
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self.get_mut(), $($kind)|+, stream => Pin::new(stream).poll_shutdown(cx))
            }
        }
    };
}

streams!(Plain, Plain::Tcp | Plain::Unix);
streams!(Socket, Socket::Plain | Socket::Tls);

impl AsyncRead for Metered {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().plain).poll_read(cx, out)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.plain).poll_write(cx, bytes);
        this.note(polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.plain).poll_write_vectored(cx, pieces);
        this.note(polled)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().plain).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().plain).poll_shutdown(cx)
    }
}
