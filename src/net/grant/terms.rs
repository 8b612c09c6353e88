//! Where tokens for a server are asked for, as whom, and for what.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

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
    /// For how many requests at a time: an authorization server that hangs holds up its own alone.
    pub room: Semaphore,
}

impl Terms {
    /// Requests at a time.
    pub const AT_ONCE: usize = 64;
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("server", &self.server).field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::net::fetch::Policy;

    /// Terms that nobody is asked by.
    pub(in crate::net::grant) fn terms() -> Terms {
        let file = tempfile::NamedTempFile::new().unwrap();
        let secret = Secret::File(file.path().to_owned()).read().unwrap();
        Terms {
            server: "files".to_owned(),
            source: Source::Url("http://127.0.0.1:1/".to_owned()),
            client: Client { id: "weir".to_owned(), secret, in_form: false },
            scope: String::new(),
            audience: None,
            resource: None,
            fetcher: Arc::new(Fetcher::new(Policy::default()).unwrap()),
            room: Semaphore::new(1),
        }
    }
}
