//! Who is at the other end of a client's connection, as far as its address says.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where somebody is in the network: a noun, for those that do no I/O.
pub type Address = IpAddr;

/// A client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// The socket's own, or the one that a PROXY header gives.
    Tcp(SocketAddr),
    /// The one that a trusted proxy names in `X-Forwarded-For`, which has no port.
    Forwarded(IpAddr),
    /// A process of this machine, on a Unix socket.
    Unix,
}

impl Remote {
    /// The address without a port, where there is one; an IPv4 address is one however it is written.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Forwarded(address) => Some(address.to_canonical()),
            Self::Unix => None,
        }
    }
}

impl From<SocketAddr> for Remote {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Forwarded(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}
