//! Where a key set is, and what comes of asking there: discovery first, where the configuration names the issuer alone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Endpoint, Jwks, Jwt};
use crate::model::Algorithm;
use crate::net::fetch::{Document, Fault, Fetcher};
use crate::protocol::json::{self, Kind, Span};
use crate::stages::authenticate::jwt::{self, KeySet};

/// Deepest nesting of a metadata document.
const DEPTH: u16 = 64;

/// The key set of one issuer.
#[derive(Debug)]
pub(in crate::daemon) struct Source {
    issuer: String,
    algorithms: Vec<Algorithm>,
    /// The URL that the configuration says.
    said: Option<String>,
    /// The one that the issuer's metadata say, since they were read.
    found: Option<String>,
}

/// A key set as it was fetched.
#[derive(Debug)]
pub(in crate::daemon) struct Fetched {
    pub(in crate::daemon) keys: Arc<KeySet>,
    /// For how long it may be kept, as its answer says.
    pub(in crate::daemon) max_age: Option<Duration>,
}

/// Why there is none.
#[derive(Debug)]
pub(in crate::daemon) enum Trouble {
    /// It could not be fetched.
    Fetch(Fault),
    /// What is at that URL is no metadata of this issuer.
    Metadata(String, &'static str),
    /// What is at that URL is no key set.
    Keys(String, jwt::Fault),
}

impl Source {
    /// The one of this issuer.
    pub(in crate::daemon) fn of(settings: &Jwt) -> Self {
        let said = match &settings.jwks {
            Jwks::Url(url) => Some(url.clone()),
            Jwks::File(_) | Jwks::Discovered => None,
        };
        Self { issuer: settings.issuer.clone(), algorithms: settings.algorithms.clone(), said, found: None }
    }

    /// Fetches it. What its metadata have said is believed until it cannot be fetched there.
    pub(in crate::daemon) async fn fetch(&mut self, fetcher: &Fetcher) -> Result<Fetched, Trouble> {
        let (from, url) = match (&self.said, self.found.take()) {
            (Some(said), _) => (said.clone(), said.clone()),
            (None, Some(found)) => (self.issuer.clone(), found),
            (None, None) => (self.issuer.clone(), self.discover(fetcher).await?),
        };
        let Document { body, max_age, .. } = fetcher.follow(&from, &url).await.map_err(Trouble::Fetch)?;
        let keys = KeySet::parse(&body, &self.algorithms).map_err(|fault| Trouble::Keys(url.clone(), fault))?;
        self.found = Some(url);
        Ok(Fetched { keys: Arc::new(keys), max_age })
    }

    /// Asks for the issuer's metadata at each of its places, and finds out where its keys are.
    async fn discover(&self, fetcher: &Fetcher) -> Result<String, Trouble> {
        let mut first = None;
        for url in places(&self.issuer) {
            let trouble = match fetcher.get(&url).await {
                Ok(document) => match keys_of(&self.issuer, &document.body) {
                    Ok(keys) => return Ok(keys),
                    Err(why) => Trouble::Metadata(url, why),
                },
                Err(fault) => Trouble::Fetch(fault),
            };
            // Somebody who answers with something else says more than nobody at other places.
            match (&first, &trouble) {
                (None, _) | (Some(Trouble::Fetch(_)), Trouble::Metadata(..)) => first = Some(trouble),
                _ => {}
            }
        }
        Err(first.unwrap_or_else(|| Trouble::Metadata(self.issuer.clone(), "the issuer is no URL")))
    }
}

/// Where an issuer's metadata may be: RFC 8414, 3.1; OpenID Connect Discovery, 4, in the form of RFC 8414, 5, and in its own.
fn places(issuer: &str) -> Vec<String> {
    let Ok(endpoint) = Endpoint::parse(issuer) else { return Vec::new() };
    let scheme = if endpoint.https { "https" } else { "http" };
    let (origin, path) = (format!("{scheme}://{}", endpoint.authority()), endpoint.target.trim_end_matches('/'));
    let mut places = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
        format!("{origin}{path}/.well-known/openid-configuration"),
    ];
    places.dedup();
    places
}

/// Where the keys are, by metadata that have to be this issuer's.
fn keys_of(issuer: &str, text: &[u8]) -> Result<String, &'static str> {
    json::check(text, DEPTH).map_err(|_| "no JSON that can be read in one way only")?;
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let whole = Span { start: start as u32, end: text.len() as u32 };
    if text.get(start) != Some(&b'{') {
        return Err("no JSON object");
    }
    let member = |name: &str| json::member(text, whole, name).filter(|value| value.kind == Kind::String);
    let named = member("issuer").and_then(|named| named.text(text)).ok_or("no `issuer` in it")?;
    if named != issuer {
        return Err("its `issuer` is another one; they have to be equal to the byte (RFC 8414, 3.3)");
    }
    let keys = member("jwks_uri").and_then(|keys| keys.text(text));
    keys.map(Into::into).ok_or("no `jwks_uri` in it")
}

impl Trouble {
    /// In one word, for a metric.
    pub(in crate::daemon) fn word(&self) -> &'static str {
        match self {
            Self::Fetch(fault) => fault.why.word(),
            Self::Metadata(..) | Self::Keys(..) => "bad_answer",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(fault) => write!(f, "{fault}"),
            Self::Metadata(url, why) => write!(f, "{url}: no metadata of the issuer: {why}"),
            Self::Keys(url, fault) => write!(f, "{url}: no key set: {fault}"),
        }
    }
}

impl std::error::Error for Trouble {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_where_they_may_be() {
        let (oauth, openid) = (".well-known/oauth-authorization-server", ".well-known/openid-configuration");
        for issuer in ["https://id.example.com", "https://id.example.com/"] {
            let at = |place: &str| format!("https://id.example.com/{place}");
            assert_eq!(places(issuer), [at(oauth), at(openid)]);
        }
        for issuer in ["http://127.0.0.1:9000/realms/a", "http://127.0.0.1:9000/realms/a/"] {
            let at = |place: &str| format!("http://127.0.0.1:9000/{place}");
            let [inserted, openid_inserted] = [oauth, openid].map(|place| at(&format!("{place}/realms/a")));
            assert_eq!(places(issuer), [inserted, openid_inserted, at(&format!("realms/a/{openid}"))]);
        }
    }

    #[test]
    fn metadata_are_the_issuers_own_or_none() {
        let keys = |text: &str| keys_of("https://id.example.com/", text.as_bytes());
        let good = r#" {"issuer":"https://id.example.com\/","jwks_uri":"https://keys.example.com/1"} "#;
        assert_eq!(keys(good).unwrap(), "https://keys.example.com/1");
        for (text, wrong) in [
            (r#"{"issuer":"https://id.example.com","jwks_uri":"https://a/"}"#, "another"),
            (r#"{"issuer":"https://evil.example.com/","jwks_uri":"https://a/"}"#, "another"),
            (r#"{"issuer":["https://id.example.com/"],"jwks_uri":"https://a/"}"#, "`issuer`"),
            (r#"{"jwks_uri":"https://a/"}"#, "`issuer`"),
            (r#"{"issuer":"https://id.example.com/","issuer":"x","jwks_uri":"https://a/"}"#, "one way"),
            (r#"{"issuer":"https://id.example.com/"}"#, "`jwks_uri`"),
            (r#"{"issuer":"https://id.example.com/","jwks_uri":1}"#, "`jwks_uri`"),
            ("[]", "object"),
            ("", "one way"),
            ("<html>", "one way"),
        ] {
            let why = keys(text).unwrap_err();
            assert!(why.contains(wrong), "{text}: {why}");
        }
    }
}
