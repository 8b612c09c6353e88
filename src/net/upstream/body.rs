//! The body of an answer, by its framing.

use std::ops::Range;

use super::chunked::Chunked;
use super::failure::Failure;
use super::framing::Framing;

/// What of a buffer was payload, and how much of it was read at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) payload: Range<usize>,
    pub(super) used: usize,
}

/// A reader of a body that takes its bytes in any portions.
#[derive(Debug)]
pub(super) enum Body {
    /// Still to come; 0: it has ended.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    /// It was until closed, and the server closed.
    Closed,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunked::new()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Whether its end has been read.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_done(),
            Self::UntilClose => false,
            Self::Closed => true,
        }
    }

    /// What is still to come, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Closed => Some(0),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// Reads on; the payload lies in `bytes` in one piece afterwards.
    pub(super) fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, Failure> {
        match self {
            Self::Length(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                Ok(Decoded { payload: 0..taken, used: taken })
            }
            Self::Chunked(chunked) => chunked.decode(bytes),
            Self::UntilClose => Ok(Decoded { payload: 0..bytes.len(), used: bytes.len() }),
            Self::Closed => Ok(Decoded { payload: 0..0, used: 0 }),
        }
    }

    /// The server has closed; false if that cut the body short.
    pub(super) fn close(&mut self) -> bool {
        if matches!(self, Self::UntilClose) {
            *self = Self::Closed;
        }
        self.is_done()
    }
}
