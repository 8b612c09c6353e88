//! `trusted_proxies` and `proxy_protocol`: who may say whom a connection or a request comes from.

use crate::config::section::Section;
use crate::model::{Network, Trusted};

/// The header that a proxy puts in front of each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// None: the first byte is TLS's or HTTP's.
    Off,
    /// The line of version 1.
    V1,
    /// The block of version 2.
    V2,
}

pub(super) fn trusted(section: &Section<'_>) -> Trusted {
    let mut trusted = Trusted::default();
    for named in section.list("trusted_proxies", one) {
        match named {
            Some(network) => trusted.networks.push(network),
            None => trusted.unix = true,
        }
    }
    trusted
}

impl ProxyProtocol {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let version = match section.choice("proxy_protocol") {
            "v1" => Self::V1,
            "v2" => Self::V2,
            _ => return Self::Off,
        };
        if !section.has("trusted_proxies") {
            let message =
                "`proxy_protocol` needs `trusted_proxies` beside it: from anybody else a connection is refused";
            section.wrong("proxy_protocol", message);
        }
        version
    }
}

/// A network, or none for the Unix socket.
fn one(text: &str) -> Result<Option<Network>, String> {
    match (text, Network::parse(text)) {
        ("unix", _) => Ok(None),
        (_, Some(network)) => Ok(Some(network)),
        (_, None) => Err(format!(
            "takes addresses and networks, \"10.0.0.0/8\", without bits behind the prefix, or \"unix\"; not {text:?}"
        )),
    }
}
