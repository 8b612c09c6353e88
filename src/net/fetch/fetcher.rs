//! Which URLs are asked, and in which time.

use std::path::PathBuf;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::config::SecretBytes;
use crate::net::tls::{self, ClientTls, TlsError};
use crate::net::upstream::EndpointUrl;

use super::address::is_loopback;
use super::document::{self, Document};
use super::exchange::{self, Answer, Request};
use super::fault::{Fault, Why, shown};

/// How long all of it may take, redirects included.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// How many redirects are followed.
pub(super) const MOST_REDIRECTS: usize = 3;

/// What may be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Hosts, as URLs name them in lower case, that may have other addresses than those of the public net.
    pub private_hosts: Box<[Box<str>]>,
    /// A PEM file of the authorities to trust, instead of the operating system's.
    pub ca: Option<PathBuf>,
}

/// Who we are to whoever takes a form (RFC 6749, 2.3.1).
#[derive(Clone, Copy)]
pub struct Basic<'a> {
    /// Our name there.
    pub id: &'a str,
    /// What proves it; a line end behind it is none of it.
    pub secret: &'a SecretBytes,
}

/// Fetches documents by a policy.
#[derive(Debug)]
pub struct Fetcher {
    private_hosts: Box<[Box<str>]>,
    /// A machine without trusted roots can still ask itself.
    tls: Result<tls::Client, TlsError>,
    /// For all of it.
    pub(super) patience: Duration,
}

impl Fetcher {
    /// One that trusts the policy's authorities.
    ///
    /// # Errors
    /// The file of authorities that cannot be used.
    pub fn new(policy: Policy) -> Result<Self, TlsError> {
        let settings = ClientTls { ca: policy.ca, ..ClientTls::default() };
        let tls = match tls::Client::build_http1(&settings) {
            Err(error @ TlsError::NoRoots(_)) => Err(error),
            built => Ok(built?),
        };
        Ok(Self { private_hosts: policy.private_hosts, tls, patience: PATIENCE })
    }

    /// Fetches the document at a URL that the configuration says.
    ///
    /// # Errors
    /// Which URL gave none, and why.
    pub async fn get(&self, url: &str) -> Result<Document, Fault> {
        self.follow(url, url).await
    }

    /// Fetches the document at a URL that another document names, which the configuration's `from` led to. It may be on
    /// this machine only where that is.
    ///
    /// # Errors
    /// Which URL gave none, and why.
    pub async fn follow(&self, from: &str, url: &str) -> Result<Document, Fault> {
        let near = EndpointUrl::parse(from).is_ok_and(|from| is_loopback(&from.host));
        let mut asked = url.to_owned();
        let followed = timeout(self.patience, async {
            for _ in 0..=MOST_REDIRECTS {
                let url = self.admitted(&asked, near)?;
                let request = Request { method: Method::GET, fields: HeaderMap::new(), body: Bytes::new() };
                let Answer { status, headers, body } = self.exchange(&url, near, request).await?;
                if !is_redirect(status) {
                    return got(status, &headers, body);
                }
                asked = target(&url, &headers)?;
            }
            Err(Why::Redirects)
        });
        let followed = followed.await.unwrap_or(Err(Why::Slow));
        followed.map_err(|why| Fault { url: shown(&asked), why })
    }

    /// Sends a form to a URL that the configuration says. What refuses it (400 to 499) is an answer, too.
    ///
    /// # Errors
    /// That it gave none, and why.
    pub async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        authorization: Option<Basic<'_>>,
    ) -> Result<Document, Fault> {
        let posted = timeout(self.patience, async {
            let asked = EndpointUrl::parse(url).map_err(Why::Url)?;
            let near = is_loopback(&asked.host);
            let asked = self.admitted(url, near)?;
            let body = Bytes::from(form(fields));
            let mut fields = HeaderMap::new();
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            fields.insert(header::CONTENT_TYPE, form);
            if let Some(basic) = authorization {
                fields.insert(header::AUTHORIZATION, basic.value());
            }
            let request = Request { method: Method::POST, fields, body };
            let Answer { status, headers, body } = self.exchange(&asked, near, request).await?;
            if is_redirect(status) {
                return Err(Why::Redirected);
            }
            if status.is_client_error() {
                return Ok(Document { status, body, max_age: None });
            }
            got(status, &headers, body)
        });
        let posted = posted.await.unwrap_or(Err(Why::Slow));
        posted.map_err(|why| Fault { url: shown(url), why })
    }

    async fn exchange(&self, url: &EndpointUrl, near: bool, request: Request) -> Result<Answer, Why> {
        let may_be_private =
            near && is_loopback(&url.host) || self.private_hosts.iter().any(|host| **host == *url.host);
        let tls = match (url.secure, &self.tls) {
            (false, _) => None,
            (true, Ok(tls)) => Some(tls),
            (true, Err(error)) => return Err(Why::Trust(error.to_string())),
        };
        exchange::run(url, may_be_private, tls, request).await
    }

    /// The URL in its parts, where it may be asked: by TLS, or on this machine.
    fn admitted(&self, url: &str, near: bool) -> Result<EndpointUrl, Why> {
        let url = EndpointUrl::parse(url).map_err(Why::Url)?;
        if url.secure || near && is_loopback(&url.host) { Ok(url) } else { Err(Why::Plain) }
    }
}

impl Basic<'_> {
    /// Both parts are coded as in a form before they are put together.
    fn value(self) -> HeaderValue {
        let secret = Zeroizing::new(coded(self.secret.as_bytes()));
        let pair = Zeroizing::new(format!("{}:{}", coded(self.id.as_bytes()), *secret));
        let text = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(&*pair))));
        let mut value = HeaderValue::from_str(&text).expect("Base64 is visible ASCII");
        value.set_sensitive(true);
        value
    }
}

fn got(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Result<Document, Why> {
    if status != StatusCode::OK {
        return Err(Why::Status(status));
    }
    document::check_media(headers)?;
    Ok(Document { status, body, max_age: document::max_age(headers) })
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads: a URL, or a path from the root of where we are.
fn target(from: &EndpointUrl, headers: &HeaderMap) -> Result<String, Why> {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scheme = if from.secure { "https" } else { "http" };
    if location.starts_with("//") {
        return Ok(format!("{scheme}:{location}"));
    }
    if location.starts_with('/') {
        return Ok(format!("{scheme}://{}{location}", from.authority));
    }
    match location.split(['/', '?']).next() {
        Some("http:" | "https:" | "HTTP:" | "HTTPS:") => Ok(location.to_owned()),
        _ => Err(Why::Location(shown(location))),
    }
}

/// A form as text (WHATWG URL, 5.2).
fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", coded(name.as_bytes()), coded(value.as_bytes())));
    pairs.collect::<Vec<_>>().join("&")
}

fn coded(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => text.push(char::from(*byte)),
            b' ' => text.push('+'),
            _ => {
                let digits = [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
                text.extend(['%'].into_iter().chain(digits));
            }
        }
    }
    text
}
