//! Whom a request comes from where a proxy passes it on: `X-Forwarded-For`, as far as those who wrote it are trusted.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::model::{Remote, Trusted};

/// Each proxy appends whom it was asked by: from the right, the first that is no proxy of ours is the client. What
/// stands further left is the client's own claim.
pub(super) fn client(headers: &HeaderMap, remote: Remote, trusted: &Trusted) -> Remote {
    if !trusted.has(remote) {
        return remote;
    }
    let mut client = remote;
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        for named in line.as_bytes().rsplit(|byte| *byte == b',') {
            // Behind what cannot be read nothing is known.
            let Some(address) = std::str::from_utf8(named).ok().and_then(address) else { return client };
            client = Remote::Forwarded(address);
            if !trusted.has(client) {
                return client;
            }
        }
    }
    client
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse().map(IpAddr::V6).ok(),
        None => text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip())),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use crate::model::Network;

    use super::*;

    #[test]
    fn the_rightmost_address_that_is_no_proxy_of_ours_is_the_client() {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| Network::parse(text).unwrap());
        let trusted = Trusted { networks: networks.into(), unix: true };
        let of = |remote: Remote, lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            lines.iter().for_each(|line| _ = headers.append("x-forwarded-for", line.parse().unwrap()));
            client(&headers, remote, &trusted).to_string()
        };
        let proxy = Remote::Tcp("10.0.0.1:4711".parse().unwrap());
        for (lines, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7, 10.0.0.9"], "203.0.113.7"),
            (&["6.6.6.6", "203.0.113.7,10.0.0.9", " fd00::1 "], "203.0.113.7"),
            (&["203.0.113.7:55000"], "203.0.113.7"),
            (&["[2001:db8::7]:55000"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["::ffff:203.0.113.7"], "203.0.113.7"),
            (&["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
            (&["203.0.113.7, unknown"], "10.0.0.1:4711"),
            (&["203.0.113.7, , 10.0.0.9"], "10.0.0.9"),
            (&[""], "10.0.0.1:4711"),
            (&[], "10.0.0.1:4711"),
        ] {
            assert_eq!(of(proxy, lines), expected, "{lines:?}");
        }
        let stranger = Remote::Tcp("192.0.2.1:1".parse().unwrap());
        assert_eq!(of(stranger, &["203.0.113.7"]), "192.0.2.1:1", "nobody's word but a proxy's");
        assert_eq!(of(Remote::Unix, &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(client(&HeaderMap::new(), Remote::Unix, &Trusted::default()), Remote::Unix);
    }
}
