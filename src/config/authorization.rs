//! `authorization` of a server: what we show it of ourselves. Never the caller's own credential.

use http::{HeaderMap, HeaderName};

use crate::protocol::hop_by_hop::HopByHop;

use super::{
    fetch,
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
    /// Tokens that are given to us (RFC 6749, 4.4).
    Client(Grant),
    /// Tokens that are given for a caller's own (RFC 8693).
    Exchange(Grant),
}

/// Where tokens for a server are asked for, as whom, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Where.
    pub source: TokenSource,
    /// `client`, `id`: who we are there.
    pub id: String,
    /// `client`, `secret`: what proves it.
    pub secret: Secret,
    /// `client`, `authenticate`: it stands in the form; no.
    pub in_form: bool,
    /// `scopes`: none.
    pub scopes: Vec<String>,
    /// `audience`: whom they are for.
    pub audience: Option<String>,
    /// `resource`: what they are for (RFC 8707).
    pub resource: Option<String>,
    /// `subject`, of an exchange: what a caller's token is called.
    pub subject: Subject,
}

/// Where tokens are given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// `url`: there.
    Url(String),
    /// `issuer`: where its metadata say.
    Issuer(String),
}

/// What a token is called that is exchanged (RFC 8693, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An access token.
    AccessToken,
    /// A JWT.
    Jwt,
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
        Key {
            name: "client_credentials",
            kind: Kind::Table("a table"),
            default: Value::Absent,
            about: "Tokens that an authorization server gives us for it (RFC 6749, 4.4); see below.",
        },
        Key {
            name: "exchange",
            kind: Kind::Table("a table"),
            default: Value::Absent,
            about: "Tokens that it gives us for it in exchange for each caller's own (RFC 8693); see below.",
        },
    ],
    unbuilt: &[],
};

pub(super) const CLIENT_CREDENTIALS: Shape = Shape {
    title: "`client_credentials` of an `authorization`",
    about: "A token of our own for a server, had from an authorization server, kept, and replaced before it ends. While there \
            is none, calls are answered 503 `identity_unavailable`: nothing is sent without.",
    keys: &[
        URL,
        Key {
            name: "issuer",
            kind: Kind::Text("a URL"),
            default: Value::Absent,
            about: "In the place of `url`: the issuer whose metadata say it (RFC 8414, OpenID Connect Discovery).",
        },
        CLIENT,
        SCOPES,
        AUDIENCE,
        RESOURCE,
    ],
    unbuilt: &[],
};

pub(super) const EXCHANGE: Shape = Shape {
    title: "`exchange` of an `authorization`",
    about: "A token for a server in exchange for the caller's own, one for each caller's token, kept for no longer than that is \
            valid. A caller who has shown none is answered 401; nothing is sent without.",
    keys: &[
        URL,
        CLIENT,
        SCOPES,
        AUDIENCE,
        RESOURCE,
        Key {
            name: "subject",
            kind: Kind::Choice(&["access_token", "jwt"]),
            default: Value::Text("access_token"),
            about: "What the caller's token is called there (`subject_token_type`).",
        },
    ],
    unbuilt: &[],
};

pub(super) const WHO: Shape = Shape {
    title: "`client` of these",
    about: "Who we are to the authorization server.",
    keys: &[
        Key { name: "id", kind: Kind::Text("a text"), default: Value::Absent, about: "Our name there. Needed." },
        Key {
            name: "secret",
            kind: Kind::Table("the place of a secret, { file = \"...\" }"),
            default: Value::Absent,
            about: "Where what proves it is. Needed. Read again at a reload.",
        },
        Key {
            name: "authenticate",
            kind: Kind::Choice(&["basic", "form"]),
            default: Value::Text("basic"),
            about: "Where both are sent: in `Authorization`, or in the form (RFC 6749, 2.3.1).",
        },
    ],
    unbuilt: &[],
};

