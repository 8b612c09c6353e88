//! Why nothing was fetched: which URL, and what about it.

use std::fmt;
use std::io;
use std::net::IpAddr;

use http::StatusCode;

use crate::net::upstream::{Failure, UrlError};

use super::document::MOST_BYTES;
use super::fetcher::{MOST_REDIRECTS, PATIENCE};

/// Most characters of what others chose that an error repeats.
const SHOWN: usize = 200;

/// What failed. Neither a secret nor anything of the answer's text is in it.
#[derive(Debug)]
pub struct Fault {
    /// The URL that was asked, the last of them where there were redirects.
    pub url: String,
    /// The reason.
    pub why: Why,
}

/// A reason.
#[derive(Debug)]
pub enum Why {
    /// It is no URL.
    Url(UrlError),
    /// It is no `https`, and not on this machine.
    Plain,
    /// The host's name is not known.
    Resolve(io::Error),
    /// The host has an address that is not of the public net.
    Private(IpAddr),
    /// Nobody there takes connections.
    Connect(Failure),
    /// Whom we trust could not be read.
    Trust(String),
    /// The certificate is not to be trusted, or TLS is not spoken.
    Tls(io::Error),
    /// It took longer than all of it may take.
    Slow,
    /// No HTTP, a head out of all bounds, or cut off.
    Http(String),
    /// A redirect that leads nowhere we could follow.
    Location(String),
    /// More redirects than are followed.
    Redirects,
    /// A redirect where none is followed.
    Redirected,
    /// Another status than is wanted.
    Status(StatusCode),
    /// No JSON by its own words.
    Media(String),
    /// Larger than any document that is taken.
    TooLarge,
}

impl Why {
    /// In one word, for a metric.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::Plain | Self::Private(_) | Self::Location(_) | Self::Redirects | Self::Redirected => {
                "refused"
            }
            Self::Resolve(_) | Self::Connect(_) | Self::Trust(_) | Self::Tls(_) => "unreachable",
            Self::Slow => "slow",
            Self::Http(_) | Self::Status(_) | Self::Media(_) | Self::TooLarge => "bad_answer",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What is wrong with it is repeated there.
            Self::Url(error) => write!(f, "it cannot be asked: {}", shown(&error.to_string())),
            Self::Plain => {
                f.write_str("only https is asked; http on this machine alone, where the configuration says so")
            }
            Self::Resolve(error) => write!(f, "its host cannot be resolved: {error}"),
            Self::Private(address) => write!(
                f,
                "its host has the address {address}, which is not of the public net; if that is right, name the host in \
                 [fetch] private_hosts"
            ),
            Self::Connect(failure) => write!(f, "{failure}"),
            Self::Trust(error) => f.write_str(error),
            Self::Tls(error) => write!(f, "no TLS session: {error}"),
            Self::Slow => write!(f, "no whole answer within {} s", PATIENCE.as_secs()),
            Self::Http(error) => write!(f, "no whole HTTP answer: {error}"),
            Self::Location(location) => {
                write!(f, "it redirects to `{location}`, which is neither a URL nor a path from the root")
            }
            Self::Redirects => write!(f, "more than {MOST_REDIRECTS} redirects lead there"),
            Self::Redirected => f.write_str("it redirects, and what is sent there is for it alone"),
            Self::Status(status) => write!(f, "it answers {status}"),
            Self::Media(what) => write!(f, "it answers something {what}, not application/json"),
            Self::TooLarge => write!(f, "its answer is larger than {} KiB", MOST_BYTES / 1024),
        }
    }
}

/// A text that others chose, as an error repeats it: nothing in it that a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

impl std::error::Error for Fault {}
