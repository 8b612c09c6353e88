//! The body of an answer that comes piece by piece, of either kind.

use crate::net::client::{End, Next, Source, Stop};

use super::pair::Stream;
use super::streaming::Streaming;

/// A streaming answer.
pub enum Outgoing {
    /// To one request. In a box: an answer of one piece is handed on more often, and would carry the room for this.
    One(Box<Streaming>),
    /// To all that one client of 2024-11-05 posts.
    Pair(Box<Stream>),
}

impl Source for Outgoing {
    async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        match self {
            Self::One(one) => one.next(out).await,
            Self::Pair(pair) => pair.next(out).await,
        }
    }

    fn keepalive(&self) -> Option<&'static [u8]> {
        match self {
            Self::One(one) => one.keepalive(),
            Self::Pair(pair) => pair.keepalive(),
        }
    }

    fn is_endless(&self) -> bool {
        match self {
            Self::One(one) => one.is_endless(),
            Self::Pair(pair) => pair.is_endless(),
        }
    }

    fn stop(&mut self, out: &mut Vec<u8>) -> Stop {
        match self {
            Self::One(one) => one.stop(out),
            Self::Pair(pair) => pair.stop(out),
        }
    }

    fn length(&self) -> Option<u64> {
        match self {
            Self::One(one) => one.length(),
            Self::Pair(pair) => pair.length(),
        }
    }

    fn finished(self, end: End) {
        match self {
            Self::One(one) => one.finished(end),
            Self::Pair(pair) => pair.finished(end),
        }
    }
}
