//! A client's HTTP/2 connection.
//!
//! ```text
//! socket -> Tap (frames counted, bytes gathered) -> h2 -> Exchange -> Handler -> Reply -> Outlet -> h2 -> one write
//! ```
//!
//! All of a connection is one task: h2 is polled for requests, the exchanges in turn, h2 once more for what they had to
//! say; then everything that came of it leaves in one write. An exchange is a future of the connection's, so that a
//! request costs no task and a connection that ends takes all of it along.
//!
//! h2 checks frames, header compression and windows, and refuses what RFC 9113 calls malformed. What it lets pass but
//! costs us more than the client is bounded here: control frames ([`frames`]), streams that are reset ([`allowance`]),
//! memory ([`purse`]), time ([`serve`], [`exchange`]). A stream whose client gives it no window waits alone: it takes
//! no more from its source, and after `write_stall` it is reset.

mod allowance;
mod body;
mod exchange;
mod frames;
mod outlet;
mod purse;
mod queue;
mod serve;
mod unsaid;
mod wire;

pub(super) use body::{Reading, StreamBody};
pub use serve::serve_http2;
