//! What each server offers, as it was seen in its answers.
//!
//! Nobody asks a server for it: an [`Observer`] on each data core looks at the lists that pass, and what the catalog
//! does not know goes to the control runtime, where [`publish`] reads it and swaps the server's snapshot. A call
//! never waits for that; until then a tool counts as unknown, and what is unknown is not checked here but by its
//! server.
//!
//! ```text
//!  data core                                     control runtime
//!  answer -> Observer -- Sighting, bounded -->  publish -> Offer, a new snapshot
//!            looks first: is it known?                        |
//!  call   -> Catalog::tool  <------------- arc-swap ----------+
//! ```
//!
//! Here are also the cuts in passing answers that keep the rest of their bytes ([`cut_supported`], [`removals`], [`splice`]).

mod learn;
mod observer;
mod offer;
mod publisher;
mod snapshot;
mod splice;
mod supported;

pub use observer::{Observer, Seen, Sighting};
pub use offer::Tool;
pub use publisher::publish;
pub use snapshot::{Catalog, ToolRef};
pub use splice::{removals, respelt, splice, without};
pub use supported::cut_supported;

#[cfg(test)]
mod tests;
