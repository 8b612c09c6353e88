//! Why a connection is refused, and how much of it was sound.

use std::{error::Error, fmt};

/// A connection that must be closed: answer `status` with an empty body, hand nothing more on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// 400, or 431 for a head or trailers that are too large.
    pub status: u16,
    /// For the log; never sent to the client.
    pub why: &'static str,
    /// So many of the bytes inspected last may be handed on: they end before the refused head, chunk
    /// line or trailers.
    pub good: usize,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.why)
    }
}

impl Error for Refused {}

/// A refusal before it is known how many bytes came before it.
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

    /// The refusal, after so many sound bytes.
    pub(super) fn after(self, good: usize) -> Refused {
        Refused { status: self.status, why: self.why, good }
    }
}
