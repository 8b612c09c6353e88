//! JSON-RPC messages: the few spans of a body that anyone needs, read in the same pass that checks all of it.
//!
//! [`read_client`] and [`read_server`] take a whole body. What they return is only spans, so a [`Message`] is read
//! together with the bytes it came from, and exactly those bytes are forwarded. [`Progressive`] checks an answer that
//! is too long to be held, while it passes.
//!
//! | | clients | servers |
//! | --- | --- | --- |
//! | a repeated key | refused at every depth | refused in the envelope, `params`, `result`, `error` and their `_meta` |
//! | a key that looks like a known one | refused in the envelope and in `params` | refused in the envelope |
//! | an error without `id`, or with `null` | refused | passes: the server could not read the request's |
//!
//! See "Reading a message" in the design's rules, points 1 to 4.

mod body;
mod book;
mod envelope;
mod fault;
mod fields;
mod glimpse;
mod id;
mod known;
mod known_result;
mod named;
mod owned_id;
mod progressive;
mod reader;

pub use body::{Body, Limits, Message};
pub use book::{Seen, SeenMessage};
pub use envelope::Kind;
pub use fault::{Fault, FaultReason};
pub use fields::{Fields, Meta};
pub use glimpse::{Glimpse, Glimpsed};
pub use id::Id;
pub use known::is_lookalike;
pub use known_result::{KNOWN_DEPTH, KnownResult};
pub use named::{Reference, Unreadable, reference, subscribed};
pub use owned_id::OwnedId;
pub use progressive::Progressive;
pub use reader::{Known, read_client, read_server, read_server_knowing};

#[cfg(test)]
mod tests;
