//! Which files a configuration is made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::{Secret, Settings};

/// The files that these settings were read from and name, certificates and keys among them.
pub(super) fn of(settings: &Settings) -> BTreeSet<PathBuf> {
    let tls = settings.servers.iter().flat_map(|server| {
        let identity = server.tls.identity.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        identity.chain(&server.tls.ca)
    });
    let ring = settings.keys.ring.iter().filter_map(|secret| match secret {
        Secret::File(path) => Some(path),
        Secret::Env(_) | Secret::Credential(_) => None,
    });
    tls.chain(ring).cloned().collect()
}

/// The file itself, or what is in the directory.
pub(super) fn files_in(path: &Path) -> Vec<PathBuf> {
    match std::fs::read_dir(path) {
        Ok(entries) => {
            let mut files: Vec<_> =
                entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
            files.sort_unstable();
            files
        }
        Err(_) => vec![path.to_owned()],
    }
}
