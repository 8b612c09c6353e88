//! Which files a configuration is made of, and what is in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{Authorization, Jwks, Secret, Settings, Sources, Variable, mark, mark_of_names, read_file};

/// No file of a configuration is longer.
const MOST_BYTES: usize = 16 << 20;

/// Files, each with the mark of what was read from it; without one it is what is in it when it is looked at first.
pub(super) type Files = BTreeMap<PathBuf, Option<u64>>;

/// The files that these settings were read from, with the marks of what was read, and those that they name:
/// certificates, keys, secrets.
pub(super) fn of(settings: &Settings) -> Files {
    if !settings.reload.watch {
        return Files::new();
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
    let shown = settings.servers.iter().flat_map(|server| &server.authorization).map(Authorization::secret);
    let asked = settings.auth.introspection.iter().map(|asked| &asked.client.secret);
    let secrets = settings.keys.ring.iter().chain(asked).chain(variables).chain(shown);
    let secrets = secrets.filter_map(|secret| match secret {
        Secret::File(path) => Some(path),
        Secret::Env(_) | Secret::Credential(_) => None,
    });
    let ours = settings.listen.tls.iter().flat_map(|tls| {
        let identities = tls.certificates.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        identities.chain(tls.clients.iter().flat_map(|clients| clients.revoked.iter().chain([&clients.ca])))
    });
    let key_sets = settings.auth.jwt.iter().filter_map(|issuer| match &issuer.jwks {
        Jwks::File(path) => Some(path),
        Jwks::Url(_) | Jwks::Discovered => None,
    });
    let named =
        tls.chain(ours).chain(&settings.fetch.ca).chain(key_sets).chain(secrets).map(|path| (path.clone(), None));
    named.chain(read(&settings.sources)).collect()
}

/// The files that were read, and where others are waited for.
pub(super) fn read(sources: &Sources) -> impl Iterator<Item = (PathBuf, Option<u64>)> {
    let awaited = sources.directories.iter().cloned();
    awaited.chain(sources.files.iter().map(|(path, mark)| (path.clone(), Some(*mark))))
}

/// The same, those without a mark with that of what is in them now: before they are read, so that no change is missed.
pub(super) fn marked(files: Files) -> Files {
    let now = |(file, mark): (PathBuf, Option<u64>)| {
        let mark = mark.unwrap_or_else(|| contents(&file));
        (file, Some(mark))
    };
    files.into_iter().map(now).collect()
}

/// The mark of what is in a file; of a directory, of the names that are in it. A file system that hangs holds this up.
pub(super) fn contents(path: &Path) -> u64 {
    if let Some(mark) = mark_of_names(path) {
        return mark;
    }
    // What is no file of ours differs from every other: no text begins so. Nor is a pipe waited for, whenever it has taken
    // a file's place.
    let read = read_file(path, MOST_BYTES);
    read.map_or_else(|error| mark(format!("\0{:?}", error.kind()).as_bytes()), |text| mark(&text))
}
