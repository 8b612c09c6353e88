//! `[fetch]`: what Weir asks others itself, beside the servers: issuers for their metadata and keys.

use std::net::IpAddr;
use std::path::PathBuf;

use super::{
    endpoint::Endpoint,
    host,
    secret::not_empty,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// Whom Weir asks, and trusts, beside the servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetch {
    /// `private_hosts`: hosts that may have addresses of a private net, an IPv6 address in brackets.
    pub private_hosts: Vec<String>,
    /// `ca`: PEM file of the authorities that are trusted; `None`: those of the system.
    pub ca: Option<PathBuf>,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[fetch]",
    about: "What Weir asks others itself: an issuer's metadata and keys, and what it says of tokens. Over https only; a URL of this configuration on \
            loopback may be http. Every address that a host has must be one of the public net, and redirects are held \
            against the same. An answer may have 64 KiB and take 3 s.",
    keys: &[
        Key {
            name: "private_hosts",
            kind: Kind::List("host names or addresses, [\"id.internal\"]"),
            default: Value::Absent,
            about: "Hosts that may have other addresses: of a private net, link-local or loopback.",
        },
        Key {
            name: "ca",
            kind: Kind::Text("a path"),
            default: Value::Absent,
            about: "PEM file of the authorities that are trusted there. Default: those of the system.",
        },
    ],
    unbuilt: &[],
};

/// A URL that is fetched from: https, or http on loopback. The error is a sentence without subject.
pub(super) fn url(text: &str) -> Result<String, String> {
    let endpoint = Endpoint::parse(text)?;
    let near = || endpoint.name().parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback());
    match endpoint.https || endpoint.host == "localhost" || near() {
        true => Ok(endpoint.url),
        false => Err(format!("takes an https URL (http on loopback alone), not {text:?}")),
    }
}

impl Fetch {
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self {
            private_hosts: section.list("private_hosts", host::host),
            ca: section.text("ca", |path| not_empty(path).map(PathBuf::from)),
        }
    }
}
