//! Whose credentials are taken: the issuers of the configuration with their key sets, and this gateway's own.
//!
//! ```text
//!  [[auth.jwt]] --file--> key set, read at every reload
//!               --URL---> Keeper, a task a key set: source (discovery, fetching), schedule (when), board (how it went)
//!  [[auth.introspection]] --> Introspector, which asks its issuer about each token
//!  [auth.local] ---------> the key of the data directory
//! ```
//!
//! An issuer that a reload leaves as it was stays the same one, and with it what cores know of its tokens.

mod board;
pub(super) mod introspection;
mod keeper;
mod schedule;
pub(super) mod source;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;

use crate::config::{Introspection, Jwks, Jwt, Settings, read_file};
use crate::model::{Algorithm, Means};
use crate::net::fetch::Fetcher;
use crate::seal::SigningKey;
use crate::stages::authenticate::jwt::{Expected, Issuer, KeySet, MOST_BYTES};
use crate::stages::authenticate::opaque::Oracle;

use introspection::Introspector;
use keeper::Keeper;

pub(super) use board::Board;

/// Tokens that may wait for newer keys of one issuer.
const WAITING: usize = 256;

/// The issuers of one configuration.
pub(super) struct Credentials {
    taken: Vec<Taken>,
    /// Who is asked about tokens that are none of theirs.
    introspector: Option<Arc<Introspector>>,
}

/// An issuer, and where its keys come from.
struct Taken {
    /// What it was made from; `None` for our own.
    settings: Option<Jwt>,
    issuer: Arc<Issuer>,
    /// What was read for it, and counts once this is in force.
    read: Option<Arc<KeySet>>,
    keeper: Option<Arc<Keeper>>,
}

/// What a configuration is built beside.
pub(super) struct Around<'a> {
    /// Who fetches; there where a key set is at a URL.
    pub(super) fetcher: Option<&'a Arc<Fetcher>>,
    pub(super) board: &'a Board,
    /// The one in force, where it is built with the same fetcher.
    pub(super) before: Option<&'a Credentials>,
}

impl Credentials {
    /// The issuers in the order of the configuration, the one of `weir token` last. Reads keys that are in files.
    pub(super) fn build(settings: &Settings, data: &Path, around: &Around<'_>) -> anyhow::Result<Self> {
        let taken = settings.auth.jwt.iter().map(|issuer| Taken::build(issuer, around));
        let mut taken = taken.collect::<anyhow::Result<Vec<_>>>()?;
        if settings.auth.local {
            let key = SigningKey::open_or_create(data)
                .context("[auth.local]: the key of tokens in the data directory (--data) cannot be used")?;
            let url = settings.listen.url().context("[auth.local] needs [listen] public_url")?;
            let keys =
                KeySet::parse(key.key_set().as_bytes(), &[Algorithm::EdDsa]).context("the key of [auth.local]")?;
            taken.push(Taken::own(&url, Arc::new(keys), around.before));
        }
        let introspector = settings.auth.introspection.as_ref().map(|asked| introspector(asked, around)).transpose()?;
        Ok(Self { taken, introspector })
    }

    /// Who is asked about tokens that say nothing themselves.
    pub(super) fn oracle(&self) -> Option<Arc<Oracle>> {
        self.introspector.as_ref().map(|introspector| Arc::clone(&introspector.oracle))
    }

    /// All of them.
    pub(super) fn issuers(&self) -> Vec<Arc<Issuer>> {
        self.taken.iter().map(|taken| Arc::clone(&taken.issuer)).collect()
    }

    /// Puts keys that were read into force, and begins to fetch the others. On the control runtime.
    pub(super) fn enforce(&self) {
        if let Some(introspector) = &self.introspector {
            introspector.start();
        }
        for taken in &self.taken {
            if let Some(read) = &taken.read {
                taken.issuer.keep(Some(Arc::clone(read)));
            }
            if let Some(keeper) = &taken.keeper {
                keeper.start();
            }
        }
    }
}

