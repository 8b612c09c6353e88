//! What a start would find of the credentials for servers: whether they can be read, and are some.

use crate::config::{Authorization, Secret, Server};
use crate::daemon::authorization;

use super::Found;

/// Looks at the `authorization` of every server.
pub(super) fn look(servers: &[Server]) -> Found {
    let mut found = Found::default();
    for server in servers {
        let Some(configured) = &server.authorization else { continue };
        match (authorization::field(server), configured) {
            (Ok(field), Authorization::Header { .. }) => {
                found.warnings.extend(field.as_ref().and_then(|field| authorization::unwise(server, field)));
            }
            (Err(error), _) => {
                let all_files = configured.secrets().all(|secret| matches!(secret, Secret::File(_)));
                // What the service manager gives to the daemon is not there for whoever checks.
                let list = if all_files { &mut found.mistakes } else { &mut found.warnings };
                list.push(format!("{error:#}"));
            }
        }
        found.warnings.extend(configured.secrets().filter_map(super::open_to_others));
    }
    found
}
