//! Who fetches what others have, where the configuration names any of them.

use std::sync::Arc;

use anyhow::Context;

use crate::config::{Fetch, Settings};
use crate::net::fetch::{Fetcher, Policy};
use crate::net::tls::ClientTls;

/// The fetcher of a configuration, and what it was built from.
pub(super) struct Fetching {
    settings: Fetch,
    /// Of the file of authorities.
    digest: [u8; 32],
    pub(super) fetcher: Arc<Fetcher>,
}

impl Fetching {
    /// Builds it where something is fetched, or takes over the one of before where it is the same.
    ///
    /// # Errors
    /// The file of authorities that cannot be used.
    pub(super) fn build(settings: &Settings, before: Option<&Self>) -> anyhow::Result<Option<Self>> {
        if !settings.auth.is_fetched() && !settings.servers.iter().any(|server| server.is_given_tokens()) {
            return Ok(None);
        }
        let settings = settings.fetch.clone();
        let tls = ClientTls { ca: settings.ca.clone(), ..ClientTls::default() };
        let digest = tls.digest().context("[fetch] ca")?;
        let same = before.filter(|before| before.settings == settings && before.digest == digest);
        let fetcher = match same {
            Some(before) => Arc::clone(&before.fetcher),
            None => Arc::new(fetcher(&settings)?),
        };
        Ok(Some(Self { settings, digest, fetcher }))
    }

    /// Whether the same one fetches for both.
    pub(super) fn is_that_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.fetcher, &other.fetcher)
    }
}

/// A fetcher by the section `[fetch]`.
///
/// # Errors
/// The file of authorities that cannot be used.
pub(super) fn fetcher(settings: &Fetch) -> anyhow::Result<Fetcher> {
    // A certificate and a URL's parts have addresses without brackets.
    let hosts = settings.private_hosts.iter().map(|host| host.trim_matches(['[', ']']).into());
    let policy = Policy { private_hosts: hosts.collect(), ca: settings.ca.clone() };
    Fetcher::new(policy).context("[fetch] ca")
}
