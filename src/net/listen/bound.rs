//! A socket that listens, of either kind, before and after a runtime has it.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcp};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener as StdUnix;
use std::path::PathBuf;
use std::task::{Context, Poll, ready};

use socket2::{SockFilter, SockRef, Type};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::model::Remote;
use crate::net::socket::Plain;

/// Where clients reach us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// At an address and a port.
    Tcp(SocketAddr),
    /// At a socket in the file system.
    Unix(PathBuf),
}

impl At {
    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub enum Bound {
    /// On TCP.
    Tcp(StdTcp),
    /// In the file system.
    Unix(StdUnix),
}

impl Bound {
    /// Where clients reach it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn at(&self) -> io::Result<At> {
        match self {
            Self::Tcp(socket) => socket.local_addr().map(At::Tcp),
            Self::Unix(socket) => {
                socket.local_addr().map(|address| At::Unix(address.as_pathname().map_or_else(PathBuf::new, Into::into)))
            }
        }
    }

    /// Another hand on the same socket.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(socket) => socket.try_clone().map(Self::Tcp),
            Self::Unix(socket) => socket.try_clone().map(Self::Unix),
        }
    }

    /// Why clients cannot connect to it; `None` where they can.
    pub fn unfit(&self) -> Option<&'static str> {
        let socket = SockRef::from(self);
        match (socket.r#type(), socket.is_listener()) {
            (Ok(Type::STREAM), Ok(true)) => None,
            (Ok(Type::STREAM), _) => Some("it does not listen"),
            _ => Some("it is no socket of TCP, nor a Unix one for streams"),
        }
    }

    pub(super) fn accept(self) -> io::Result<Accepting> {
        SockRef::from(&self).set_nonblocking(true)?;
        match self {
            Self::Tcp(socket) => TcpListener::from_std(socket).map(Accepting::Tcp),
            Self::Unix(socket) => UnixListener::from_std(socket).map(Accepting::Unix),
        }
    }
}

impl AsFd for Bound {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

/// A listening socket on the runtime of a core.
#[derive(Debug)]
pub(super) enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accepting {
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Plain, Remote)>> {
        Poll::Ready(match self {
            Self::Tcp(socket) => {
                let (stream, remote) = ready!(socket.poll_accept(cx))?;
                // Answers are written whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                Ok((Plain::Tcp(stream), Remote::Tcp(remote)))
            }
            Self::Unix(socket) => {
                let (stream, _) = ready!(socket.poll_accept(cx))?;
                Ok((Plain::Unix(stream), Remote::Unix))
            }
        })
    }

    /// The next connection that the kernel has accepted already; `None` when there is none. It asks the kernel, not the
    /// runtime, which may not have been told yet.
    pub(super) fn accepted_already(&self) -> Option<(Plain, Remote)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, remote) = super::accepted_already(socket)?;
                Some((Plain::Tcp(stream), Remote::Tcp(remote)))
            }
            Self::Unix(socket) => {
                let (stream, _) = SockRef::from(socket).accept().ok()?;
                stream.set_nonblocking(true).ok()?;
                Some((Plain::Unix(UnixStream::from_std(stream.into()).ok()?), Remote::Unix))
            }
        }
    }

    /// Lets nobody begin to connect any more, while whoever has begun comes through. Who tries is not refused: the
    /// kernel tries again in a second, and finds out then whether anybody listens.
    ///
    /// A classic filter sees the head of each segment that is meant for a listener, and drops a SYN alone.
    pub(super) fn shun(&self) {
        const FLAGS_AT: u32 = 13;
        const SYN: u32 = 0x02;
        const SYN_AND_ACK: u32 = 0x12;
        const NOTHING_NEW: [SockFilter; 5] = [
            // The byte of the flags, of them these two, and whether they are a SYN alone.
            SockFilter::new(0x30, 0, 0, FLAGS_AT),
            SockFilter::new(0x54, 0, 0, SYN_AND_ACK),
            SockFilter::new(0x15, 0, 1, SYN),
            // Nothing of it passes; else all of it.
            SockFilter::new(0x06, 0, 0, 0),
            SockFilter::new(0x06, 0, 0, u32::MAX),
        ];
        if let Self::Tcp(socket) = self
            && let Err(error) = SockRef::from(socket).attach_filter(&NOTHING_NEW)
        {
            tracing::debug!(%error, "a socket that closes cannot be kept from new connections");
        }
    }
}
