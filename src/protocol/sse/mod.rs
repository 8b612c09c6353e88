//! Event streams: the reader of what servers send, and the writer of our own framing around the same values.
//!
//! The grammar is that of the WHATWG HTML standard, section 9.2 ("Server-sent events"). One thing differs on
//! purpose: a browser drops a block without `data`, a gateway must not. `id` alone primes a client that polls
//! (2025-11-25) and `retry` alone tells it when to come back, so such a block comes out too.
//!
//! Bytes are kept as they came. The standard decodes them as UTF-8 with replacement first; no line end can hide
//! in a broken sequence, so the lines are the same, and the strict reader refuses broken text in a message.

mod block;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use block::Block;
pub use reader::{Overlong, Reader};
pub use writer::{COMMENT, write_block};
