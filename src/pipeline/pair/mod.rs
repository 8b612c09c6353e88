//! HTTP+SSE of 2024-11-05 towards clients: one stream, on which every message of the server comes, and POSTs that are
//! answered there.
//!
//! ```text
//! GET  -> gate::listen -> a mailbox in the table; its sealed name is the token of `endpoint`
//! POST -> gate::post: caller, token, message -> the mailbox: 202              (on whatever core the POST has come to)
//!                                                  |
//!                    the stream's core: each letter walks `flow` as a message of streamable HTTP of the legacy era;
//!                                       whatever comes of it goes onto the stream
//! ```
//!
//! So all that a conversation has is on one core, whatever connections its POSTs come by. The table is shared by the
//! cores and behind a lock; nothing but these POSTs and the beginning and end of such a stream touch it.

mod gate;
mod mailbox;
mod table;

pub use gate::{Taken, listen, post};
pub use mailbox::{Kind, Letter, Mailbox, Posted};
pub use table::{Pairs, Table};
