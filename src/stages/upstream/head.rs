//! The head of a request to a server: written anew, never copied raw (security, "HTTP", 1 and 6).

use http::HeaderMap;

use crate::model::{Decimal, RequestId};
use crate::net::upstream::Field;
use crate::protocol::hop_by_hop::HopByHop;
use crate::protocol::revision::Era;
use crate::telemetry::trace::Trace;

/// What goes to the server.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The request's id, so that a server's log can be laid beside ours.
    pub id: RequestId,
    /// What the server is told of the trace.
    pub trace: &'a Trace,
    /// `POST`, `GET` or `DELETE`.
    pub method: &'static str,
    /// The client's fields.
    pub headers: &'a HeaderMap,
    /// The era of the message: sessions and resumption are of the legacy one.
    pub era: Era,
    /// `Mcp-Name` in the place of the client's, where that is not the server's own name.
    pub name: Option<&'a str>,
    /// The server's own session id.
    pub session: Option<&'a str>,
    /// What the server is shown of us and of the caller. A client's own fields of these names do not pass.
    pub shown: [Option<&'a Field>; 2],
    /// Further fields, in the place of the client's. Where a name is shown as well, that one goes.
    pub more: &'a [&'a (String, String)],
    /// Whether the answer may come in a coding that the client asks for, since nothing here has to read it.
    pub encodable: bool,
    /// The length of the body; `None` where there is none.
    pub length: Option<usize>,
}

