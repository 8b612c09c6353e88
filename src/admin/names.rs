//! The names that the operators' side answers to (security, "HTTP", 2): a page must not read it by rebinding its name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

use crate::model::Reason;

/// Who we are there.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) hosts: Arc<[String]>,
}

impl Names {
    /// Whether `Host`, and `Origin` where it is there, name us; `local` is the address that was
    /// connected to. A Unix socket has none, and is called by any name; a page is asked, whoever lets it in.
    ///
    /// # Errors
    /// Why not, and what to tell whoever asked.
    pub(super) fn check(&self, headers: &HeaderMap, local: Option<SocketAddr>) -> Result<(), (Reason, &'static str)> {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        if local.is_some() && !host.is_some_and(|host| self.are(host, local)) {
            return Err((Reason::HostNotAllowed, "this Host is not one of ours; add the name to `[admin] hosts`"));
        }
        // Probes send none; a page may ask only where it came from us.
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let ours = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| self.are(authority, local));
        match origins.all(|origin| origin.to_str().is_ok_and(ours)) {
            true => Ok(()),
            false => Err((Reason::OriginNotAllowed, "this Origin may not ask here")),
        }
    }

    fn are(&self, authority: &str, local: Option<SocketAddr>) -> bool {
        let Some(authority) = Some(authority).filter(|text| !text.contains('@')).and_then(|text| text.parse().ok())
        else {
            return false;
        };
        let host = Authority::host(&authority);
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let address = literal.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let local = local.map(|local| local.ip().to_canonical());
        let near = local.is_some_and(|local| local.is_loopback())
            && (host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback()));
        near || (local.is_some() && address == local) || self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    }
}
