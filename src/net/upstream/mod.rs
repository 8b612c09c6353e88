//! Connections to servers, HTTP/1.1 and HTTP/2, and the pool that keeps them.
//!
//! ```text
//!  EndpointUrl -> Endpoint        where a server listens          (url, endpoint)
//!  Pool --take/connect--> Connection --give_back--> Pool          (pool, dial)
//!  Connection = Http1             a connection for one exchange   (http1)
//!             |   Stream          plain or TLS, one TCP socket    (io)
//!             |   + Outgoing      what is still to be written     (write)
//!             |   + Answer        what the bytes read mean        (answer; head, framing, body, chunked)
//!             | Exchange          a stream of a shared connection (http2)
//!  Field                          what a server is shown of ours  (field)
//! ```
//!
//! Everything of a connection stays on the core that opened it. HTTP/1.1 has no task for a connection, no channel and
//! no lock: a caller polls the socket itself. [`Answer`] does no I/O, so it is fuzzed against hyper's client alone.
//! HTTP/2, where an `https` server offers it, has one task a connection, since no single exchange may have to wait for
//! another one's caller.
//!
//! What waits holds no read buffer: all connections of a core read into one scratch buffer of the pool, and keep
//! only what their caller has not taken yet. A request leaves in one write, an answer mostly comes in one read.
//!
//! Answers are read strictly (RFC 9112): where two readers could differ about where an answer ends, it is malformed
//! and its connection is not used again.

mod alarm;
mod answer;
mod body;
mod chunked;
mod connection;
mod dial;
mod endpoint;
mod failure;
mod field;
mod framing;
mod head;
mod http1;
mod http2;
mod io;
mod pool;
mod url;
mod write;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Fed};
pub use connection::{Collected, Connection};
pub(in crate::net) use dial::connect;
pub use endpoint::Endpoint;
pub use failure::{Failure, Stage};
pub use field::Field;
pub use head::ResponseHead;
pub use pool::Pool;
pub use url::{EndpointUrl, UrlError};
