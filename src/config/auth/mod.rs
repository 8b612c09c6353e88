//! `[auth]`: who may call. Nothing fails open: whoever is not said to be let in is not.

pub(super) mod anonymous;
pub(super) mod api_keys;
pub(super) mod introspection;
pub(super) mod jwt;
pub(super) mod local;
pub(super) mod mtls;

use super::{
    listen::Listen,
    report::Place,
    roles::{self, Role},
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

pub use anonymous::Anonymous;
pub use introspection::{Client, Introspection};
pub use jwt::{Jwks, Jwt};
pub use mtls::{Mtls, MtlsGrant};

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// `default_roles`: those of an authenticated caller whose credential names none.
    pub default_roles: Vec<String>,
    /// `[auth.anonymous]`: callers without credentials.
    pub anonymous: Anonymous,
    /// `[[auth.jwt]]`: issuers of tokens, each once.
    pub jwt: Vec<Jwt>,
    /// `[[auth.introspection]]`: who says whose an opaque token is.
    pub introspection: Option<Introspection>,
    /// `[auth.local]`: the tokens of `weir token` are taken.
    pub local: bool,
    /// `[auth.mtls]`: certificates name their callers.
    pub mtls: Option<Mtls>,
    /// `[auth.api_keys]`: the keys of `weir keys` are taken.
    pub api_keys: bool,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[auth]",
    about: "Who may call. Without this section callers without credentials are let in, on a loopback listener only.",
    keys: &[
        Key {
            name: "default_roles",
            kind: Kind::List("names of roles, [\"user\"]"),
            default: Value::Absent,
            about: "The roles of an authenticated caller whose credential names none. Without them such a caller may use and \
                    see nothing.",
        },
        Key {
            name: "jwt",
            kind: Kind::Table("a list of sections, [[auth.jwt]]"),
            default: Value::Absent,
            about: "Issuers of JSON Web Tokens; see below.",
        },
        Key {
            name: "introspection",
            kind: Kind::Table("a list of sections, [[auth.introspection]]"),
            default: Value::Absent,
            about: "Who says whose opaque tokens are; see below.",
        },
        Key {
            name: "api_keys",
            kind: Kind::Table("a section, [auth.api_keys]"),
            default: Value::Absent,
            about: "API keys of `weir keys`; see below.",
        },
        Key {
            name: "local",
            kind: Kind::Table("a section, [auth.local]"),
            default: Value::Absent,
            about: "Tokens of `weir token`; see below.",
        },
        Key {
            name: "mtls",
            kind: Kind::Table("a section, [auth.mtls]"),
            default: Value::Absent,
            about: "Callers who are named by their certificates; see below.",
        },
        Key {
            name: "anonymous",
            kind: Kind::Table("a section, [auth.anonymous]"),
            default: Value::Absent,
            about: "Callers without credentials; see below.",
        },
    ],
    unbuilt: &[],
};

impl Auth {
    /// `listening` is where the address of `listen` comes from.
    pub(super) fn read(root: &Section<'_>, listen: &Listen, listening: Place, roles_known: &[Role]) -> Self {
        let section = root.table("auth", &SHAPE);
        let table = section.table("anonymous", &anonymous::SHAPE);
        let really = table.flag("really");
        let enabled = if root.has("auth") { table.flag("enabled") } else { true };
        let jwt = Jwt::read_all(&section);
        let introspection = Introspection::read(&section);
        let local = section.table("local", &local::SHAPE).flag("enabled");
        let api_keys = section.table("api_keys", &api_keys::SHAPE).flag("enabled");
        let default_roles = section.list("default_roles", |name| roles::known(name, roles_known));
        let anonymous = Anonymous { enabled, really, roles: anonymous::roles(&table, roles_known) };
        let mtls = Mtls::read(&section, listen, roles_known);
        let auth = Self { default_roles, anonymous, jwt, introspection, local, mtls, api_keys };
        // What is wrong with an issuer has been said; that it is not there need not be.
        let known = auth.knows_credentials() || section.has("jwt") || section.has("introspection");
        if !enabled && !known {
            let place = if table.has("enabled") { table.place("enabled") } else { section.place("anonymous") };
            let message = "nobody could call: name an issuer ([[auth.jwt]]), or say `enabled = true` in [auth.local] (the tokens \
                           of `weir token`), [auth.api_keys], [auth.mtls] or [auth.anonymous]";
            root.mistakes.add(place, message);
        } else if enabled && listen.is_loopback() == Some(false) && !really {
            let message = format!(
                "{} is not loopback, so that whoever reaches the address could call every server without credentials. \
                 Listen on 127.0.0.1, say who may call ([auth]), or say that you want it: [auth.anonymous] with \
                 `enabled = true` and `really = true`",
                listen.address
            );
            root.mistakes.add(listening.clone(), message);
        }
        let asked = auth.introspection.as_ref();
        let by_url = auth.local
            || auth.jwt.iter().any(|issuer| issuer.audience.is_none() || issuer.is_discoverable())
            || asked.is_some_and(|asked| asked.audience.is_none() || asked.is_discoverable());
        if by_url && listen.url().is_none() {
            let message = format!(
                "[listen] needs `public_url`: a token is meant for what clients call us, and {} does not say that",
                listen.address
            );
            root.mistakes.add(listening, message);
        }
        if local && let Some(at) = auth.jwt.iter().position(|issuer| Some(&*issuer.issuer) == listen.url().as_deref()) {
            let message = "this is what we are called ([listen] public_url), and so the issuer of [auth.local]";
            section.mistakes.add(section.place_in_list("jwt", at, "issuer"), message);
        }
        if let Some(at) = auth.jwt.iter().position(|issuer| issuer.issuer == api_keys::ISSUER) {
            let message =
                "this is the issuer of API keys ([auth.api_keys]): whoever signs for it could be any of their owners";
            section.mistakes.add(section.place_in_list("jwt", at, "issuer"), message);
        }
        auth
    }

    /// The issuers that a client can get a token from by itself.
    pub fn authorization_servers(&self) -> impl Iterator<Item = &str> {
        let jwt = self.jwt.iter().filter(|issuer| issuer.is_discoverable()).map(|issuer| issuer.issuer.as_str());
        let asked = self.introspection.iter().filter(|asked| asked.is_discoverable());
        // One issuer may give out both kinds.
        let asked = asked.map(|asked| &*asked.issuer).filter(|name| self.jwt.iter().all(|known| known.issuer != *name));
        jwt.chain(asked)
    }

    /// Whether something of it is fetched from somewhere.
    pub fn is_fetched(&self) -> bool {
        self.introspection.is_some() || self.jwt.iter().any(|issuer| !matches!(issuer.jwks, Jwks::File(_)))
    }

    /// Whether every token that is taken has to be bound to a certificate.
    pub fn takes_bound_tokens_alone(&self) -> bool {
        let others = self.local || self.introspection.is_some() || self.jwt.is_empty();
        !others && self.jwt.iter().all(|issuer| issuer.certificate_bound)
    }

    /// Whether there is anything that a caller can show.
    pub fn knows_credentials(&self) -> bool {
        let by_token = self.local || self.introspection.is_some() || !self.jwt.is_empty();
        by_token || self.api_keys || self.mtls.is_some()
    }
}
