//! `[[auth.jwt]]`: whose tokens are taken.

use std::path::PathBuf;
use std::time::Duration;

use super::{Key, Kind, Section, Shape, Value};
use crate::config::{endpoint::Endpoint, fetch, secret::not_empty, units::DAY};
use crate::model::Algorithm;

/// The longest name of an issuer, and of a claim.
const MOST_NAME: usize = 512;

/// An issuer of JSON Web Tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// `issuer`: what `iss` has to be, to the byte. Unique.
    pub issuer: String,
    /// `audience`: what has to be in `aud`; `None`: the URL of the route.
    pub audience: Option<String>,
    /// `jwks`: where the keys are.
    pub jwks: Jwks,
    /// `algorithms`: how its tokens may be signed; RS256, ES256 and EdDSA. Never empty.
    pub algorithms: Vec<Algorithm>,
    /// `principal_claim`: the claim that names the caller; `sub`.
    pub principal_claim: String,
    /// `roles_claim`: the claim that names their roles; `roles`.
    pub roles_claim: String,
    /// `keep`: how long a key set from a URL counts after it was fetched last; 24 h.
    pub keep: Duration,
}

/// Where a key set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jwks {
    /// In this file.
    File(PathBuf),
    /// At this URL.
    Url(String),
    /// Where the issuer's metadata say.
    Discovered,
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "[[auth.jwt]]",
    about: "An issuer whose JSON Web Tokens are taken, as `Authorization: Bearer`. The caller is the issuer and the subject, \
            never the subject alone. A token needs `exp`; the issuer's clock may be 30 s from ours. One that was verified is \
            remembered until its `exp`, and not past its key or other settings of its issuer.",
    keys: &[
        Key {
            name: "issuer",
            kind: Kind::Text("the `iss` of its tokens, \"https://id.example.com/\""),
            default: Value::Absent,
            about: "What `iss` has to be, to the byte. Needed, and unique.",
        },
        Key {
            name: "audience",
            kind: Kind::Text("a text of `aud`, \"https://gateway.example.com/mcp\""),
            default: Value::Absent,
            about: "What has to be in `aud`. Default: the URL of the route that is called, which is `[listen] public_url`, or \
                    what the address comes to, and the route's path.",
        },
        Key {
            name: "jwks",
            kind: Kind::Table("a URL, or the place of a key set, { file = \"...\" }"),
            default: Value::Absent,
            about: "Where its keys are: a URL, or `{ file = \"...\" }`. Default: where the metadata say that are found by \
                    `issuer`, which has to be a URL then (RFC 8414, OpenID Connect Discovery). From a URL (see [fetch]) it is \
                    renewed in the background, after a minute to an hour, as its `Cache-Control` says, else every 10 min; for a \
                    token of an unknown key, at most once in 30 s; and at a reload.",
        },
        Key {
            name: "keep",
            kind: Kind::Time(1000, 7 * DAY),
            default: Value::Text("24h"),
            about: "How long a key set from a URL counts after it was fetched last, where the issuer is away. Then its tokens \
                    are answered 503, `identity_unavailable`.",
        },
        Key {
            name: "algorithms",
            kind: Kind::List("of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA"),
            default: Value::Absent,
            about: "How its tokens may be signed. Default: RS256, ES256 and EdDSA.",
        },
        Key {
            name: "principal_claim",
            kind: Kind::Text("the name of a claim"),
            default: Value::Text("sub"),
            about: "The claim that names the caller.",
        },
        Key {
            name: "roles_claim",
            kind: Kind::Text("the name of a claim"),
            default: Value::Text("roles"),
            about: "The claim that names the caller's roles, one text or a list. Where no claim has that name, dots walk into \
                    objects: `realm_access.roles`.",
        },
    ],
    unbuilt: &[],
};

pub(in crate::config) const JWKS: Shape = Shape {
    title: "the place of a key set",
    about: "Where the keys of an issuer are, if not at a URL: a JWK set (RFC 7517) of at most 64 KiB and 100 keys. Keys that cannot be used \
            are left out, and the log names them: symmetric and private ones, those for other purposes, RSA below 2048 bits.",
    keys: &[Key {
        name: "file",
        kind: Kind::Text("a path"),
        default: Value::Absent,
        about: "A file that holds it. Needed.",
    }],
    unbuilt: &[],
};

impl Jwt {
    /// Every issuer of the section.
    pub(super) fn read_all(auth: &Section<'_>) -> Vec<Self> {
        let sections = auth.tables("jwt", &SHAPE);
        let named = sections.iter().filter_map(|section| match section.read("issuer") {
            Value::Text(issuer) => Some((issuer, section.place("issuer"))),
            _ => None,
        });
        auth.unique(named, |issuer| format!("there is an issuer {issuer:?} already"));
        sections.iter().filter_map(Self::read).collect()
    }

    /// Whether it is called as an authorization server is (RFC 8414, 2): by a URL, without query and fragment.
    pub fn is_discoverable(&self) -> bool {
        !self.issuer.contains(['?', '#']) && Endpoint::parse(&self.issuer).is_ok()
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        let issuer = section.required("issuer", name);
        let audience = section.text("audience", name);
        let jwks = jwks(section);
        let keep = section.time("keep");
        let mut algorithms = section.list("algorithms", algorithm);
        if !section.has("algorithms") {
            algorithms = vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
        } else if section.items("algorithms").is_empty() && section.has_list("algorithms") {
            section.wrong("algorithms", "`algorithms` is empty: no token would be taken");
        }
        let principal_claim = section.text("principal_claim", name);
        let roles_claim = section.text("roles_claim", name);
        Some(Self {
            issuer: issuer?,
            audience,
            jwks: jwks?,
            algorithms,
            principal_claim: principal_claim?,
            roles_claim: roles_claim?,
            keep,
        })
    }
}

fn jwks(section: &Section<'_>) -> Option<Jwks> {
    match section.read("jwks") {
        Value::Absent => {
            let issuer = section.text("issuer", |issuer| Ok(issuer.to_owned()))?;
            let url = fetch::url(&issuer).and_then(|url| match issuer.contains('?') {
                true => Err(format!("takes a URL without a query, not {issuer:?}")),
                false => Ok(url),
            });
            if let Err(why) = url {
                let message =
                    format!("`issuer` {why}, where its keys are to be discovered; or say where they are: `jwks`");
                section.wrong("issuer", message);
                return None;
            }
            Some(Jwks::Discovered)
        }
        Value::Text(_) => section.text("jwks", fetch::url).map(Jwks::Url),
        _ => {
            let table = section.table("jwks", &JWKS);
            if !section.has_table("jwks") {
                return None;
            }
            table.required("file", |path| not_empty(path).map(|path| Jwks::File(path.into())))
        }
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    let known = Algorithm::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", ");
    match Algorithm::of(name) {
        Some(algorithm) => Ok(algorithm),
        None if name.eq_ignore_ascii_case("none") => Err(format!("takes {known}; \"none\" is no signature")),
        None if name.starts_with("HS") => {
            Err(format!("takes {known}; {name:?} is symmetric: whoever verifies could sign"))
        }
        None => Err(format!("takes {known}; not {name:?}")),
    }
}

pub(super) fn name(text: &str) -> Result<String, String> {
    match (1..=MOST_NAME).contains(&text.len()) && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(format!("has to be a text of 1 to {MOST_NAME} bytes without control characters")),
    }
}
