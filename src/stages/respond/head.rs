//! The fields of a server's answer that pass to the client.

use http::{HeaderMap, HeaderName};

/// Removes what does not pass: fields of the connection (RFC 9110, 7.6.1), framing, and what would speak for us
/// instead of for the server: cookies and policies of our origin, sessions (they are sealed), a server's own challenge.
pub fn passing(mut headers: HeaderMap) -> HeaderMap {
    let ours: Vec<HeaderName> = headers.keys().filter(|name| !passes(name.as_str())).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
    headers
}

fn passes(name: &str) -> bool {
    match name {
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade" | "content-length" => false,
        "set-cookie" | "www-authenticate" | "mcp-session-id" => false,
        "strict-transport-security" | "alt-svc" | "clear-site-data" | "public-key-pins" => false,
        other => !["proxy-", "access-control-", "weir-"].iter().any(|prefix| other.starts_with(prefix)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_servers_own_words_pass_and_what_would_be_ours_does_not() {
        let mut headers = HeaderMap::new();
        let fields = ["content-type", "x-trace", "retry-after", "set-cookie", "www-authenticate", "mcp-session-id"];
        for name in fields.iter().chain(&["connection", "content-length", "access-control-allow-origin", "alt-svc"]) {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        let left: Vec<_> = passing(headers).keys().map(|name| name.as_str().to_owned()).collect();
        assert_eq!(left, ["content-type", "x-trace", "retry-after"]);
    }
}
