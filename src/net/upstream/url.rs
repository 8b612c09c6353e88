//! The address of a server as text: `http` or `https`, and nothing in it that we would have to drop silently.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest URL taken, in bytes.
const MAX_URL: usize = 8 * 1024;

/// A checked URL of a server (RFC 3986), in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl {
    /// The whole URL, with scheme and host in lower case and without a default port.
    pub url: String,
    /// True for `https`.
    pub secure: bool,
    /// A name, or an address literal without its brackets; lower case.
    pub host: String,
    /// The port, 80 or 443 where the URL names none.
    pub port: u16,
    /// What the `Host` field says: the host, in brackets if it is an IPv6 address, and the port if not the default.
    pub authority: String,
    /// Path and query, at least `/`.
    pub path: String,
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It has no `http://` or `https://` in front.
    Scheme,
    /// It has a fragment, which is never sent.
    Fragment,
    /// It has a user or password in it.
    UserInfo,
    /// There is no host in it.
    NoHost,
    /// The host is neither a DNS name nor an address.
    Host(String),
    /// The port is not a number from 1 to 65535.
    Port(String),
    /// A character that may not stand in a URL as it is.
    Character(char),
    /// A `%` without two hexadecimal digits behind it.
    Percent,
    /// Longer than 8 KiB.
    Long,
}

impl EndpointUrl {
    /// Reads the URL of a server.
    ///
    /// # Errors
    /// What is wrong with it, in words for whoever wrote the configuration.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        if url.len() > MAX_URL {
            return Err(UrlError::Long);
        }
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(UrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        check_path(path)?;
        let (host, bracketed, port) = split_authority(authority)?;
        let standard = if secure { 443 } else { 80 };
        let port = match port {
            None | Some("") => standard,
            Some(text) => parse_port(text)?,
        };
        let shown = if bracketed { format!("[{host}]") } else { host.clone() };
        let authority = if port == standard { shown } else { format!("{shown}:{port}") };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let scheme = if secure { "https" } else { "http" };
        Ok(Self { url: format!("{scheme}://{authority}{path}"), secure, host, port, authority, path })
    }
}

/// The host (checked, lower case), whether it stood in brackets, and the text of the port.
fn split_authority(authority: &str) -> Result<(String, bool, Option<&str>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (literal, after) = rest.split_once(']').ok_or_else(|| UrlError::Host(authority.to_owned()))?;
        let address: Ipv6Addr = literal.parse().map_err(|_| UrlError::Host(literal.to_owned()))?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err(UrlError::Host(authority.to_owned())),
        };
        return Ok((address.to_string(), true, port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => return Err(UrlError::Host(authority.to_owned())),
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    if !is_name(host) && host.parse::<Ipv4Addr>().is_err() {
        return Err(UrlError::Host(host.to_owned()));
    }
    Ok((host.to_ascii_lowercase(), false, port))
}

/// A DNS name whose last label is no number (`1.2.3` and `0x7f.1` are old spellings of addresses, not names).
fn is_name(host: &str) -> bool {
    let labels = host.strip_suffix('.').unwrap_or(host);
    let label_is_sound = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = labels.rsplit('.').next().unwrap_or(labels);
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.get(..2).is_some_and(|two| two == "0x");
    labels.len() <= 253 && labels.split('.').all(label_is_sound) && !numeric
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(UrlError::Port(text.to_owned())),
    }
}

