//! Durable state, one trait a noun. Back ends know no policy: who may do what is decided above.
//!
//! ```text
//! KeyBook    API keys: what is kept of each, and when it was used    (keys.rs)
//! Embedded   SQLite in the data directory, one writer thread         (embedded/)
//! ```
//!
//! Every back end passes the suites in `conformance.rs`. What a method has answered outlives the process and the power.

mod error;
mod keys;

#[cfg(test)]
mod conformance;
mod embedded;

pub use embedded::{Embedded, LOCK_PATIENCE};
pub use error::StoreError;
pub use keys::{Key, KeyBook, Rotation};