impl Outgoing<'_> {
    /// Appends the head.
    ///
    /// Where the answer has to be read no coding is asked for, and that is said: without the field a server may choose
    /// one (RFC 9110, 12.5.3).
    pub fn write(&self, authority: &str, path: &str, out: &mut Vec<u8>) {
        let id = self.id.hex();
        let begin = [self.method, " ", path, " HTTP/1.1\r\nhost: ", authority, "\r\nx-request-id: ", &id, "\r\n"];
        begin.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
        if !self.encodable {
            field(out, "accept-encoding", b"identity");
        }
        let hop_by_hop = HopByHop::of(self.headers);
        for (name, value) in self.headers {
            let name = name.as_str();
            if self.passes(name) && !hop_by_hop.has(name) && !self.shows(name) && !self.adds(name) {
                field(out, name, value.as_bytes());
            }
        }
        for shown in self.shown.into_iter().flatten() {
            out.extend_from_slice(shown.line());
        }
        for (name, value) in self.more.iter().filter(|(name, _)| !self.shows(name)) {
            field(out, name, value.as_bytes());
        }
        if let Trace::Sampled(span) = self.trace {
            out.extend_from_slice(b"traceparent: ");
            span.write(out);
            out.extend_from_slice(b"\r\n");
        }
        if let Some(name) = self.name {
            field(out, "mcp-name", name.as_bytes());
        }
        if let Some(session) = self.session {
            field(out, "mcp-session-id", session.as_bytes());
        }
        if let Some(length) = self.length {
            field(out, "content-length", Decimal::of(length as u64).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether we have a field of this name ourselves.
    fn shows(&self, name: &str) -> bool {
        self.shown.iter().flatten().any(|shown| shown.name() == name.as_bytes())
    }

    /// Whether a rule has a field of this name.
    fn adds(&self, name: &str) -> bool {
        self.more.iter().any(|(more, _)| more == name)
    }

    /// Whether a field of the client's goes on. What names the client to us, or us to the client, does not: it would
    /// be a credential, or a claim that nobody has checked (addresses; where the page stands that `Origin` names).
    fn passes(&self, name: &str) -> bool {
        match name {
            "mcp-name" => self.name.is_none(),
            "last-event-id" => self.era == Era::Legacy,
            "accept-encoding" => self.encodable,
            "traceparent" => matches!(self.trace, Trace::Passes),
            "tracestate" => self.has_tracestate(),
            "host" | "content-length" | "expect" | "mcp-session-id" => false,
            // A client's own would be a claim that nobody has checked.
            "x-request-id" => false,
            "origin" | "referer" | "authorization" | "cookie" | "x-auth-token" => false,
            "forwarded" | "x-real-ip" | "x-client-ip" | "true-client-ip" | "cf-connecting-ip" => false,
            other => {
                let ours = ["weir-", "x-forwarded-", "sec-fetch-"].iter().any(|prefix| other.starts_with(prefix));
                let key = other.ends_with("api-key") || other.ends_with("apikey");
                !ours && !key
            }
        }
    }
}

impl Outgoing<'_> {
    /// What vendors say of a trace belongs to the `traceparent` that it came with.
    fn has_tracestate(&self) -> bool {
        match self.trace {
            Trace::Passes => true,
            Trace::Sampled(span) => span.has_parent(),
            Trace::Dropped => false,
        }
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::model::RequestIds;

    fn id() -> RequestId {
        RequestIds::new().next()
    }

    /// The head without the line of the request's id, which has to be there once.
    fn without_id(head: &str) -> String {
        let (ids, others): (Vec<_>, Vec<_>) =
            head.split_inclusive("\r\n").partition(|line| line.starts_with("x-request-id: "));
        assert!(ids.len() == 1 && ids[0].len() == 14 + 32 + 2, "{head}");
        others.concat()
    }

    fn written(era: Era, session: Option<&str>, fields: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let encodable = false;
        let outgoing = Outgoing {
            id: id(),
            trace: &Trace::Passes,
            method: "POST",
            headers: &headers,
            era,
            name: None,
            session,
            shown: [None; 2],
            more: &[],
            encodable,
            length: Some(2),
        };
        let mut out = Vec::new();
        outgoing.write("files.internal:3000", "/mcp?x=1", &mut out);
        let text = String::from_utf8(out).unwrap();
        let text = without_id(&text);
        let ours = "POST /mcp?x=1 HTTP/1.1\r\nhost: files.internal:3000\r\naccept-encoding: identity\r\n";
        let fields = text.strip_prefix(ours).expect("it begins alike").strip_suffix("content-length: 2\r\n\r\n");
        fields.expect("it ends alike").to_owned()
    }

    #[test]
    fn a_coding_is_asked_for_where_nothing_here_has_to_read_the_answer() {
        let headers = HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))]);
        for (encodable, expected) in
            [(true, "accept-encoding: gzip, zstd\r\n"), (false, "accept-encoding: identity\r\n")]
        {
            let (era, method) = (Era::Modern, "POST");
            let outgoing = Outgoing {
                id: id(),
                trace: &Trace::Passes,
                method,
                headers: &headers,
                era,
                name: None,
                session: None,
                shown: [None; 2],
                more: &[],
                encodable,
                length: None,
            };
            let mut out = Vec::new();
            outgoing.write("a", "/", &mut out);
            assert_eq!(
                without_id(&String::from_utf8(out).unwrap()),
                format!("POST / HTTP/1.1\r\nhost: a\r\n{expected}\r\n")
            );
        }
    }

    #[test]
    fn what_a_server_is_shown_of_us_is_there_once() {
        let fields = [("x-team-secret", "theirs"), ("authorization", "Bearer theirs"), ("x-team", "blue")];
        let fields = fields.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers = HeaderMap::from_iter(fields);
        let (credential, assertion) = (Field::new("x-team-secret", b"ours"), Field::new("weir-principal", b"a.b.c"));
        let outgoing = Outgoing {
            id: id(),
            trace: &Trace::Passes,
            method: "GET",
            headers: &headers,
            era: Era::Legacy,
            name: None,
            session: None,
            shown: [credential.as_ref(), assertion.as_ref()],
            more: &[],
            encodable: true,
            length: None,
        };
        let mut out = Vec::new();
        outgoing.write("a", "/", &mut out);
        assert_eq!(
            without_id(&String::from_utf8(out).unwrap()),
            "GET / HTTP/1.1\r\nhost: a\r\nx-team: blue\r\nx-team-secret: ours\r\nweir-principal: a.b.c\r\n\r\n"
        );
    }

    #[test]
    fn what_is_the_clients_own_stays_here() {
        for name in [
            "host",
            "content-length",
            "expect",
            "accept-encoding",
            "origin",
            "referer",
            "authorization",
            "cookie",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "x-auth-token",
            "proxy-authorization",
            "proxy-connection",
            "mcp-session-id",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-real-ip",
            "true-client-ip",
            "sec-fetch-site",
            "weir-principal",
            "x-request-id",
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
        ] {
            assert_eq!(written(Era::Legacy, None, &[(name, "x")]), "", "{name}");
        }
    }

    #[test]
    fn everything_else_passes_in_its_order_and_number() {
        let fields = [
            ("user-agent", "example/1.0"),
            ("accept", "application/json, text/event-stream"),
            ("x-team", "blue"),
            ("content-type", "application/json; charset=utf-8"),
            ("mcp-param-region", "=?base64?w7w=?="),
            ("traceparent", "00-1"),
            ("x-team", "green"),
            ("baggage", ""),
        ];
        assert_eq!(
            written(Era::Modern, None, &fields),
            "user-agent: example/1.0\r\naccept: application/json, text/event-stream\r\nx-team: blue\r\n\
             x-team: green\r\ncontent-type: application/json; charset=utf-8\r\nmcp-param-region: =?base64?w7w=?=\r\n\
             traceparent: 00-1\r\nbaggage: \r\n"
        );
    }

    #[test]
    fn connection_takes_away_what_it_names() {
        let fields = [("connection", "x-hop, mcp-method"), ("x-hop", "1"), ("mcp-method", "tools/call")];
        assert_eq!(written(Era::Modern, None, &fields), "mcp-method: tools/call\r\n");
    }

    #[test]
    fn sessions_and_resumption_are_of_the_legacy_era() {
        let fields = [("mcp-session-id", "sealed"), ("last-event-id", "7")];
        assert_eq!(written(Era::Legacy, Some("s-1"), &fields), "last-event-id: 7\r\nmcp-session-id: s-1\r\n");
        assert_eq!(written(Era::Modern, None, &fields), "");
    }
}
