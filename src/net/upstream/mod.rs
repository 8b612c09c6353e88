//! HTTP/1.1 connections to servers, and the pool that keeps them.
//!
//! ```text
//!  EndpointUrl -> Endpoint        where a server listens          (url, endpoint)
//!  Pool --take/connect--> Connection --give_back--> Pool          (pool, dial)
//!  Connection = Stream            plain or TLS, one TCP socket    (io)
//!             + Outgoing          what is still to be written     (write)
//!             + Answer            what the bytes read mean        (answer; head, framing, body, chunked)
//! ```
//!
//! Everything of a connection stays on the core that opened it: there is no task for a connection, no channel and
//! no lock. A caller polls the socket itself. [`Answer`] does no I/O, so it is fuzzed against hyper's client alone.
//!
//! What waits holds no read buffer: all connections of a core read into one scratch buffer of the pool, and keep
//! only what their caller has not taken yet. A request leaves in one write, an answer mostly comes in one read.
//!
//! Answers are read strictly (RFC 9112): where two readers could differ about where an answer ends, it is malformed
//! and its connection is not used again.

mod answer;
mod body;
mod chunked;
mod connection;
mod dial;
mod endpoint;
mod failure;
mod framing;
mod head;
mod io;
mod pool;
mod url;
mod write;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Fed};
pub use connection::{Collected, Connection};
pub use endpoint::Endpoint;
pub use failure::{Failure, Stage};
pub use head::ResponseHead;
pub use pool::Pool;
pub use url::{EndpointUrl, UrlError};
