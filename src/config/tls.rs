//! `tls` of a server: whom we trust there, and who we are.

use std::path::PathBuf;

use super::{
    host,
    secret::not_empty,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// TLS towards a server. The files are read by whoever speaks TLS, not here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerTls {
    /// `ca`: PEM file of the authorities that are trusted for this server; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// `certificate` and `key`: who we are, where the server asks.
    pub identity: Option<Identity>,
    /// `server_name`: the name that the server's certificate has to have; `None`: the host of the URL.
    pub server_name: Option<String>,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `certificate`: PEM file of the chain, the leaf first.
    pub certificate: PathBuf,
    /// `key`: PEM file of the private key.
    pub key: PathBuf,
}

pub(super) const SHAPE: Shape = Shape {
    title: "`tls` of a server",
    about: "TLS towards a server. Paths are taken from the directory that the daemon is started in.",
    keys: &[
        key("ca", "a path", "PEM file of the authorities that are trusted here. Default: those of the system."),
        key("certificate", "a path", "PEM file of our certificate chain, for a server that asks for one."),
        key("key", "a path", "PEM file of its private key."),
        key(
            "server_name",
            "a host name",
            "The name that the server's certificate has to have. Default: the host of the URL.",
        ),
    ],
    unbuilt: &[],
};

impl ServerTls {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let path = |key| section.text(key, |path| not_empty(path).map(PathBuf::from));
        let identity = match (path("certificate"), path("key")) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (Some(_), None) if !section.has("key") => {
                section.wrong("certificate", "`certificate` needs `key` beside it");
                None
            }
            (None, Some(_)) if !section.has("certificate") => {
                section.wrong("key", "`key` needs `certificate` beside it");
                None
            }
            _ => None,
        };
        let server_name = section.text("server_name", host::host);
        // A certificate has addresses without brackets.
        let server_name = server_name.map(|name| name.trim_matches(['[', ']']).to_owned());
        Self { ca: path("ca"), identity, server_name }
    }
}

const fn key(name: &'static str, what: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Text(what), default: Value::Absent, about }
}