const URL: Key = Key {
    name: "url",
    kind: Kind::Text("a URL, \"https://id.example.com/token\""),
    default: Value::Absent,
    about: "The token endpoint: https, or http on loopback. `[fetch]` says whom it may be, and whom we trust.",
};
const CLIENT: Key = Key {
    name: "client",
    kind: Kind::Table("a table"),
    default: Value::Absent,
    about: "Who we are there; see below. Needed.",
};
const SCOPES: Key = Key {
    name: "scopes",
    kind: Kind::List("scopes, [\"files:read\"]"),
    default: Value::Absent,
    about: "The scopes that are asked for. Default: none, and the authorization server decides.",
};
const AUDIENCE: Key = Key {
    name: "audience",
    kind: Kind::Text("a text"),
    default: Value::Absent,
    about: "Whom the token is for, as the authorization server calls it (`audience`).",
};
const RESOURCE: Key = Key {
    name: "resource",
    kind: Kind::Text("a URL"),
    default: Value::Absent,
    about: "What it is for, by its URL (`resource`, RFC 8707).",
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
        let kinds = ["value", "client_credentials", "exchange"];
        let written: Vec<_> = kinds.iter().filter(|key| section.has(key)).collect();
        if written.len() != 1 && server.has_table("authorization") {
            let message = "`authorization` takes one of `value`, `client_credentials` and `exchange`";
            section.mistakes.add(server.place("authorization").hidden(), message);
        }
        match written[..] {
            [&"client_credentials"] => {
                let table = section.table("client_credentials", &CLIENT_CREDENTIALS);
                refuse_header(&section);
                Grant::read(&table, true).map(Self::Client)
            }
            [&"exchange"] => {
                let table = section.table("exchange", &EXCHANGE);
                refuse_header(&section);
                Grant::read(&table, false).map(Self::Exchange)
            }
            _ => {
                let name = section.text("header", field_name);
                let value = Secret::read_place(&section, "value");
                Some(Self::Header { name: name?, value: value? })
            }
        }
    }

    /// The secret that it names.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Header { value, .. } => value,
            Self::Client(grant) | Self::Exchange(grant) => &grant.secret,
        }
    }
}

fn refuse_header(section: &Section<'_>) {
    if section.has("header") {
        section.wrong("header", "`header` belongs to `value`: a token is shown in `Authorization`");
    }
}

impl Grant {
    fn read(section: &Section<'_>, by_issuer: bool) -> Option<Self> {
        let issuer = if by_issuer { section.text("issuer", fetch::url) } else { None };
        let said = by_issuer && section.has("issuer");
        let url = if said { section.text("url", fetch::url) } else { section.required("url", fetch::url) };
        if said && section.has("url") {
            section.wrong("issuer", "`issuer` says what `url` says: write one of them");
        }
        if !section.has("client") {
            section.missing("client");
        }
        let client = section.table("client", &WHO);
        let id = if section.has_table("client") { client.required("id", visible) } else { None };
        if section.has_table("client") && !client.has("secret") {
            client.missing("secret");
        }
        let source = match (url, issuer) {
            (Some(url), _) => Some(TokenSource::Url(url)),
            // To the byte, as its metadata have to say it.
            (None, Some(_)) => match section.read("issuer") {
                Value::Text(text) => Some(TokenSource::Issuer(text.to_owned())),
                _ => None,
            },
            (None, None) => None,
        };
        let secret = Secret::read_place(&client, "secret");
        let scopes = section.list("scopes", scope);
        let (audience, resource) = (section.text("audience", visible), section.text("resource", visible));
        Some(Self {
            id: id?,
            secret: secret?,
            in_form: client.choice("authenticate") == "form",
            scopes,
            audience,
            resource,
            subject: if !by_issuer && section.choice("subject") == "jwt" { Subject::Jwt } else { Subject::AccessToken },
            source: source?,
        })
    }
}

/// A text that goes into a form as it is.
fn visible(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= 2048 && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if fits { Ok(text.to_owned()) } else { Err("takes a text of visible ASCII".to_owned()) }
}

/// RFC 6749, 3.3.
fn scope(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    if fits { Ok(text.to_owned()) } else { Err("takes scopes, each a text of its own without spaces".to_owned()) }
}

/// A name that nothing else in a request bears, and that no hop takes away.
pub(super) fn field_name(name: &str) -> Result<String, String> {
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
