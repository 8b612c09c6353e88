//! Whose credentials are taken: the issuers of the configuration with their key sets, and this gateway's own.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use crate::config::{Jwks, Jwt, Mtls, Settings, read_file};
use crate::model::{Algorithm, Means};
use crate::net::tls::server::Trust;
use crate::seal::SigningKey;
use crate::stages::authenticate::jwt::{Expected, Issuer, KeySet, MOST_BYTES};
use crate::stages::authenticate::{Certificates, Held};

/// The issuers in the order of the configuration, the one of `weir token` last. Reads their keys.
pub(super) fn issuers(settings: &Settings, data: &Path) -> anyhow::Result<Vec<Arc<Issuer>>> {
    let mut issuers = settings.auth.jwt.iter().map(issuer).collect::<anyhow::Result<Vec<_>>>()?;
    if settings.auth.local {
        let key = SigningKey::open_or_create(data)
            .context("[auth.local]: the key of tokens in the data directory (--data) cannot be used")?;
        let url = settings.listen.url().context("[auth.local] needs [listen] public_url")?;
        let keys = KeySet::parse(key.key_set().as_bytes(), &[Algorithm::EdDsa]).context("the key of [auth.local]")?;
        issuers.push(Issuer::new(local(&url), Some(keys)));
    }
    Ok(issuers.into_iter().map(Arc::new).collect())
}

/// The key set of an issuer, as its file has it now.
pub(super) fn key_set(issuer: &Jwt) -> anyhow::Result<KeySet> {
    let Jwks::File(path) = &issuer.jwks;
    let whole = || format!("[[auth.jwt]] {:?}: the key set in {}", issuer.issuer, path.display());
    let text = read_file(path, MOST_BYTES + 1).with_context(|| format!("{} cannot be read", whole()))?;
    KeySet::parse(&text, &issuer.algorithms).with_context(|| format!("{} cannot be used", whole()))
}

/// What is worth knowing of a key set: which keys are left out, or that none is left.
pub(super) fn warnings(issuer: &Jwt, keys: &KeySet) -> Vec<String> {
    let name = &issuer.issuer;
    let left_out = keys.left_out().map(|(key, why)| format!("[[auth.jwt]] {name:?}: {key:?} is not used: {why}"));
    let none = keys
        .is_empty()
        .then(|| format!("[[auth.jwt]] {name:?} has no key that can be used: none of its tokens is taken"));
    left_out.chain(none).collect()
}

fn issuer(issuer: &Jwt) -> anyhow::Result<Issuer> {
    let keys = key_set(issuer)?;
    for warning in warnings(issuer, &keys) {
        tracing::warn!("{warning}");
    }
    let expected = Expected {
        issuer: issuer.issuer.as_str().into(),
        audience: issuer.audience.as_deref().map(Into::into),
        algorithms: issuer.algorithms.as_slice().into(),
        principal_claim: issuer.principal_claim.as_str().into(),
        roles_claim: issuer.roles_claim.as_str().into(),
        certificate_bound: issuer.certificate_bound,
        means: Means::Jwt,
    };
    Ok(Issuer::new(expected, Some(keys)))
}

/// Whom certificates name, on one core.
pub(super) fn certificates(mtls: &Mtls, trust: Trust) -> Certificates {
    let texts = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
    let held = mtls.grants.iter().map(|grant| Held {
        names: grant.names.as_slice().into(),
        issuers: texts(&grant.issuers),
        roles: texts(&grant.roles),
        scopes: texts(&grant.scopes),
    });
    Certificates::new(trust, mtls.issuer.as_deref().map(Into::into), held.collect())
}

/// What `weir token` makes.
fn local(url: &str) -> Expected {
    Expected {
        issuer: url.into(),
        audience: None,
        algorithms: [Algorithm::EdDsa].into(),
        principal_claim: "sub".into(),
        roles_claim: "roles".into(),
        certificate_bound: false,
        means: Means::Local,
    }
}