/// Path and query hold only what RFC 3986 section 3.3 and 3.4 allow; it is sent as it stands here.
fn check_path(path: &str) -> Result<(), UrlError> {
    if let Some(character) = path.chars().find(|&c| !c.is_ascii_alphanumeric() && !"-._~:/?@!$&'()*+,;=%".contains(c)) {
        return Err(UrlError::Character(character));
    }
    let sound = path.split('%').skip(1).all(|rest| {
        let pair = rest.as_bytes().get(..2);
        pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    });
    if sound { Ok(()) } else { Err(UrlError::Percent) }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("a server's URL begins with http:// or https://"),
            Self::Fragment => f.write_str("a server's URL has no fragment (the part from # on is never sent)"),
            Self::UserInfo => f.write_str("a server's URL has no user or password; send a header instead"),
            Self::NoHost => f.write_str("the URL names no host"),
            Self::Host(host) => write!(f, "`{host}` is neither a host name nor an address (IPv6 stands in brackets)"),
            Self::Port(port) => write!(f, "`{port}` is no port: a number from 1 to 65535 is"),
            Self::Character(character) => write!(f, "{character:?} may not stand in a URL; percent-encode it"),
            Self::Percent => f.write_str("a % in a URL is followed by two hexadecimal digits"),
            Self::Long => write!(f, "the URL is longer than {MAX_URL} bytes"),
        }
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (bool, String, u16, String, String) {
        let url = EndpointUrl::parse(url).expect("a sound URL");
        (url.secure, url.host, url.port, url.authority, url.path)
    }

    #[test]
    fn a_url_is_taken_apart_and_its_defaults_are_filled_in() {
        let expect = |secure, host: &str, port, authority: &str, path: &str| {
            (secure, host.to_owned(), port, authority.to_owned(), path.to_owned())
        };
        assert_eq!(parts("http://Example.com"), expect(false, "example.com", 80, "example.com", "/"));
        assert_eq!(parts("HTTPS://a-b.c_d:443/mcp"), expect(true, "a-b.c_d", 443, "a-b.c_d", "/mcp"));
        assert_eq!(parts("https://h:80/m?x=%2F"), expect(true, "h", 80, "h:80", "/m?x=%2F"));
        assert_eq!(parts("http://127.0.0.1:9000?q"), expect(false, "127.0.0.1", 9000, "127.0.0.1:9000", "/?q"));
        assert_eq!(parts("http://[0:0::1]:8080/"), expect(false, "::1", 8080, "[::1]:8080", "/"));
        assert_eq!(parts("http://[::1]"), expect(false, "::1", 80, "[::1]", "/"));
        let url = EndpointUrl::parse("HTTP://Example.com:80?x").expect("a sound URL").url;
        assert_eq!(url, "http://example.com/?x");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |url: &str| EndpointUrl::parse(url).expect_err(url);
        assert_eq!(wrong("example.com"), UrlError::Scheme);
        assert_eq!(wrong("ftp://example.com"), UrlError::Scheme);
        assert_eq!(wrong(" http://example.com"), UrlError::Scheme);
        assert_eq!(wrong("http://h/#f"), UrlError::Fragment);
        assert_eq!(wrong("http://u:p@h/"), UrlError::UserInfo);
        assert_eq!(wrong("http:///mcp"), UrlError::NoHost);
        assert_eq!(wrong("http://:80/"), UrlError::NoHost);
        for host in ["a b", "a..b", "-a", "1.2.3", "0x7f.1", "300.1.1.1", "ü.example", "a%41", "h\\x", "::1"] {
            let url = format!("http://{host}/");
            assert!(matches!(wrong(&url), UrlError::Host(_)), "{url}");
        }
        for host in ["[::1", "[::1]x", "[fe80::1%25eth0]", "[127.0.0.1]"] {
            assert!(matches!(wrong(&format!("http://{host}/")), UrlError::Host(_)), "{host}");
        }
        for port in ["0", "65536", "+80", "x"] {
            assert_eq!(wrong(&format!("http://h:{port}/")), UrlError::Port(port.to_owned()));
        }
        assert_eq!(wrong("http://h/a b"), UrlError::Character(' '));
        assert_eq!(wrong("http://h/\r\nX: y"), UrlError::Character('\r'));
        assert_eq!(wrong("http://h/ä"), UrlError::Character('ä'));
        assert_eq!(wrong("http://h/%2"), UrlError::Percent);
        assert_eq!(wrong("http://h/%%20"), UrlError::Percent);
        assert_eq!(wrong(&format!("http://h/{}", "a".repeat(MAX_URL))), UrlError::Long);
    }
}
