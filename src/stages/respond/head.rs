//! The fields of a server's answer that pass to the client.

use http::{HeaderMap, HeaderName, header};

use crate::protocol::hop_by_hop::HopByHop;

/// Removes what does not pass: fields of the connection (RFC 9110, 7.6.1), framing, and what would speak for us instead
/// of for the server: cookies and policies of our origin, sessions (they are sealed), a server's own challenge, orders
/// to a proxy in front of us.
pub fn passing(mut headers: HeaderMap) -> HeaderMap {
    // Nearly every answer has this one, and many nothing else that stays: then nothing is allocated.
    headers.remove(header::CONTENT_LENGTH);
    let hop_by_hop = HopByHop::of(&headers);
    let stays = |name: &HeaderName| passes(name.as_str()) && !hop_by_hop.has(name.as_str());
    let ours: Vec<HeaderName> = headers.keys().filter(|name| !stays(name)).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
    headers
}

fn passes(name: &str) -> bool {
    match name {
        "set-cookie" | "set-cookie2" | "www-authenticate" | "mcp-session-id" => false,
        "strict-transport-security" | "alt-svc" | "clear-site-data" | "public-key-pins" => false,
        "nel" | "report-to" | "reporting-endpoints" | "service-worker-allowed" => false,
        other => !["access-control-", "weir-", "x-accel-", "x-sendfile"].iter().any(|ours| other.starts_with(ours)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn left(fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut left: Vec<_> =
            passing(headers).iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        // The order of different fields means nothing.
        left.sort_by(|one, other| one.split(':').next().cmp(&other.split(':').next()));
        left
    }

    #[test]
    fn what_would_be_ours_stays_here() {
        for name in [
            "connection",
            "keep-alive",
            "transfer-encoding",
            "trailer",
            "upgrade",
            "proxy-authenticate",
            "content-length",
            "set-cookie",
            "www-authenticate",
            "mcp-session-id",
            "access-control-allow-origin",
            "strict-transport-security",
            "alt-svc",
            "clear-site-data",
            "service-worker-allowed",
            "x-accel-redirect",
            "x-accel-buffering",
            "x-sendfile",
            "weir-principal",
        ] {
            assert_eq!(left(&[(name, "x")]), [""; 0], "{name}");
        }
    }

    #[test]
    fn the_servers_own_words_pass_in_their_order_and_number() {
        let fields = [
            ("content-type", "application/json"),
            ("set-cookie", "a=b"),
            ("x-trace", "one"),
            ("retry-after", "3"),
            ("x-trace", "two"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
        ];
        assert_eq!(left(&fields), ["content-type: application/json", "retry-after: 3", "x-trace: one", "x-trace: two"]);
    }
}
