//! What a start would find of the credentials for servers: whether their secrets can be read, and are some.

use crate::config::{Secret, Server};
use crate::daemon::authorization;

use super::Found;

/// Looks at the `authorization` of every server. Nobody is asked for a token.
pub(super) fn look(servers: &[Server]) -> Found {
    let mut found = Found::default();
    for server in servers {
        let Some(configured) = &server.authorization else { continue };
        match (authorization::examine(server), configured.secret()) {
            (Ok(unwise), _) => found.warnings.extend(unwise),
            (Err(error), Secret::File(_)) => found.mistakes.push(format!("{error:#}")),
            // What the service manager gives to the daemon is not there for whoever checks.
            (Err(error), Secret::Env(_) | Secret::Credential(_)) => found.warnings.push(format!("{error:#}")),
        }
        found.warnings.extend(super::open_to_others(configured.secret()));
    }
    found
}
