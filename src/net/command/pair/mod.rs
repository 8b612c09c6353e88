//! A server that offers HTTP+SSE of 2024-11-05 alone, driven as if it were a command: its stream is what it writes, POSTs
//! are what it reads.

mod drive;
mod place;
mod post;

use std::fmt;
use std::sync::Arc;

use crate::net::grant::Credential;
use crate::net::upstream::Endpoint;

pub(super) use drive::drive;

/// Such a server.
#[derive(Clone)]
pub struct Pair {
    /// Where it opens its streams.
    pub endpoint: Arc<Endpoint>,
    /// Our credential for it.
    pub credential: Option<Credential>,
}

impl PartialEq for Pair {
    /// A reload that leaves an endpoint as it was keeps it.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.endpoint, &other.endpoint) && self.credential == other.credential
    }
}

impl Eq for Pair {}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pair").field(&self.endpoint.url).finish()
    }
}
