//! A client's connection: HTTP/1.1 here, HTTP/2 in [`http2`].
//!
//! ```text
//! Socket -> Reader (net::guard) -> Handler -> Reply::Whole  -> head and body in one write
//!              `-> RequestBody ---^       `-> Reply::Stream -> a loop of ours, piece by piece
//! ```
//!
//! A [`Socket`](crate::net::socket::Socket) is TCP, a Unix socket, or TLS over either; the handshake is over by then
//! (`net::welcome`).
//!
//! One request after the other: it is read, its handler works, its answer is written. A connection is one task, and what
//! is polled here reads and writes the socket itself. Every core has one buffer, which a connection uses in its turn: one
//! that waits holds none, and neither does a stream that is silent.

mod body;
mod canned;
mod clocks;
mod date;
mod head;
mod http2;
mod serve;
mod shared;
mod stream;
mod whole;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, response};
use http_body_util::Full;

use crate::model::{Certificate, Remote, Visitor, clock};
use crate::net::drain::Drain;
use crate::net::guard::HeadLimits;

pub use body::{BodyBroken, Fate, RequestBody};
pub use canned::Doorstep;
pub(in crate::net) use canned::{awaits_tls, dismiss};
pub use http2::serve_http2;
pub use serve::serve;
pub use shared::{Scratch, scratch};

/// The bounds of one connection; see `[http]` in the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes and fields of a request's head.
    pub head: HeadLimits,
    /// From a head's first byte to its last.
    pub head_timeout: Duration,
    /// Least bytes a second of a body, once it has been waited for as long as `body_grace`.
    pub body_rate: u64,
    /// How long a body may be waited for before its rate is asked for.
    pub body_grace: Duration,
    /// How long a write may make no progress.
    pub write_stall: Duration,
    /// How long a connection is kept without a request.
    pub idle: Duration,
    /// Silence on an event stream until a comment is sent.
    pub keepalive: Duration,
    /// Most requests at once (HTTP/2).
    pub streams: usize,
    /// Most bytes of heads and bodies of requests that one connection has in memory, if it is more than one request
    /// (HTTP/2).
    pub memory: usize,
}

/// What answers requests; one for all connections of a core.
pub trait Handler {
    /// An answer that comes piece by piece.
    type Stream: Source;

    /// Answers one request. The future is dropped when the client leaves, and when the body breaks while it is read.
    /// An answer that is given before the body has been read to its end is the connection's last.
    /// It is polled again when stopping goes on; `drain` says how far that has come.
    fn handle(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
        drain: &Drain,
    ) -> impl Future<Output = Reply<Self::Stream>>;

    /// A request was turned away of which no handler has seen anything. One that a handler has in its hands is dropped
    /// instead, and its [`Fate`] says why.
    fn turned_away(&self, peer: &Peer, turned: TurnedAway);
}

/// What was said to a client below MCP, with an empty body, before its connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// The status.
    pub status: u16,
    /// Why, in words that hold nothing of the client's.
    pub why: &'static str,
}

/// The two ends of a client's connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who connected.
    pub remote: Remote,
    /// The address that they reached us at; a Unix socket has none.
    pub local: Option<SocketAddr>,
    /// The certificate that they have shown.
    pub certificate: Option<Arc<Certificate>>,
}

impl Peer {
    /// Of a connection that shows no certificate, or has not yet.
    pub fn new(remote: Remote, local: Option<SocketAddr>) -> Self {
        Self { remote, local, certificate: None }
    }

    /// Whether the certificate ends the connection after the next answer, which is else kept without a request for `idle`.
    fn is_ending(&self, idle: Duration) -> bool {
        let certificate = self.certificate.as_ref();
        certificate.is_some_and(|certificate| certificate.is_ending(clock::unix_seconds(), idle.as_secs()))
    }

    /// Who connected, and what they have shown.
    pub fn visitor(&self) -> Visitor {
        Visitor { remote: self.remote, certificate: self.certificate.clone() }
    }
}

/// An answer.
pub enum Reply<S> {
    /// In one piece.
    Whole(Response<Full<Bytes>>),
    /// Piece by piece, after this head. Framing and `Connection` are the connection's matter: such fields of the head
    /// are left out, and so is its version.
    Stream(response::Parts, S),
}

/// The body of a streaming answer.
pub trait Source {
    /// Appends the next piece to `out`: all that has come at once. Dropping the future loses nothing.
    fn next(&mut self, out: &mut Vec<u8>) -> impl Future<Output = Next>;

    /// What fills silence; none where the body is no event stream.
    fn keepalive(&self) -> Option<&'static [u8]>;

    /// Whether the stream has no end of its own, so that draining ends it.
    fn is_endless(&self) -> bool;

    /// Weir is stopping, and the body ends here. Appends what its reader should still be told, and says how it ends.
    fn stop(&mut self, out: &mut Vec<u8>) -> Stop;

    /// The exact length of the body in bytes, where it is known; else it is sent in chunks.
    fn length(&self) -> Option<u64>;

    /// The answer has been written to its end, or was cut.
    fn finished(self, end: End);
}

/// What came of asking a [`Source`] for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There may be more.
    More,
    /// This was the last piece (which may be empty).
    Last,
    /// The body is at fault and must not look complete: the connection is cut.
    Cut,
}

/// How a body ends that is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Properly.
    Whole,
    /// It must not look complete: the connection is cut.
    Cut,
}

/// How a streaming answer came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Written whole.
    Complete,
    /// Cut, because its source was at fault.
    Cut,
    /// The client left, or stopped reading.
    ClientLeft,
    /// Ended because Weir is stopping.
    Drained,
}