impl Taken {
    fn build(settings: &Jwt, around: &Around<'_>) -> anyhow::Result<Self> {
        let mut before = around.before.into_iter().flat_map(|before| &before.taken);
        let known = before.clone().find(|known| known.settings.as_ref() == Some(settings));
        let own = || Some(settings.clone());
        if let Jwks::File(path) = &settings.jwks {
            let keys = Arc::new(key_set(settings, path)?);
            for warning in warnings(settings, &keys) {
                tracing::warn!("{warning}");
            }
            let fresh = || Arc::new(Issuer::new(expected(settings), Some(Arc::clone(&keys))));
            let issuer = known.map_or_else(fresh, |known| Arc::clone(&known.issuer));
            return Ok(Self { settings: own(), issuer, read: Some(keys), keeper: None });
        }
        if let Some(Self { issuer, keeper, .. }) = known {
            return Ok(Self { settings: own(), issuer: Arc::clone(issuer), read: None, keeper: keeper.clone() });
        }
        // Its keys are the same ones, whatever else is expected of its tokens now.
        let same_keys = |known: &&Self| {
            let known = known.settings.as_ref();
            known.is_some_and(|known| {
                known.issuer == settings.issuer
                    && known.jwks == settings.jwks
                    && known.algorithms == settings.algorithms
            })
        };
        let keys = before.find(same_keys).and_then(|known| known.issuer.keys().clone());
        let (asks, asked) = mpsc::channel(WAITING);
        let issuer = Arc::new(Issuer::new(expected(settings), keys).kept_by(asks));
        let fetcher = around.fetcher.context("an issuer's keys are at a URL, and nobody fetches")?;
        let keeper = Keeper::new(settings, &issuer, fetcher, around.board, asked);
        Ok(Self { settings: own(), issuer, read: None, keeper: Some(Arc::new(keeper)) })
    }

    /// This gateway's own tokens.
    fn own(url: &str, keys: Arc<KeySet>, before: Option<&Credentials>) -> Self {
        let expected = local(url);
        let mut before = before.into_iter().flat_map(|before| &before.taken);
        let known = before.find(|known| known.settings.is_none() && *known.issuer.expected() == expected);
        let fresh = || Arc::new(Issuer::new(expected.clone(), Some(Arc::clone(&keys))));
        let issuer = known.map_or_else(fresh, |known| Arc::clone(&known.issuer));
        Self { settings: None, issuer, read: Some(keys), keeper: None }
    }
}

/// The one of before, where nothing has changed.
fn introspector(settings: &Introspection, around: &Around<'_>) -> anyhow::Result<Arc<Introspector>> {
    let fetcher = around.fetcher.context("an issuer is to be asked, and nobody fetches")?;
    let before = around.before.and_then(|before| before.introspector.as_ref());
    match before {
        Some(before) if before.is_of(settings, fetcher)? => Ok(Arc::clone(before)),
        _ => Introspector::build(settings, fetcher, around.board).map(Arc::new),
    }
}

/// The key set of an issuer, as its file has it now.
pub(super) fn key_set(issuer: &Jwt, path: &Path) -> anyhow::Result<KeySet> {
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

fn expected(issuer: &Jwt) -> Expected {
    Expected {
        issuer: issuer.issuer.as_str().into(),
        audience: issuer.audience.as_deref().map(Into::into),
        algorithms: issuer.algorithms.as_slice().into(),
        principal_claim: issuer.principal_claim.as_str().into(),
        roles_claim: issuer.roles_claim.as_str().into(),
        means: Means::Jwt,
    }
}

/// What `weir token` makes.
fn local(url: &str) -> Expected {
    Expected {
        issuer: url.into(),
        audience: None,
        algorithms: [Algorithm::EdDsa].into(),
        principal_claim: "sub".into(),
        roles_claim: "roles".into(),
        means: Means::Local,
    }
}
