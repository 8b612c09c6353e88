//! Durable state, one trait a noun. Back ends know no policy: who may do what is decided above.
//!
//! ```text
//! KeyBook    API keys: what is kept of each, and when it was used    (keys.rs)
//! RuleBook   rules that were added while running, every version     (rules.rs)
//! leases     what nodes have leased of limits that they share        (postgres/leases.rs: one that is not shared has none)
//! Embedded   SQLite in the data directory, one writer thread         (embedded/)
//! Postgres   a database of PostgreSQL, which nodes share             (postgres/)
//! Store      the one of the two that the configuration names         (chosen.rs)
//! ```
//!
//! Every back end passes the suites in `conformance.rs`. What a method has answered outlives the process and the power.

mod chosen;
mod error;
mod keys;
mod rules;

#[cfg(test)]
mod conformance;
mod embedded;
mod postgres;

pub use chosen::Store;
pub use embedded::{Embedded, LOCK_PATIENCE};
pub use error::StoreError;
pub use keys::{Key, KeyBook, Rotation};
pub use postgres::{Postgres, Probed, Seen, probe};
pub use rules::{KEPT_VERSIONS, MOST_NAME, MOST_RULES, MOST_TEXT, MOST_TEXTS, RuleBook, changed};
