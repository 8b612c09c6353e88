//! Fields of a head that concern one connection only, and so end with it (RFC 9110, 7.6.1).

use http::header::{self, GetAll};
use http::{HeaderMap, HeaderValue};

/// Which fields of one head are hop by hop.
pub struct HopByHop<'a> {
    /// The values of `Connection`, which may name further fields.
    options: GetAll<'a, HeaderValue>,
}

impl<'a> HopByHop<'a> {
    /// Those of `headers`.
    pub fn of(headers: &'a HeaderMap) -> Self {
        Self { options: headers.get_all(header::CONNECTION) }
    }

    /// Whether the field `name`, in lower case, is one: by its own meaning, as one of a proxy's, or because
    /// `Connection` names it.
    ///
    /// What gateways, servers and clients go by stays end to end whatever `Connection` says, or whoever wrote it could
    /// take a field away from a check.
    pub fn has(&self, name: &str) -> bool {
        match name {
            "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade" | "http2-settings" => true,
            name if name.starts_with("proxy-") => true,
            name => self.options.iter().any(|value| names(value, name)) && !is_end_to_end(name),
        }
    }
}

fn names(value: &HeaderValue, name: &str) -> bool {
    let mut options = value.as_bytes().split(|&byte| byte == b',');
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

fn is_end_to_end(name: &str) -> bool {
    let known = ["accept", "content-type", "content-encoding", "last-event-id", "retry-after"];
    known.contains(&name) || name.starts_with("mcp-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(connection: &[&[u8]], name: &str) -> bool {
        let values = connection.iter().map(|value| HeaderValue::from_bytes(value).unwrap());
        HopByHop::of(&values.map(|value| (header::CONNECTION, value)).collect()).has(name)
    }

    #[test]
    fn a_field_is_hop_by_hop_by_its_meaning_or_because_it_is_named() {
        for name in ["connection", "te", "proxy-authorization", "proxy-connection", "upgrade", "transfer-encoding"] {
            assert!(has(&[], name), "{name}");
        }
        assert!(!has(&[], "x-hop"));
        assert!(has(&[b"close, X-Hop"], "x-hop"));
        assert!(has(&[b"close", b"\xff,\tx-hop\t,"], "x-hop"), "of several fields, and beside what is no token");
        assert!(!has(&[b"x-hopper, x hop"], "x-hop"));
    }

    #[test]
    fn nobody_takes_away_what_is_gone_by() {
        let greedy: &[&[u8]] = &[b"Mcp-Method, content-type, Content-Encoding, accept, Last-Event-Id, mcp-session-id"];
        for name in ["mcp-method", "content-type", "content-encoding", "accept", "last-event-id", "mcp-session-id"] {
            assert!(!has(greedy, name), "{name}");
        }
    }
}
