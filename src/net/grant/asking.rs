//! One request for a token, from where it is to be asked for to what is kept of the answer.

use std::fmt;
use std::net::IpAddr;

use http::StatusCode;

use crate::net::fetch::{Basic, Document, Fault};
use crate::net::upstream::{EndpointUrl, UrlError};

use super::answer::{self, Flaw, Given};
use super::subject::Subject;
use super::terms::{Source, Terms};

/// Of an exchange (RFC 8693, 2.1), and of what is wanted by it (3).
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Errors that are the caller's or their token's, and not our own (RFC 8693, 2.2.2).
const OF_CALLERS: [&str; 4] = ["invalid_request", "invalid_grant", "invalid_target", "access_denied"];

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nothing came.
    Fetch(Fault),
    /// What came is none.
    Answer(Flaw),
    /// It was refused, with this error where it has a name.
    Refused(StatusCode, Option<String>),
    /// The issuer's metadata do not say where; or they would have a secret of ours go to this machine.
    Metadata(&'static str),
    /// A URL of the configuration is none.
    Url(UrlError),
}

impl Trouble {
    /// Whether it is the caller whose token was to be exchanged who gets none, whoever asks.
    pub(super) fn is_of_caller(&self) -> bool {
        matches!(self, Self::Refused(_, Some(error)) if OF_CALLERS.contains(&error.as_str()))
    }
}

/// Asks for a token, in exchange for `subject` where there is one.
pub(super) async fn ask(terms: &Terms, subject: Option<&Subject>) -> Result<Given, Trouble> {
    let found;
    let url = match &terms.source {
        Source::Url(url) => url,
        Source::Issuer(issuer) => {
            found = discover(terms, issuer).await?;
            &found
        }
    };
    let secret = terms.client.secret.as_bytes();
    let mut fields = vec![("grant_type", if subject.is_some() { EXCHANGE } else { "client_credentials" })];
    if let Some(subject) = subject {
        fields.extend([
            ("subject_token", subject.token()),
            ("subject_token_type", subject.kind()),
            ("requested_token_type", ACCESS_TOKEN),
        ]);
    }
    fields.extend(Some(("scope", terms.scope.as_str())).filter(|(_, scope)| !scope.is_empty()));
    fields.extend(terms.audience.as_deref().map(|audience| ("audience", audience)));
    fields.extend(terms.resource.as_deref().map(|resource| ("resource", resource)));
    let basic = match str::from_utf8(secret) {
        Ok(secret) if terms.client.in_form => {
            fields.extend([("client_id", terms.client.id.as_str()), ("client_secret", secret)]);
            None
        }
        _ => Some(Basic { id: &terms.client.id, secret: &terms.client.secret }),
    };
    let Document { status, body, .. } = terms.fetcher.post_form(url, &fields, basic).await.map_err(Trouble::Fetch)?;
    if status != StatusCode::OK {
        return Err(Trouble::Refused(status, answer::error(&body)));
    }
    answer::token(&body, subject.map(Subject::token)).map_err(Trouble::Answer)
}

/// Where an issuer gives out tokens: by RFC 8414, else by OpenID Connect Discovery.
async fn discover(terms: &Terms, issuer: &str) -> Result<String, Trouble> {
    let url = EndpointUrl::parse(issuer).map_err(Trouble::Url)?;
    let path = url.path.trim_end_matches('/');
    let origin = format!("{}://{}", if url.secure { "https" } else { "http" }, url.authority);
    let places = [
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}{path}/.well-known/openid-configuration"),
    ];
    let mut trouble = Trouble::Metadata("its metadata are not there");
    for place in places {
        match terms.fetcher.get(&place).await {
            Ok(document) => {
                let endpoint = answer::endpoint(&document.body, issuer);
                let endpoint =
                    endpoint.ok_or(Trouble::Metadata("its metadata are another issuer's, or name no endpoint"))?;
                let there = EndpointUrl::parse(&endpoint).map_err(Trouble::Url)?;
                if is_near(&there) && !is_near(&url) {
                    return Err(Trouble::Metadata("its metadata lead to this machine"));
                }
                return Ok(endpoint);
            }
            Err(fault) => trouble = Trouble::Fetch(fault),
        }
    }
    Err(trouble)
}

fn is_near(url: &EndpointUrl) -> bool {
    url.host == "localhost" || url.host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(fault) => fault.fmt(f),
            Self::Answer(flaw) => flaw.fmt(f),
            Self::Refused(status, Some(error)) => write!(f, "it answers {} with the error {error}", status.as_u16()),
            Self::Refused(status, None) => write!(f, "it answers {}", status.as_u16()),
            Self::Metadata(why) => f.write_str(why),
            Self::Url(error) => write!(f, "its URL cannot be asked: {error}"),
        }
    }
}
