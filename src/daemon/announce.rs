//! The lines on standard output that scripts wait for.

use std::io::{self, Write};

use crate::config::{Destination, Settings};
use crate::net::listen::At;

/// Says where it listens and what it serves.
pub(super) fn ready(settings: &Settings, addresses: &[At], operators: &At) {
    let mut lines: Vec<_> =
        addresses.iter().map(|address| format!("weir: listening on {}", url(settings, address))).collect();
    lines.push(match operators {
        At::Tcp(address) => format!("weir: admin on http://{address}"),
        At::Unix(_) => format!("weir: admin on {operators}"),
    });
    for route in &settings.routes {
        match route.destination {
            Destination::Server(at) => {
                let server = &settings.servers[at];
                let behind: Vec<_> = match &server.command {
                    // Its arguments may be long, and are no secret; a line should stay one.
                    Some(command) => vec![command.words[0].as_str()],
                    None => server.endpoints.iter().map(|endpoint| endpoint.url.as_str()).collect(),
                };
                for path in [Some(&route.path), route.legacy_sse.as_ref()].into_iter().flatten() {
                    lines.push(format!("weir: route {path} -> {} ({})", server.name.as_str(), behind.join(", ")));
                }
            }
            Destination::Federation => {
                let path = &route.path;
                lines
                    .push(format!("weir: route {path} -> 404: several servers as one are not built into this version"));
            }
        }
    }
    lines.push(String::new());
    // Whoever started us may have stopped listening; that is no reason to stop.
    let _ = io::stdout().write_all(lines.join("\n").as_bytes());
}

/// What clients call us there; a Unix socket has a path and no URL.
fn url(settings: &Settings, address: &At) -> String {
    match (address, &settings.listen.tls) {
        (At::Unix(_), _) => address.to_string(),
        (At::Tcp(address), None) => format!("http://{address}"),
        (At::Tcp(address), Some(_)) => format!("https://{address}"),
    }
}
