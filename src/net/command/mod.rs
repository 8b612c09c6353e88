//! MCP servers that are commands and speak over stdio, as if they were HTTP servers.
//!
//! ```text
//!  core:     Handle::ask -> Ask (lines, ids replaced) --bounded channel--> commands' thread
//!  thread:   Fleet (who gets which process) -> Traffic (whose is what) -> worker (reads and writes) -> process
//!  core:     Exchange (head, pieces) <--channel of the exchange-- Stream (JSON or events) <- Traffic
//! ```
//!
//! One thread drives all commands: cores speak to it by channels, and share nothing with it. What it gives back reads
//! like the answer of an HTTP server, status, session id and event ids included, so that nothing above has to know.
//!
//! - A process is one session's, one caller's, or everybody's ([`Per`]). It is of the era that it was opened in.
//! - A server that offers nothing but HTTP+SSE of 2024-11-05 is driven alike: a stream is a process ([`Pair`]).
//! - Sessions and event ids are Weir's, since stdio has none (protocol, 45 to 48).
//! - Ids are replaced by numbers of ours and put back, progress tokens where a process is shared (protocol, 25 to 27).

mod ask;
mod count;
mod exchange;
mod fleet;
mod handle;
mod hear;
mod key;
mod pair;
mod process;
mod session;
mod spec;
mod stream;
mod thread;
mod traffic;
mod trouble;
mod worker;

pub use ask::Numbers;
pub use count::Count;
pub use exchange::{Exchange, GoesOn};
pub use handle::{Asked, Handle, Verb};
pub use key::Per;
pub use pair::Pair;
pub use spec::{Means, Spec};
pub use thread::Commands;

#[cfg(test)]
mod tests;
