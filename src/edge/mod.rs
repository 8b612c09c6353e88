//! MCP over HTTP, towards clients: which path, who may ask from where, and how a refusal looks.
//!
//! ```text
//! request -> door (Host, Origin, path, method) -> pipeline::flow -> answer  -> HTTP
//!                        `------------------------------> refusal -> errors -> HTTP
//! ```

mod cors;
mod current;
mod door;
mod errors;
mod forwarded;
mod front;
mod limits;
pub mod metadata;
mod names;
mod outgoing;
mod pair;
mod panics;
mod streaming;

pub use current::Current;
pub use errors::{Row, row, table};
pub use front::{Front, Paths};
pub use names::Names;
pub use outgoing::Outgoing;
