//! Host names, authorities and origins, each in the one spelling in which they are compared.

use std::net::{Ipv4Addr, Ipv6Addr};

const MOST_NAME: usize = 253;
const MOST_LABEL: usize = 63;

/// A host as a `Host` header has it, without port: a name in lower case, an IPv4 address, or an IPv6 address in brackets
/// (which may be left out here). The error is a sentence without subject.
pub(super) fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(address.to_string());
    }
    name(text)
}

/// `HOST[:PORT]`, the host as [`host`] gives it; an IPv6 address needs its brackets.
pub(super) fn authority(text: &str) -> Result<(String, Option<u16>), String> {
    let at = match text.rfind(']') {
        Some(bracket) => bracket + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (name, port) = text.split_at(at);
    let port = match port.strip_prefix(':') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = digits.parse().ok().filter(|port| *port != 0);
            Some(port.ok_or_else(|| format!("has the port {digits}: it has to be from 1 to 65535"))?)
        }
        None if port.is_empty() => None,
        _ => return Err(format!("has {port:?} behind its host, where only a port may be")),
    };
    Ok((host(name)?, port))
}

/// An origin in the form in which a browser sends it: scheme and host in lower case, no default port, no path.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let wrong = |why: &str| format!("takes origins, scheme://host[:port]; {text:?} {why}");
    if text.contains('@') {
        return Err("takes origins, scheme://host[:port], without a user".to_owned());
    }
    if text == "*" {
        return Err(wrong("would let every web page in: name the ones that may call"));
    }
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
    let scheme = scheme.to_ascii_lowercase();
    let plain = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !plain || !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(wrong("has no scheme"));
    }
    if rest.contains(['/', '?', '#']) {
        return Err(wrong("has more than scheme, host and port (a slash at the end counts)"));
    }
    let (host, port) = authority(rest).map_err(|why| wrong(&why))?;
    let default = match &*scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    Ok(match port.filter(|port| Some(*port) != default) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

fn name(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("takes host names; {text:?} {why}"));
    if !text.is_ascii() {
        return wrong("has other than ASCII letters: write the name as DNS has it, xn--...");
    }
    if let Some((before, port)) = text.rsplit_once(':')
        && !before.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return wrong("has a port: leave it out");
    }
    let fits = |label: &str| {
        (1..=MOST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if text.len() > MOST_NAME || !text.split('.').all(fits) {
        return wrong("is none");
    }
    // What ends in digits only is an attempt at an IPv4 address, which others might read as one (127.1, 0x7f.1).
    if text.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| first.is_ascii_digit())) {
        return wrong("is neither a name nor an IPv4 address");
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_spelling() {
        for (text, spelt) in [
            ("Gateway.Internal", "gateway.internal"),
            ("a_b-c", "a_b-c"),
            ("10.0.0.1", "10.0.0.1"),
            ("::1", "[::1]"),
            ("[0:0::1]", "[::1]"),
        ] {
            assert_eq!(host(text).as_deref(), Ok(spelt));
        }
        for wrong in
            ["", ".", "a.", "a..b", "a b", "a/b", "user@a", "a:80", "127.1", "1.2.3.256", "0x7f", "b\u{fc}.de", "*"]
        {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn authorities_are_host_and_port() {
        assert_eq!(authority("A.b:80"), Ok(("a.b".to_owned(), Some(80))));
        assert_eq!(authority("[::1]:80"), Ok(("[::1]".to_owned(), Some(80))));
        assert_eq!(authority("[::1]"), Ok(("[::1]".to_owned(), None)));
        for wrong in ["", ":80", "a:", "a:0", "a:65536", "a:+1", "a:b", "::1", "[::1]x", "[::1", "a]:1"] {
            assert!(authority(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_spelt_as_browsers_do() {
        for (text, spelt) in [
            ("HTTPS://IDE.example.com:443", "https://ide.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("tauri://localhost", "tauri://localhost"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(spelt));
        }
        for wrong in [
            "",
            "*",
            "null",
            "ide.example.com",
            "https://a/",
            "https://",
            "://a",
            "https://a:1:2",
            "https://u@a",
            "1x://a",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
