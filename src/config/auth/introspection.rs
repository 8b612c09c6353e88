//! `[[auth.introspection]]`: who says whose an opaque token is.

use std::time::Duration;

use super::jwt::name;
use super::{Key, Kind, Section, Shape, Value};
use crate::config::{endpoint, fetch, secret::Secret, units::HOUR};

/// An issuer that is asked about its tokens (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// `issuer`: who vouches for the callers; what `iss` has to be where an answer has it.
    pub issuer: String,
    /// `url`: where it is asked.
    pub url: String,
    /// `client`: who we are there.
    pub client: Client,
    /// `audience`: what has to be in `aud`; `None`: the URL of the route.
    pub audience: Option<String>,
    /// `principal_claim`: the member that names the caller; `sub`.
    pub principal_claim: String,
    /// `roles_claim`: the member that names their roles; `roles`.
    pub roles_claim: String,
    /// `remember`: how long an answer counts; 60 s.
    pub remember: Duration,
}

/// Who we are to an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// `id`: our name there.
    pub id: String,
    /// `secret`: what proves it.
    pub secret: Secret,
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "[[auth.introspection]]",
    about: "An issuer that is asked whose a token is (RFC 7662): any `Authorization: Bearer` that is no JSON Web Token, and \
            where there is neither [[auth.jwt]] nor [auth.local], those too. It stands once: nobody is shown the tokens of \
            another. Asked as [fetch] says, and only as often as `[http] unverified` lets an address.",
    keys: &[
        Key {
            name: "issuer",
            kind: Kind::Text("whose tokens they are, \"https://id.example.com/\""),
            default: Value::Absent,
            about: "Who vouches for the callers. Where an answer has `iss` it has to be this, to the byte. Needed.",
        },
        Key {
            name: "url",
            kind: Kind::Text("a URL, \"https://id.example.com/introspect\""),
            default: Value::Absent,
            about: "Where it is asked: https, or http on loopback. Needed.",
        },
        Key {
            name: "client",
            kind: Kind::Table("who we are there, { id = \"...\", secret = { file = \"...\" } }"),
            default: Value::Absent,
            about: "Who we are there. Needed.",
        },
        Key {
            name: "audience",
            kind: Kind::Text("a text of `aud`, \"https://gateway.example.com/mcp\""),
            default: Value::Absent,
            about: "What has to be in the answer's `aud`. Default: the URL of the route that is called.",
        },
        Key {
            name: "principal_claim",
            kind: Kind::Text("the name of a member"),
            default: Value::Text("sub"),
            about: "The member of the answer that names the caller.",
        },
        Key {
            name: "roles_claim",
            kind: Kind::Text("the name of a member"),
            default: Value::Text("roles"),
            about: "The member that names the caller's roles, one text or a list; dots walk into objects.",
        },
        Key {
            name: "remember",
            kind: Kind::Time(0, HOUR),
            default: Value::Text("60s"),
            about: "How long the answer counts that a token is active, never past its `exp`: so long may a token be used that \
                    was revoked. With `0s` it is asked for every request.",
        },
    ],
    unbuilt: &[],
};

pub(in crate::config) const CLIENT: Shape = Shape {
    title: "`client` of [[auth.introspection]]",
    about: "Who we are to the issuer, by HTTP Basic authentication (RFC 6749, 2.3.1).",
    keys: &[
        Key { name: "id", kind: Kind::Text("a text"), default: Value::Absent, about: "Our name there. Needed." },
        Key {
            name: "secret",
            kind: Kind::Table(
                "the place of a secret, { file = \"...\" }, { env = \"...\" } or { credential = \"...\" }",
            ),
            default: Value::Absent,
            about: "What proves it. Needed.",
        },
    ],
    unbuilt: &[],
};

impl Introspection {
    /// The one of the section.
    pub(super) fn read(auth: &Section<'_>) -> Option<Self> {
        let sections = auth.tables("introspection", &SHAPE);
        if sections.len() > 1 {
            let message = "[[auth.introspection]] stands once in this version: a token does not say whom to ask, and every \
                           issuer that is asked could use the token";
            auth.mistakes.add(auth.place_in_list("introspection", 1, "issuer"), message);
        }
        sections.iter().map(Self::read_one).next().flatten()
    }

    /// Whether it is called as an authorization server is (RFC 8414, 2).
    pub fn is_discoverable(&self) -> bool {
        !self.issuer.contains(['?', '#']) && endpoint::Endpoint::parse(&self.issuer).is_ok()
    }

    fn read_one(section: &Section<'_>) -> Option<Self> {
        let issuer = section.required("issuer", name);
        let url = section.required("url", fetch::url);
        if !section.has("client") {
            section.missing("client");
        }
        let client = Client::read(&section.table("client", &CLIENT), section.has_table("client"));
        let audience = section.text("audience", name);
        let principal_claim = section.text("principal_claim", name);
        let roles_claim = section.text("roles_claim", name);
        Some(Self {
            issuer: issuer?,
            url: url?,
            client: client?,
            audience,
            principal_claim: principal_claim?,
            roles_claim: roles_claim?,
            remember: section.time("remember"),
        })
    }
}

impl Client {
    /// `there`: whether there is a table to read.
    fn read(table: &Section<'_>, there: bool) -> Option<Self> {
        if !there {
            return None;
        }
        let id = table.required("id", name);
        if !table.has("secret") {
            table.missing("secret");
        }
        let secret = Secret::read_place(table, "secret");
        Some(Self { id: id?, secret: secret? })
    }
}
