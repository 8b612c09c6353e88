//! Which files a configuration is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::{Secret, Settings, Sources, Variable};

/// The files that these settings were read from, with the marks of what was read, and those that they name:
/// certificates, keys, secrets.
pub(super) fn of(settings: &Settings) -> BTreeMap<PathBuf, Option<u64>> {
    if !settings.reload.watch {
        return BTreeMap::new();
    }
    let tls = settings.servers.iter().flat_map(|server| {
        let identity = server.tls.identity.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        identity.chain(&server.tls.ca)
    });
    let variables = settings.servers.iter().filter_map(|server| server.command.as_ref());
    let variables = variables.flat_map(|command| &command.environment).filter_map(|(_, variable)| match variable {
        Variable::Secret(secret) => Some(secret),
        Variable::Text(_) => None,
    });
    let secrets = settings.keys.ring.iter().chain(variables).filter_map(|secret| match secret {
        Secret::File(path) => Some(path),
        Secret::Env(_) | Secret::Credential(_) => None,
    });
    let ours = settings.listen.tls.iter().flat_map(|tls| {
        let identities = tls.certificates.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        identities.chain(tls.clients.iter().flat_map(|clients| clients.revoked.iter().chain([&clients.ca])))
    });
    let named = tls.chain(ours).chain(secrets).map(|path| (path.clone(), None));
    named.chain(read(&settings.sources)).collect()
}

/// The files that were read, and where others are waited for.
pub(super) fn read(sources: &Sources) -> impl Iterator<Item = (PathBuf, Option<u64>)> {
    let awaited = sources.directories.iter().cloned();
    awaited.chain(sources.files.iter().map(|(path, mark)| (path.clone(), Some(*mark))))
}
