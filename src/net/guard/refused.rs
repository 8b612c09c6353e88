//! Why a connection is refused.

use std::{error::Error, fmt};

/// A connection that must be closed: answer `status` with an empty body, read nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// 400, or 431 for a head or trailers that are too large.
    pub status: u16,
    /// For the log; never sent to the client.
    pub why: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.why)
    }
}

impl Error for Refused {}

/// The same, as the rules say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    status: u16,
    why: &'static str,
}

impl Fault {
    /// 400: not plain HTTP/1.1.
    pub(super) const fn bad(why: &'static str) -> Self {
        Self { status: 400, why }
    }

    /// 431: over a bound of a head (RFC 6585, 5).
    pub(super) const fn large(why: &'static str) -> Self {
        Self { status: 431, why }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { status: fault.status, why: fault.why }
    }
}
