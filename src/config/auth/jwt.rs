//! `[[auth.jwt]]`: whose tokens are taken.

use std::path::PathBuf;

use super::{Key, Kind, Section, Shape, Value};
use crate::config::{endpoint::Endpoint, secret::not_empty};
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
    /// `certificate_bound`: only tokens that are bound to a certificate are taken; false.
    pub certificate_bound: bool,
}

/// Where a key set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jwks {
    /// In this file.
    File(PathBuf),
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "[[auth.jwt]]",
    about: "An issuer whose JSON Web Tokens are taken, as `Authorization: Bearer`. The caller is the issuer and the subject, \
            never the subject alone. A token needs `exp`; the issuer's clock may be 30 s from ours. One that was verified is \
            remembered until its `exp`, never past another key set or a reload.",
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
            kind: Kind::Table("the place of a key set, { file = \"...\" }"),
            default: Value::Absent,
            about: "Where its keys are. Needed in this version, which reads no key set from a URL.",
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
        Key {
            name: "certificate_bound",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "Only tokens that are bound to a client certificate (RFC 8705, `cnf` with `x5t#S256`) are taken. One that is \
                    bound is only taken from who shows that certificate, whatever this says; that needs `[listen] client_ca`.",
        },
    ],
    unbuilt: &[],
};

pub(in crate::config) const JWKS: Shape = Shape {
    title: "the place of a key set",
    about: "Where the keys of an issuer are: a JWK set (RFC 7517) of at most 64 KiB and 100 keys. Keys that cannot be used \
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
            certificate_bound: section.flag("certificate_bound"),
        })
    }
}

fn jwks(section: &Section<'_>) -> Option<Jwks> {
    if !section.has("jwks") {
        let message = "[[auth.jwt]] needs `jwks`: this version does not discover an issuer's keys; write \
                       `jwks = { file = \"...\" }`";
        section.mistakes.add(section.place("issuer"), message);
        return None;
    }
    if matches!(section.read("jwks"), Value::Text(_)) {
        let message = "a key set at a URL is not built into this version; write `jwks = { file = \"...\" }`";
        section.wrong("jwks", message);
        return None;
    }
    let table = section.table("jwks", &JWKS);
    if !section.has_table("jwks") {
        return None;
    }
    table.required("file", |path| not_empty(path).map(|path| Jwks::File(path.into())))
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

fn name(text: &str) -> Result<String, String> {
    match (1..=MOST_NAME).contains(&text.len()) && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(format!("has to be a text of 1 to {MOST_NAME} bytes without control characters")),
    }
}
