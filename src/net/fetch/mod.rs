//! What we ask others ourselves: metadata, key sets, introspection, tokens. Small documents, and no place that somebody else
//! could lead us to.
//!
//! ```text
//!  Fetcher   which URL may be asked, redirects, all in one time      fetcher
//!    -> which addresses are others' own affair                       address
//!    -> one request on one connection, to an address that was checked  exchange
//!    <- Document, in its bound and of the right kind                 document
//!    <- Fault: the URL and the reason                                fault
//! ```
//!
//! An issuer names further URLs in its documents, and redirects. Who could name any would have us ask whatever only we can
//! reach. So every URL is checked anew, every address that its host has is checked, and it is such an address that is
//! connected to: a name is resolved once. Nothing is asked through a proxy.
//!
//! For the control runtime: a connection is made for each request, and hyper speaks on it.

mod address;
mod document;
mod exchange;
mod fault;
mod fetcher;

#[cfg(test)]
mod tests;

pub use document::{Document, MOST_BYTES};
pub use fault::{Fault, Why};
pub use fetcher::{Basic, Fetcher, Policy};
