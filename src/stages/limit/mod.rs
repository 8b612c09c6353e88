//! How much there may be of something in a time: `[[limits]]`, and the signatures that an address may have checked.
//!
//! ```text
//!  head ------> address ------> caller and message ------> target: session, server, class, cost
//!                  `--------------------+---------------------'
//!                 what fits (counts) -> its key (key) -> its cell (cells) -> rate, quota, calls
//!                                                                              `-> Taken, or a refusal
//! ```
//!
//! Cores share a cell and nothing else: each finds it in a map of its own, and changes it by compare-and-swap.

mod asked;
mod bucket;
mod cell;
mod cells;
mod counts;
mod explain;
mod joint;
mod key;
mod ledger;
mod limits;
mod now;
mod one;
mod quota;
mod rate;
mod refusal;
mod shelf;
mod short;
pub mod slices;
mod taken;
mod unverified;

pub use asked::{Asked, Ruled, Said};
pub use explain::Explained;
pub use joint::{Common, Shared, Turns};
pub use key::{Asks, Keys};
pub use ledger::Ledger;
pub use limits::{Admitted, Called, Denied, Limits, Tried};
pub use taken::Taken;
pub use unverified::Unverified;

#[cfg(test)]
mod tests;
