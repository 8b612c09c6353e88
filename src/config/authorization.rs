//! `authorization` of a server: what we show it of ourselves. Never the caller's own credential.

use http::{HeaderMap, HeaderName};

use crate::protocol::hop_by_hop::HopByHop;

use super::{
    secret::Secret,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// What a server is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// A header field, the same for every call.
    Header {
        /// Its name, in lower case.
        name: String,
        /// Where its whole value is.
        value: Secret,
    },
}

pub(super) const SHAPE: Shape = Shape {
    title: "`authorization` of a server",
    about: "What we show a server of ourselves, with each request to it: those of calls, streams and ends of sessions, and \
            those of `weir doctor`. The caller's own credential is never passed on.",
    keys: &[
        Key {
            name: "header",
            kind: Kind::Text("the name of a header field"),
            default: Value::Text("Authorization"),
            about: "The field that `value` stands in. A client's own field of that name does not pass.",
        },
        Key {
            name: "value",
            kind: Kind::Table("the place of a secret, { file = \"...\" }"),
            default: Value::Absent,
            about: "Where the whole value of the field is, its scheme included: `Bearer ...`. Read again at a reload.",
        },
    ],
    unbuilt: &["client_credentials", "exchange"],
};

/// Fields that a request to a server has already, or that say something of it which we say ourselves.
const TAKEN: [&str; 15] = [
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "host",
    "last-event-id",
    "origin",
    "traceparent",
    "tracestate",
    "user-agent",
    "via",
    "x-request-id",
];
const TAKEN_PREFIXES: [&str; 4] = ["mcp-", "sec-", "weir-", "x-forwarded-"];

impl Authorization {
    /// That of a server's section; `None` where there is none, or what is written is none.
    pub(super) fn read(server: &Section<'_>) -> Option<Self> {
        if !server.has("authorization") {
            return None;
        }
        let section = server.hidden_table("authorization", &SHAPE);
        if !section.has("value") && server.has_table("authorization") {
            section.missing("value");
        }
        let name = section.text("header", field_name);
        let value = Secret::read_place(&section, "value");
        Some(Self::Header { name: name?, value: value? })
    }

    /// The secrets that it names.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let Self::Header { value, .. } = self;
        std::iter::once(value)
    }
}

/// A name that nothing else in a request bears, and that no hop takes away.
fn field_name(name: &str) -> Result<String, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "takes the name of a header field alone")?;
    let name = parsed.as_str();
    if HopByHop::of(&HeaderMap::new()).has(name) {
        return Err(format!("takes a header for the server itself: `{name}` is for the next hop alone"));
    }
    if TAKEN.contains(&name) || TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(format!(
            "takes a header for a credential: `{name}` says something else, which Weir or the client says"
        ));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_stands_in_a_field_of_its_own() {
        for (name, read) in [("Authorization", "authorization"), ("X-API-Key", "x-api-key"), ("Cookie", "cookie")] {
            assert_eq!(field_name(name).as_deref(), Ok(read));
        }
        for wrong in [
            "",
            "a b",
            "a:",
            "x\r\ny",
            "Host",
            "Connection",
            "TE",
            "Proxy-Authorization",
            "Content-Length",
            "Accept",
            "Mcp-Session-Id",
            "Weir-Principal",
            "X-Forwarded-For",
            "x-request-id",
            "traceparent",
            "Transfer-Encoding",
        ] {
            assert!(field_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
