//! URLs: where a server is, and what clients call us.

use super::{
    host,
    shape::{Key, Kind, Shape, Value},
};

/// Longer URLs are refused.
const MOST_URL: usize = 2048;

/// Where one instance of a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL in one spelling: scheme and host in lower case, no default port, `/` where there was no path.
    pub url: String,
    /// TLS is spoken: the scheme is `https`.
    pub https: bool,
    /// The host as a `Host` header has it: a name in lower case, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port; 80 or 443 where the URL has none.
    pub port: u16,
    /// The request target: path and query.
    pub target: String,
}

/// What clients call the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// Scheme, host and perhaps port, without a slash at the end.
    pub url: String,
    /// The host, in the form of [`Endpoint::host`].
    pub host: String,
}

pub(super) const SHAPE: Shape = Shape {
    title: "an element of `endpoints`",
    about: "The long form of an endpoint; the short form is its URL alone.",
    keys: &[Key {
        name: "url",
        kind: Kind::Text("a URL, \"http://10.0.0.1:3000/mcp\""),
        default: Value::Absent,
        about: "Where it is.",
    }],
    unbuilt: &["weight"],
};

impl Endpoint {
    /// The meaning of a URL. The error is a sentence without subject, and says nothing of what stands before an `@`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (https, rest) = scheme(text)?;
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = host::authority(authority)?;
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let default = if https { 443 } else { 80 };
        let port = port.unwrap_or(default);
        let (scheme, shown) = (if https { "https" } else { "http" }, shown_port(port, default));
        Ok(Self { url: format!("{scheme}://{host}{shown}{target}"), https, host, port, target })
    }

    /// The `Host` header: the host, and the port where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let default = if self.https { 443 } else { 80 };
        format!("{}{}", self.host, shown_port(self.port, default))
    }

    /// The host to resolve or to connect to: without brackets.
    pub fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl PublicUrl {
    /// The meaning of a URL without path. The error is a sentence without subject.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (https, rest) = scheme(text)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?']) {
            return Err(format!("takes scheme, host and port, without a path; not {text:?}"));
        }
        let (host, _) = host::authority(authority)?;
        let scheme = if https { "https" } else { "http" };
        Ok(Self { url: host::origin(&format!("{scheme}://{authority}"))?, host })
    }
}

/// Whether the scheme is `https`, and what is behind it.
fn scheme(text: &str) -> Result<(bool, &str), String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains('@') {
        return Err("has a user or password in its URL, which would show in logs: take it out".to_owned());
    }
    let https = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => false,
        _ if scheme.eq_ignore_ascii_case("https") => true,
        _ => return Err(format!("takes a URL that begins with http:// or https://, not {text:?}")),
    };
    if text.contains('#') {
        return Err(format!("has a fragment (#...) in its URL, which is never sent: {text:?}"));
    }
    if text.len() > MOST_URL {
        return Err(format!("has a URL of {} bytes: at most {MOST_URL}", text.len()));
    }
    if let Some(stray) = rest.chars().find(|c| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(*c)) {
        return Err(format!("has {stray:?} in its URL, which has to be percent-encoded there"));
    }
    Ok((https, rest))
}

fn shown_port(port: u16, default: u16) -> String {
    if port == default { String::new() } else { format!(":{port}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let endpoint = Endpoint::parse("HTTP://Files.Internal:3000/mcp?a=b:c@d").unwrap();
        assert_eq!(endpoint.url, "http://files.internal:3000/mcp?a=b:c@d");
        assert_eq!((endpoint.https, &*endpoint.host, endpoint.port), (false, "files.internal", 3000));
        assert_eq!((&*endpoint.target, &*endpoint.authority()), ("/mcp?a=b:c@d", "files.internal:3000"));

        let endpoint = Endpoint::parse("https://[::1]").unwrap();
        assert_eq!((endpoint.https, endpoint.name(), endpoint.port), (true, "::1", 443));
        assert_eq!((&*endpoint.target, &*endpoint.authority()), ("/", "[::1]"));
        assert_eq!(Endpoint::parse("http://a:80?x").unwrap().url, "http://a/?x");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for wrong in [
            "",
            "a",
            "/mcp",
            "ftp://a",
            "http:/a",
            "http://",
            "http:///mcp",
            "http://a/#b",
            "http://a b/",
            "http://a/\u{e9}",
            "http://a:0/",
            "http://a:99999/",
            "http://a:80x/",
            "http://[::1/",
            "http://a/\r\nx",
            "http://127.1/",
            "http://a\\@b/",
        ] {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in ["http://user:hunter2@a/", "ftp://hunter2@a/", "user:hunter2@a"] {
            assert!(!Endpoint::parse(url).unwrap_err().contains("hunter2"), "{url}");
        }
    }

    #[test]
    fn a_public_url_has_no_path() {
        let url = PublicUrl::parse("https://Gateway.example.com:443/").unwrap();
        assert_eq!((&*url.url, &*url.host), ("https://gateway.example.com", "gateway.example.com"));
        for wrong in ["gateway.example.com", "https://a/b", "https://a?b", "https://a//", "unix:/run/weir.sock"] {
            assert!(PublicUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_url_is_its_own_spelling(text in "https?://[a-z:/?.\\[\\]0-9@]{0,30}") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                prop_assert_eq!(&Endpoint::parse(&endpoint.url).unwrap(), &endpoint);
                let end = format!("://{}{}", endpoint.authority(), endpoint.target);
                prop_assert!(endpoint.url.ends_with(&end));
            }
        }
    }
}
