//! Schemas of tools (JSON Schema, 2020-12 where nothing else is named): compiled once a definition, checked in bounded
//! steps.
//!
//! Servers are not trusted, and neither are callers: a schema may be made to burn what it is compiled or evaluated on,
//! and so may a value that is checked against an honest one. So both sides are bounded, in numbers and not in time:
//!
//! ```text
//!  text -> outline   size, nesting, subschemas, patterns; a meter is put into every subschema
//!       -> chain     references lead to subschemas of the same text; how deep evaluation may go at one place
//!       -> validator the crate's; nothing is ever fetched, patterns take linear time, formats are annotations
//!
//!  value -> weigh    bytes, values, nesting, numbers that can be held; before anything is built of it
//!        -> check    the meter takes steps at every subschema that is entered, and ends the check when they are spent
//! ```
//!
//! What is beyond a bound is told as such. Nobody may take it for a value that fits.

mod chain;
mod check;
mod definition;
mod meter;
mod outline;
mod pattern;
mod pointer;
mod weigh;

pub use check::{Checked, Fault, Faults, Schema};
pub use definition::Definition;
pub use outline::Unusable;
pub use weigh::Unheld;

#[cfg(test)]
mod tests;
