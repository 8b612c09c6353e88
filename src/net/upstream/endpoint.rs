//! Where a server listens, and what it takes to connect there.

use std::time::Duration;

use super::url::{EndpointUrl, UrlError};
use crate::net::tls;

/// One place where a server listens; immutable, shared by the cores.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The whole URL, for people.
    pub url: String,
    /// What the `Host` field says.
    pub authority: String,
    /// Path and query: what the request line names.
    pub path: String,
    /// A name, or an address literal without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How TLS is spoken there; `None` for plain `http`.
    pub tls: Option<tls::Client>,
    /// The most that name resolution, TCP and TLS may take together.
    pub connect_timeout: Duration,
}

impl Endpoint {
    /// Reads the URL of a server.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn parse(url: &str) -> Result<EndpointUrl, UrlError> {
        EndpointUrl::parse(url)
    }

    /// An endpoint at `url`; `tls` is asked for only if the URL is `https`, so that no plain call can come of one.
    ///
    /// # Errors
    /// Whatever `tls` returns.
    pub fn new<E>(
        url: EndpointUrl,
        tls: impl FnOnce() -> Result<tls::Client, E>,
        connect_timeout: Duration,
    ) -> Result<Self, E> {
        let tls = if url.secure { Some(tls()?) } else { None };
        let EndpointUrl { url, host, port, authority, path, .. } = url;
        Ok(Self { url, authority, path, host, port, tls, connect_timeout })
    }
}
