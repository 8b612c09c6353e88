//! How clients' connections begin, as the configuration says: proxies in front, TLS, certificates of clients.

use anyhow::Context;

use crate::config::{Listen, ProxyProtocol};
use crate::net::proxy::Version;
use crate::net::tls::server::{Clients, Server, ServerTls};
use crate::net::welcome::Welcome;
use crate::seal::KeyRing;

/// Reads the files of `[listen]`. `ring` seals the tickets of TLS sessions.
pub(super) fn build(listen: &Listen, ring: KeyRing) -> anyhow::Result<Welcome> {
    let tls = settings(listen).map(|settings| Server::build(&settings, Some(ring))).transpose();
    let proxy = match listen.proxy_protocol {
        ProxyProtocol::Off => None,
        ProxyProtocol::V1 => Some(Version::V1),
        ProxyProtocol::V2 => Some(Version::V2),
    };
    Ok(Welcome { proxy, trusted: listen.trusted_proxies.clone(), tls: tls.context("[listen] tls")? })
}

/// What is spoken there, in TLS's own terms.
pub(super) fn settings(listen: &Listen) -> Option<ServerTls> {
    let tls = listen.tls.as_ref()?;
    let clients = tls.clients.as_ref().map(|clients| Clients {
        ca: clients.ca.clone(),
        required: clients.required,
        revoked: clients.revoked.clone(),
    });
    let certificates = tls.certificates.iter().map(|ours| (ours.certificate.clone(), ours.key.clone()));
    Some(ServerTls { certificates: certificates.collect(), clients })
}
