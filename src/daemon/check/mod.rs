//! What a start would find in the files that a configuration names, without starting.

mod authorization;
mod commands;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::{Finding, Jwks, Secret, Settings};
use crate::net::tls::server::Server;
use crate::store::Postgres;

use super::endpoints::Endpoints;
use super::{credentials, fetching, files, plan, welcome};

/// The mistakes and the warnings of what the configuration names: certificates, the key ring, commands, credentials for
/// servers, the limit of open files.
pub fn check(settings: &Settings) -> (Vec<Finding>, Vec<Finding>) {
    let main = settings.sources.files.first().map_or_else(String::new, |(path, _)| path.display().to_string());
    let finding = |message: String| Finding::of_whole(&main, message);
    let (mut mistakes, mut warnings) = (Vec::new(), Vec::new());
    if let Err(error) = Endpoints::build(&settings.servers, None) {
        mistakes.push(finding(format!("{error:#}")));
    }
    match welcome::settings(&settings.listen).map(|tls| Server::build(&tls, None)) {
        Some(Ok(tls)) => {
            warnings.extend(tls.warnings().iter().map(|warning| finding(format!("[listen] tls: {warning}"))))
        }
        Some(Err(error)) => mistakes.push(finding(format!("[listen] tls: {error}"))),
        None => {}
    }
    if let Some(secret) = &settings.keys.ring {
        match (plan::named_ring(secret), secret) {
            (Ok(_), _) => {}
            // What the service manager gives to the daemon is not there for whoever checks.
            (Err(error), Secret::Credential(_) | Secret::Env(_)) => warnings.push(finding(format!("{error:#}"))),
            (Err(error), Secret::File(_)) => mistakes.push(finding(format!("{error:#}"))),
        }
        warnings.extend(open_to_others(secret).map(finding));
    }
    if let Some(postgres) = &settings.store.postgres {
        match (Postgres::check(postgres), &postgres.url) {
            (Ok(()), _) => {}
            (Err(error), Secret::Credential(_) | Secret::Env(_)) => warnings.push(finding(error.to_string())),
            (Err(error), Secret::File(_)) => mistakes.push(finding(error.to_string())),
        }
        warnings.extend(open_to_others(&postgres.url).map(finding));
    }
    // Nobody is asked here: what is at a URL is for `weir doctor`.
    let files = settings.auth.jwt.iter().filter_map(|issuer| match &issuer.jwks {
        Jwks::File(path) => Some((issuer, path)),
        Jwks::Url(_) | Jwks::Discovered => None,
    });
    for (issuer, path) in files {
        match credentials::key_set(issuer, path) {
            Ok(keys) => warnings.extend(credentials::warnings(issuer, &keys).into_iter().map(finding)),
            Err(error) => mistakes.push(finding(format!("{error:#}"))),
        }
    }
    if let Some(asked) = &settings.auth.introspection {
        let secret = &asked.client.secret;
        match (secret.read(), secret) {
            (Ok(_), _) => {}
            (Err(error), Secret::Credential(_) | Secret::Env(_)) => {
                warnings.push(finding(format!("[[auth.introspection]] client: secret: {error}")));
            }
            (Err(error), Secret::File(_)) => {
                mistakes.push(finding(format!("[[auth.introspection]] client: secret: {error}")));
            }
        }
        warnings.extend(open_to_others(secret).map(finding));
    }
    if settings.fetch.ca.is_some()
        && let Err(error) = fetching::fetcher(&settings.fetch)
    {
        mistakes.push(finding(format!("{error:#}")));
    }
    let found = authorization::look(&settings.servers);
    mistakes.extend(found.mistakes.into_iter().map(finding));
    warnings.extend(found.warnings.into_iter().map(finding));
    let found = commands::look(&settings.servers);
    mistakes.extend(found.mistakes.into_iter().map(finding));
    warnings.extend(found.warnings.into_iter().map(finding));
    let (fits, asked) = (files::connections_allowed(), settings.http.connections);
    if files::too_few(fits, settings) {
        let message = format!(
            "[http] connections is {asked}, and the limit of open files of this shell carries {fits}: raise it (LimitNOFILE \
             of the unit, ulimit -n), or fewer are served"
        );
        warnings.push(finding(message));
    }
    (mistakes, warnings)
}

/// What is wrong, and what is unwise or cannot be told from here, each a sentence.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    mistakes: Vec<String>,
    warnings: Vec<String>,
}

/// A secret that every user of the machine can read.
fn open_to_others(secret: &Secret) -> Option<String> {
    let Secret::File(path) = secret else { return None };
    let mode = Path::metadata(path).ok()?.permissions().mode();
    (mode & 0o077 != 0)
        .then(|| format!("{} can be read by others (mode {:03o}): chmod 600", path.display(), mode & 0o777))
}
