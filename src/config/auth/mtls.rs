//! `[auth.mtls]`: callers who are named by the certificates that they show.

use super::{Key, Kind, Listen, Role, Section, Shape, Value, roles};
use crate::config::secret::not_empty;
use crate::model::Glob;

/// Callers who are named by their certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mtls {
    /// `issuer`: who vouches for all of them; `None`: the authority that has signed each.
    pub issuer: Option<String>,
    /// `grants`: what they hold, by their names.
    pub grants: Vec<MtlsGrant>,
}

/// What callers of some names hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtlsGrant {
    /// `names`: of a caller one has to match. Never empty.
    pub names: Vec<Glob>,
    /// `issuers`: who may vouch for them; empty: whoever does.
    pub issuers: Vec<String>,
    /// `roles`: theirs.
    pub roles: Vec<String>,
    /// `scopes`: theirs, where a route asks for any.
    pub scopes: Vec<String>,
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "[auth.mtls]",
    about: "Callers who are named by the client certificate of their connection, where they show no other credential: by its \
            SPIFFE id (`spiffe://example.org/agents/a`), else by its first DNS name (`dns:a.example.org`), e-mail address \
            (`email:a@example.org`) or URI (`uri:https://...`), else by its subject (RFC 4514, `subject:CN=a,O=Example`). \
            The certificate has to be of `[listen] client_ca`. A certificate that cannot be read in one way only names nobody.",
    keys: &[
        Key {
            name: "enabled",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "Certificates name their callers.",
        },
        Key {
            name: "issuer",
            kind: Kind::Text("a name, \"spiffe://example.org\""),
            default: Value::Absent,
            about: "Who vouches for them, part of who each of them is. Default: the subject of the authority in `client_ca` that \
                    has signed, so that equal names of two authorities are two callers. One name for all of them lets a \
                    caller stay the same when an authority is replaced by one of another name.",
        },
        Key {
            name: "grants",
            kind: Kind::List("tables, [{ names = [\"spiffe://example.org/agents/*\"], roles = [\"user\"] }]"),
            default: Value::Absent,
            about: "What callers of some names hold; of several that match all. One whom none gives a role has `default_roles`.",
        },
    ],
    unbuilt: &[],
};

/// An element of `grants`.
pub(in crate::config) const GRANT: Shape = Shape {
    title: "an element of `grants`",
    about: "What callers of some names hold.",
    keys: &[
        Key {
            name: "names",
            kind: Kind::List("names, [\"spiffe://example.org/agents/*\"]"),
            default: Value::Absent,
            about: "Which callers; one has to match. `*` is any characters, `?` is one. The kind is written out, and of a URI \
                    what stands before its path. Needed.",
        },
        Key {
            name: "issuers",
            kind: Kind::List("texts, [\"CN=Example Root,O=Example\"]"),
            default: Value::Absent,
            about: "Who has to vouch for them: `issuer`, or the subject of an authority in `client_ca`. Default: whoever does, so \
                    that each authority in `client_ca` could name any caller.",
        },
        Key {
            name: "roles",
            kind: Kind::List("names of roles, [\"user\"]"),
            default: Value::Absent,
            about: "Their roles.",
        },
        Key {
            name: "scopes",
            kind: Kind::List("scopes, [\"mcp:tools\"]"),
            default: Value::Absent,
            about: "Their scopes, for routes that ask for some.",
        },
    ],
    unbuilt: &[],
};

impl Mtls {
    /// `None` where it is not enabled.
    pub(super) fn read(auth: &Section<'_>, listen: &Listen, known: &[Role]) -> Option<Self> {
        let section = auth.table("mtls", &SHAPE);
        let issuer = section.text("issuer", |name| not_empty(name).map(str::to_owned));
        let grants = section.tables("grants", &GRANT).iter().map(|grant| MtlsGrant::read(grant, known)).collect();
        let enabled = section.flag("enabled");
        let asked = listen.tls.as_ref().is_some_and(|tls| tls.clients.is_some());
        if enabled && !asked {
            section.wrong(
                "enabled",
                "[auth.mtls] needs `tls` and `client_ca` in [listen]: clients are asked for no certificate",
            );
        }
        enabled.then_some(Self { issuer, grants })
    }
}

impl MtlsGrant {
    fn read(section: &Section<'_>, known: &[Role]) -> Self {
        if section.items("names").is_empty() {
            section.missing("names");
        }
        Self {
            names: section.list("names", name),
            issuers: section.list("issuers", |issuer| not_empty(issuer).map(str::to_owned)),
            roles: section.list("roles", |name| roles::known(name, known)),
            scopes: section.list("scopes", |scope| not_empty(scope).map(str::to_owned)),
        }
    }
}

/// A pattern of names: of one kind, or all of them. A wildcard matches a slash, too, and so does not stand before a URI's path.
fn name(text: &str) -> Result<Glob, String> {
    let wild = |text: &str| text.contains(['*', '?']);
    let uri = text.strip_prefix("uri:").or_else(|| text.starts_with("spiffe://").then_some(text));
    let fits = match uri.and_then(|uri| uri.split_once("//")) {
        Some((scheme, rest)) => !wild(scheme) && rest.split_once('/').is_some_and(|(host, _)| !wild(host)),
        None => ["dns:", "email:", "uri:", "subject:"].iter().any(|kind| text.starts_with(kind)),
    };
    if fits || text == "*" {
        return Glob::parse(text);
    }
    Err("takes `spiffe://DOMAIN/...`, `dns:...`, `email:...`, `uri:...`, `subject:...` or `*`, with wildcards behind that alone"
        .to_owned())
}
