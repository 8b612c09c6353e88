//! What each server offers, as it was seen in its answers.
//!
//! An [`Observer`] on each data core looks at the lists that pass, and what the catalog does not know goes to the control
//! runtime, where [`publish`] reads it and swaps the server's snapshot. A call does not wait for that; until then a tool
//! counts as unknown. Where a route checks arguments, or a rule asks for the definition, the pipeline asks the server itself
//! and has the list learnt at once ([`Catalog::learn`], on a worker); else what is unknown is not checked here but by its
//! server. What a server says of a change ([`Observer::saw_change`]) counts until its list was read whole again.
//!
//! A tool's schemas are kept as text and compiled when somebody first asks for one, on a worker; a definition that stays
//! the same over lists stays compiled.
//!
//! ```text
//!  data core                                     control runtime
//!  answer -> Observer -- Sighting, bounded -->  publish -> Offer, a new snapshot
//!            looks first: is it known?                        |
//!  call   -> Catalog::tool  <------------- arc-swap ----------+
//! ```
//!
//! Here are also the cuts in passing answers that keep the rest of their bytes ([`cut_supported`], [`redact`], [`removals`],
//! [`splice`]).

mod learn;
mod observer;
mod offer;
mod publisher;
mod redact;
mod schemas;
mod snapshot;
mod splice;
mod supported;

pub use observer::{Observer, Seen, Sighting};
pub use offer::Tool;
pub use publisher::publish;
pub use redact::{Redaction, redact};
pub use schemas::{Checked, Definition, Fault, Faults, Schema, Unheld, Unusable};
pub use snapshot::{Catalog, ToolRef};
pub use splice::{removals, respelt, splice, without};
pub use supported::cut_supported;

#[cfg(test)]
mod tests;
