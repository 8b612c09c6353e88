//! The head of a request to a server: written anew, never copied raw (security, "HTTP", 1 and 6).

use std::io::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::protocol::revision::Era;

/// What goes to the server.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// `POST`, `GET` or `DELETE`.
    pub method: &'static str,
    /// The client's fields.
    pub headers: &'a HeaderMap,
    /// The era of the message: sessions and resumption are of the legacy one.
    pub era: Era,
    /// The server's own session id.
    pub session: Option<&'a str>,
    /// Whether the answer may come encoded, since nothing here has to read it.
    pub encodable: bool,
    /// The length of the body; `None` where there is none.
    pub length: Option<usize>,
}

impl Outgoing<'_> {
    /// Appends the head.
    pub fn write(&self, authority: &str, path: &str, out: &mut Vec<u8>) {
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{} {path} HTTP/1.1\r\nhost: {authority}\r\n", self.method);
        let named = connection_options(self.headers);
        for (name, value) in self.headers {
            if self.passes(name) && !named.iter().any(|option| name.as_str().eq_ignore_ascii_case(option)) {
                field(out, name.as_str(), value.as_bytes());
            }
        }
        if let Some(session) = self.session {
            field(out, "mcp-session-id", session.as_bytes());
        }
        if let Some(length) = self.length {
            let _ = write!(out, "content-length: {length}\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether a field of the client's goes on. What names the client to us, or us to the client, does not: it would
    /// be a credential, or a claim about an address that nobody has checked.
    fn passes(&self, name: &HeaderName) -> bool {
        match name.as_str() {
            "accept-encoding" => self.encodable,
            "last-event-id" => self.era == Era::Legacy,
            "host" | "content-length" | "expect" | "mcp-session-id" | "origin" | "referer" => false,
            "authorization" | "cookie" | "x-api-key" | "api-key" => false,
            "forwarded" | "x-real-ip" => false,
            other => !is_hop_by_hop(other) && !other.starts_with("weir-") && !other.starts_with("x-forwarded-"),
        }
    }
}

/// Fields that concern one connection only (RFC 9110, 7.6.1), and those of proxies.
pub fn is_hop_by_hop(name: &str) -> bool {
    match name {
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade" | "http2-settings" => true,
        other => other.starts_with("proxy-"),
    }
}

/// The fields that `Connection` names: they are hop by hop as well.
fn connection_options(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let options = values.flat_map(|value| value.split(',')).map(str::trim);
    // `Connection` may not name fields that matter end to end, or a client could strip them from its own checks.
    options.filter(|option| !option.is_empty() && !is_end_to_end(option)).collect()
}

fn is_end_to_end(option: &str) -> bool {
    let starts = |prefix: &str| option.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    starts("mcp-") || option.eq_ignore_ascii_case("content-type") || option.eq_ignore_ascii_case("accept")
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(era: Era, fields: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let outgoing = Outgoing {
            method: "POST",
            headers: &headers,
            era,
            session: Some("s-1"),
            encodable: false,
            length: Some(2),
        };
        let mut out = Vec::new();
        outgoing.write("files.internal:3000", "/mcp?x=1", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_the_clients_own_stays_here() {
        let fields = [
            ("host", "gateway"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("x-api-key", "k"),
            ("origin", "http://localhost"),
            ("mcp-session-id", "sealed"),
            ("x-forwarded-for", "10.0.0.1"),
            ("weir-principal", "me"),
            ("proxy-authorization", "x"),
            ("accept-encoding", "gzip"),
            ("connection", "x-hop, mcp-method"),
            ("x-hop", "1"),
            ("mcp-method", "tools/call"),
            ("traceparent", "00-1"),
        ];
        assert_eq!(
            written(Era::Legacy, &fields),
            "POST /mcp?x=1 HTTP/1.1\r\nhost: files.internal:3000\r\nmcp-method: tools/call\r\ntraceparent: 00-1\r\n\
             mcp-session-id: s-1\r\ncontent-length: 2\r\n\r\n"
        );
    }

    #[test]
    fn resumption_is_of_the_legacy_era() {
        assert!(written(Era::Legacy, &[("last-event-id", "7")]).contains("last-event-id: 7\r\n"));
        assert!(!written(Era::Modern, &[("last-event-id", "7")]).contains("last-event-id"));
    }
}
