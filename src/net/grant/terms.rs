//! Where tokens for a server are asked for, as whom, and for what.

use std::fmt;
use std::sync::Arc;

use crate::config::SecretBytes;
use crate::net::fetch::Fetcher;

/// Where tokens are given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// At this URL.
    Url(String),
    /// Where the metadata of this issuer say.
    Issuer(String),
}

/// Who we are there.
pub struct Client {
    /// Our name.
    pub id: String,
    /// What proves it, without line ends.
    pub secret: SecretBytes,
    /// It stands in the form, and not in `Authorization` (RFC 6749, 2.3.1).
    pub in_form: bool,
}

/// What is asked for, the same each time.
pub struct Terms {
    /// The server that tokens are for, as the log names it.
    pub server: String,
    /// Where they are given out.
    pub source: Source,
    /// Who asks.
    pub client: Client,
    /// With spaces between; empty where none are asked for.
    pub scope: String,
    /// `audience`, where it is said.
    pub audience: Option<String>,
    /// `resource` (RFC 8707), where it is said.
    pub resource: Option<String>,
    /// What asks.
    pub fetcher: Arc<Fetcher>,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("server", &self.server).field("source", &self.source).finish_non_exhaustive()
    }
}
