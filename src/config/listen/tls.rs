//! `tls`, `client_ca` and what belongs to it: TLS towards clients.

use std::path::PathBuf;

use crate::config::{
    secret::not_empty,
    section::Section,
    shape::{Key, Kind, Shape, Value},
    tls::Identity,
};

/// More names and certificates than these are refused.
const MOST: usize = 1000;

/// TLS towards clients. The files are read by whoever speaks TLS, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenTls {
    /// `certificate` and `key`, or `certificates`: never empty. The first is shown where no name fits.
    pub certificates: Vec<Identity>,
    /// `client_ca`: whose certificates clients show; `None`: they are not asked.
    pub clients: Option<ClientCertificates>,
}

/// Certificates of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// `client_ca`: PEM file of the authorities that are trusted.
    pub ca: PathBuf,
    /// `client_certificate = "require"`: one without is turned away.
    pub required: bool,
    /// `client_crl`: PEM files of what they have revoked.
    pub revoked: Vec<PathBuf>,
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "`tls` of [listen]",
    about: "TLS towards clients: one certificate, or several by the name that a client asks for (SNI). Paths are taken from \
            the directory that the daemon is started in. Files that change are read again, and no connection is dropped.",
    keys: &[
        path("certificate", "PEM file of our certificate and, behind it, of those that lead to its root."),
        path("key", "PEM file of its private key, not encrypted."),
        Key {
            name: "certificates",
            kind: Kind::List("tables, [{ certificate = \"...\", key = \"...\" }]"),
            default: Value::Absent,
            about: "Several, in place of `certificate` and `key`. Each is shown to whoever asks for a name that it bears, \
                    wildcards included; the first to everybody else.",
        },
    ],
    unbuilt: &[],
};

/// An element of `certificates`.
pub(in crate::config) const PAIR: Shape = Shape {
    title: "an element of `certificates`",
    about: "One of several certificates.",
    keys: &[
        path("certificate", "PEM file of the certificate and, behind it, of those that lead to its root."),
        path("key", "PEM file of its private key, not encrypted."),
    ],
    unbuilt: &[],
};

impl ListenTls {
    /// `None` where there is no TLS, or where a mistake has been noted.
    pub(super) fn read(listen: &Section<'_>) -> Option<Self> {
        let clients = ClientCertificates::read(listen);
        if !listen.has("tls") {
            return None;
        }
        let section = listen.table("tls", &SHAPE);
        let certificates = match section.has("certificates") {
            true => several(&section),
            false if listen.has_table("tls") => pair(&section).into_iter().collect(),
            false => Vec::new(),
        };
        (!certificates.is_empty()).then_some(Self { certificates, clients })
    }
}

fn several(section: &Section<'_>) -> Vec<Identity> {
    for key in ["certificate", "key"] {
        if section.has(key) {
            section.wrong(key, format!("`{key}` stands beside `certificates`: move it into the list, as its first"));
        }
    }
    let count = section.items("certificates").len();
    if !(1..=MOST).contains(&count) {
        section.wrong("certificates", format!("`certificates` takes 1 to {MOST} of them, not {count}"));
    }
    section.tables("certificates", &PAIR).iter().filter_map(pair).collect()
}

fn pair(section: &Section<'_>) -> Option<Identity> {
    let (certificate, key) = (section.required("certificate", file), section.required("key", file));
    Some(Identity { certificate: certificate?, key: key? })
}

impl ClientCertificates {
    fn read(listen: &Section<'_>) -> Option<Self> {
        let ca = listen.text("client_ca", file);
        let revoked = listen.list("client_crl", file);
        let required = listen.choice("client_certificate") == "require";
        for key in ["client_certificate", "client_crl"] {
            if listen.has(key) && !listen.has("client_ca") {
                listen.wrong(key, format!("`{key}` needs `client_ca` beside it: whose certificates are meant"));
            }
        }
        if listen.has("client_ca") && !listen.has("tls") {
            listen.wrong("client_ca", "`client_ca` needs `tls` beside it: certificates are shown in TLS alone");
        }
        Some(Self { ca: ca?, required, revoked })
    }
}

fn file(text: &str) -> Result<PathBuf, String> {
    not_empty(text).map(PathBuf::from)
}

const fn path(name: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Text("a path"), default: Value::Absent, about }
}
