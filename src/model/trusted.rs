//! Whose word on a client's address is taken: proxies, by network.

use std::fmt;
use std::net::IpAddr;

use super::Remote;

/// A network, `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// The meaning of an address, or of an address and a prefix length. `None` for anything else, bits behind the
    /// prefix among it: whoever wrote them meant another network.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().ok()?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => most,
        };
        let network = Self { first, prefix };
        (prefix <= most && bits(first) & !network.mask() == 0).then_some(network)
    }

    /// Whether the address is one of the network's.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |address: IpAddr| address.is_ipv4() == self.first.is_ipv4();
        let mapped = Some(address.to_canonical()).filter(|address| same(*address));
        mapped
            .or(Some(address).filter(|address| same(*address)))
            .is_some_and(|address| bits(address) & self.mask() == bits(self.first))
    }

    /// The bits that count, at the top of an IPv6 address or of the low 32 bits.
    fn mask(&self) -> u128 {
        let (width, all) = if self.first.is_ipv4() { (32, u128::from(u32::MAX)) } else { (128, u128::MAX) };
        all.checked_shl(width - u32::from(self.prefix.min(128))).unwrap_or(0) & all
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// Those whose word is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    /// Proxies by their addresses.
    pub networks: Vec<Network>,
    /// Whoever may connect to the Unix socket.
    pub unix: bool,
}

impl Trusted {
    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// Whether this one is.
    pub fn has(&self, remote: Remote) -> bool {
        match remote.ip() {
            Some(address) => self.networks.iter().any(|network| network.contains(address)),
            None => self.unix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_network_has_its_addresses_and_no_others() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.8"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1", "::1", "::2"),
        ] {
            assert!(network(text).contains(inside.parse().unwrap()), "{inside} is in {text}");
            assert!(!network(text).contains(outside.parse().unwrap()), "{outside} is not in {text}");
        }
        assert_eq!(network("10.0.0.0/8").to_string(), "10.0.0.0/8");
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in
            ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "10/8", "localhost", "::1/64"]
        {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_unix_socket_is_trusted_where_it_is_said() {
        let trusted = Trusted { networks: vec![network("127.0.0.0/8")], unix: false };
        assert!(trusted.has(Remote::Tcp("127.0.0.2:1".parse().unwrap())));
        assert!(!trusted.has(Remote::Unix) && Trusted { unix: true, ..trusted }.has(Remote::Unix));
        assert!(!Trusted::default().has(Remote::Forwarded("127.0.0.1".parse().unwrap())));
    }
}
