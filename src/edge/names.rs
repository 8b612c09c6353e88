//! The names that we answer to, and the origins that may ask (security, "HTTP", 2): without them a page of somebody
//! else's could talk to a gateway on the visitor's own machine by rebinding its name.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, header};

use crate::model::{Reason, Refusal};

/// Who we are, on one listener.
#[derive(Clone, Debug)]
pub struct Names {
    hosts: Vec<String>,
    origins: Vec<String>,
    loopback: bool,
}

impl Names {
    /// `hosts` without ports; `origins` as `scheme://host[:port]`; `loopback` says whether the listener is bound to a
    /// loopback address, so that origins on this machine are trusted.
    pub fn new(hosts: Vec<String>, origins: Vec<String>, loopback: bool) -> Self {
        Self { hosts, origins, loopback }
    }

    /// Whether `Host` names us, on a connection that came in at `local`. A Unix socket has no address, and asks for no
    /// name: no page reaches it.
    ///
    /// # Errors
    /// `host_not_allowed`.
    pub fn check_host(&self, headers: &HeaderMap, local: Option<SocketAddr>) -> Result<(), Refusal> {
        let Some(local) = local else { return Ok(()) };
        let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let named = named.filter(|named| !named.contains('@'));
        match named.and_then(|named| named.parse::<Authority>().ok()) {
            Some(authority) if self.is_ours(authority.host(), local.ip()) => Ok(()),
            _ => Err(Refusal::new(
                Reason::HostNotAllowed,
                "this Host is not one of ours; add the name to `[listen] hosts` or set `public_url`",
            )),
        }
    }

    fn is_ours(&self, host: &str, local: IpAddr) -> bool {
        let local = local.to_canonical();
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let address = literal.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let here = local.is_loopback() && (host.eq_ignore_ascii_case("localhost") || address.is_some_and(is_here));
        here || address == Some(local) || self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    }

    /// Whether the page that asks may; a request without `Origin` is no page's.
    ///
    /// # Errors
    /// `origin_not_allowed`.
    pub fn check_origin<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Refusal> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(None) };
        let allowed = origins.next().is_none() && origin.to_str().is_ok_and(|origin| self.allows(origin));
        match allowed {
            true => Ok(Some(origin)),
            false => Err(Refusal::new(
                Reason::OriginNotAllowed,
                "this Origin may not ask; add it to `[listen] origins` if it should",
            )),
        }
    }

    fn allows(&self, origin: &str) -> bool {
        let listed = self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin));
        listed || (self.loopback && is_local_page(origin))
    }
}

/// The names of one core, which remembers the host that was found to be ours last: nearly every request names the same.
#[derive(Debug)]
pub(super) struct Greeter {
    names: Names,
    known: RefCell<Option<(HeaderValue, SocketAddr)>>,
}

impl Greeter {
    pub(super) fn new(names: Names) -> Self {
        Self { names, known: RefCell::default() }
    }

    /// As [`Names::check_host`].
    pub(super) fn check_host(&self, headers: &HeaderMap, local: Option<SocketAddr>) -> Result<(), Refusal> {
        let value = headers.get(header::HOST);
        let is = |(known, at): &(HeaderValue, SocketAddr)| Some(known) == value && Some(*at) == local;
        if self.known.borrow().as_ref().is_some_and(is) {
            return Ok(());
        }
        self.names.check_host(headers, local)?;
        // A copy: the value itself would hold the whole head.
        let copy = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        *self.known.borrow_mut() = copy.zip(local);
        Ok(())
    }

    /// As [`Names::check_origin`].
    pub(super) fn check_origin<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Refusal> {
        self.names.check_origin(headers)
    }
}

/// The addresses that every machine calls its own by name.
fn is_here(address: IpAddr) -> bool {
    address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

/// `http://localhost:5173` and the like: scheme, a loopback host, maybe a port, nothing else.
fn is_local_page(origin: &str) -> bool {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let Some(authority) = rest.filter(|rest| !rest.contains('@')).and_then(|rest| rest.parse::<Authority>().ok())
    else {
        return false;
    };
    let host = authority.host();
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(names: &Names, host: &'static str, local: &str) -> bool {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        names.check_host(&headers, Some(local.parse().unwrap())).is_ok()
    }

    fn origin(names: &Names, origin: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
        names.check_origin(&headers).is_ok()
    }

    #[test]
    fn who_was_greeted_is_known_at_the_same_address_alone() {
        let greeter = Greeter::new(Names::new(vec![], vec![], true));
        let ours = |host: &'static str, local: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            greeter.check_host(&headers, Some(local.parse().unwrap())).is_ok()
        };
        assert!(ours("127.0.0.5:80", "127.0.0.5:80") && ours("127.0.0.5:80", "127.0.0.5:80"));
        assert!(!ours("127.0.0.5:80", "127.0.0.6:80") && !ours("evil.example", "127.0.0.5:80"));
        assert!(ours("127.0.0.5:80", "127.0.0.5:80"));
        assert!(greeter.check_host(&HeaderMap::new(), Some("127.0.0.5:80".parse().unwrap())).is_err());
        assert!(greeter.check_host(&HeaderMap::new(), None).is_ok());
    }

    #[test]
    fn a_host_is_ours_by_list_by_address_or_on_loopback() {
        let names = Names::new(vec!["gateway.internal".into()], vec![], true);
        for ours in ["gateway.internal", "GATEWAY.internal:8080", "localhost:1", "127.0.0.1", "[::1]:80", "127.0.0.5"] {
            assert!(host(&names, ours, "127.0.0.5:8080"), "{ours}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            ":80",
            "a@localhost@evil",
            "user@localhost",
            "localhost.",
            "gateway.internal.",
            "127.0.0.6",
            "127.1",
            "0x7f000001",
            "2130706433",
            "[::1",
            "[::1%25lo]",
            "localhost,evil.example",
            "localhost/",
        ] {
            assert!(!host(&names, foreign, "127.0.0.5:8080"), "{foreign}");
        }
        assert!(host(&names, "[::ffff:127.0.0.5]", "127.0.0.5:1") && host(&names, "127.0.0.5", "[::ffff:127.0.0.5]:1"));
        let listed = Names::new(vec!["[2001:db8::1]".into()], vec![], false);
        assert!(host(&listed, "[2001:DB8::1]:443", "10.0.0.1:8080") && !host(&listed, "[2001:db8::2]", "10.0.0.1:1"));
        assert!(!host(&names, "localhost", "10.0.0.1:8080"), "off loopback, localhost is somebody else");
        assert!(host(&names, "10.0.0.1", "10.0.0.1:8080"));
        assert!(!host(&names, "127.0.0.1", "10.0.0.1:8080"));
    }

    #[test]
    fn pages_of_this_machine_may_ask_on_a_loopback_listener_only() {
        let here = Names::new(vec![], vec!["https://ide.example.com".into()], true);
        let open = Names::new(vec![], vec!["https://ide.example.com".into()], false);
        for local in ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:3000"] {
            assert!(origin(&here, local) && !origin(&open, local), "{local}");
        }
        for foreign in [
            "null",
            "https://evil.example",
            "http://localhost.evil",
            "http://localhost@evil",
            "http://evil@localhost",
            "http://localhost/",
            "http://localhost:1/x",
            "ftp://localhost",
            "localhost",
            "",
            "https://ide.example.com:444",
        ] {
            assert!(!origin(&here, foreign) && !origin(&open, foreign), "{foreign}");
        }
        assert!(origin(&open, "https://ide.example.com"));
        assert!(here.check_origin(&HeaderMap::new()).unwrap().is_none());
    }
}
