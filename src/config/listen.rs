//! `[listen]`: where clients reach us, and what they call us.

mod proxies;
pub(super) mod tls;

use std::{fmt, net::SocketAddr, path::PathBuf};

use crate::model::Trusted;

use super::{
    endpoint::PublicUrl,
    host,
    report::Place,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

pub use proxies::ProxyProtocol;
pub use tls::{ClientCertificates, ListenTls};

/// Where a listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
    /// Sockets that the service manager hands over under this name (`FileDescriptorName=`).
    Handed(String),
}

/// Where clients reach us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `address`: 127.0.0.1:8080.
    pub address: Address,
    /// `public_url`: what clients call us, if that is not the address.
    pub public_url: Option<PublicUrl>,
    /// `hosts`: further names we answer to, as in a `Host` header without its port: lower case, IPv6 in brackets.
    pub hosts: Vec<String>,
    /// `origins`: allowed `Origin` values besides those of loopback, in the form in which a browser sends them.
    pub origins: Vec<String>,
    /// `http2_prior_knowledge`: HTTP/2 and nothing else, on plain TCP.
    pub http2_prior_knowledge: bool,
    /// `tls`, `client_ca`, `client_certificate` and `client_crl`.
    pub tls: Option<ListenTls>,
    /// `trusted_proxies`: whose word on a client's address is taken.
    pub trusted_proxies: Trusted,
    /// `proxy_protocol`: off.
    pub proxy_protocol: ProxyProtocol,
    /// `cores`: data-path runtimes; as many as the process may use at its start where nothing is said.
    pub cores: Option<usize>,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[listen]",
    about: "Where clients reach the gateway.",
    keys: &[
        Key {
            name: "address",
            kind: Kind::Text(
                "an IP address and a port, \"127.0.0.1:8080\" or \"[::1]:8080\", or \"unix:/PATH\", or \"fd:NAME\"",
            ),
            default: Value::Text("127.0.0.1:8080"),
            about: "The address of the MCP endpoints. Port 0 lets the system choose one; `unix:/PATH` is a socket in \
                    the file system (mode 0660), which counts as loopback; `fd:NAME` takes the sockets that \
                    systemd hands over under that name. Off loopback nobody is let in \
                    before [auth] says who may. `--listen` goes before it.",
        },
        Key {
            name: "public_url",
            kind: Kind::Text("a URL of scheme, host and perhaps port, \"https://gateway.example.com\""),
            default: Value::Absent,
            about: "What clients call the gateway; its host is one that is answered to.",
        },
        Key {
            name: "hosts",
            kind: Kind::List("host names without port, [\"gateway.internal\"]"),
            default: Value::Absent,
            about: "Further names that a request's `Host` may have. Always there: the host of `public_url`, the address \
                    literal that the connection came in on, and on loopback `localhost`, `127.0.0.1` and `[::1]`.",
        },
        Key {
            name: "origins",
            kind: Kind::List("origins, [\"https://ide.example.com\"]"),
            default: Value::Absent,
            about: "The `Origin` values of web pages that may call. On a loopback listener loopback origins are always \
                    allowed.",
        },
        Key {
            name: "http2_prior_knowledge",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "Whether clients speak HTTP/2 in plain text from their first byte on, as a proxy in front may; \
                    HTTP/1.1 is then not understood here.",
        },
        Key {
            name: "tls",
            kind: Kind::Table("a table, { certificate = \"...\", key = \"...\" }"),
            default: Value::Absent,
            about: "TLS 1.2 or 1.3 is spoken, and nothing else. See below.",
        },
        Key {
            name: "client_ca",
            kind: Kind::Text("a path"),
            default: Value::Absent,
            about: "Clients show certificates: the PEM file of the authorities that have to have signed them. Their sessions \
                    are never resumed, so that each connection is checked.",
        },
        Key {
            name: "client_certificate",
            kind: Kind::Choice(&["require", "request"]),
            default: Value::Text("require"),
            about: "Whether a client without a certificate is turned away, or only one with a wrong one.",
        },
        Key {
            name: "client_crl",
            kind: Kind::List("paths, [\"/etc/weir/tls/revoked.pem\"]"),
            default: Value::Absent,
            about: "PEM files of the certificates that the authorities have revoked. Where one is there, each authority's has \
                    to be, and be in date: else none of its clients is let in.",
        },
        Key {
            name: "trusted_proxies",
            kind: Kind::List("addresses, networks, or \"unix\", [\"10.0.0.0/8\"]"),
            default: Value::Absent,
            about: "Whose word on a client's address is taken: the PROXY header, where `proxy_protocol` says so, and the last \
                    address in `X-Forwarded-For` that is none of these. They are not counted in `connections_per_address`. \
                    `unix` is whoever may connect to the Unix socket.",
        },
        Key {
            name: "proxy_protocol",
            kind: Kind::Choice(&["off", "v1", "v2"]),
            default: Value::Text("off"),
            about: "The PROXY header that each connection begins with, before TLS. A connection without one, or from elsewhere \
                    than `trusted_proxies`, is closed.",
        },
        Key {
            name: "cores",
            kind: Kind::Count(1, 256),
            default: Value::Absent,
            about: "How many cores carry traffic; a reload may change it. Default: as many as the process may use when it \
                    starts.",
        },
    ],
    unbuilt: &[],
};

impl Listen {
    /// Also says where the address comes from.
    pub(super) fn read(section: &Section<'_>, option: Option<&Address>) -> (Self, Place) {
        let written = section.text("address", Address::parse);
        let address = option.cloned().or(written).unwrap_or(Address::Tcp(DEFAULT_ADDRESS));
        let place = option.map_or(section.place("address"), |address| Place::Option(format!("--listen {address}")));
        let listen = Self {
            address,
            public_url: section.text("public_url", PublicUrl::parse),
            hosts: section.list("hosts", host::host),
            origins: section.list("origins", host::origin),
            http2_prior_knowledge: section.flag("http2_prior_knowledge"),
            tls: ListenTls::read(section),
            trusted_proxies: proxies::trusted(section),
            proxy_protocol: ProxyProtocol::read(section),
            cores: section.size_if_written("cores"),
        };
        (listen, place)
    }
}

impl Listen {
    /// What clients call us: `public_url`, or what the address and TLS come to. `None` where that is not said: for every
    /// address of the machine, a port that the system chooses, a Unix socket, or one that is handed over.
    pub fn url(&self) -> Option<String> {
        if let Some(public) = &self.public_url {
            return Some(public.url.clone());
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match &self.address {
            Address::Tcp(address) if !address.ip().is_unspecified() && address.port() != 0 => {
                let default = if self.tls.is_some() { 443 } else { 80 };
                Some(match (address.port() == default, address) {
                    (false, _) => format!("{scheme}://{address}"),
                    (true, SocketAddr::V4(address)) => format!("{scheme}://{}", address.ip()),
                    (true, SocketAddr::V6(address)) => format!("{scheme}://[{}]", address.ip()),
                })
            }
            _ => None,
        }
    }

    /// Whether only this machine can reach the address; `None` where that shows when the socket is handed over.
    pub fn is_loopback(&self) -> Option<bool> {
        match &self.address {
            Address::Tcp(address) => Some(address.ip().to_canonical().is_loopback()),
            Address::Unix(_) => Some(true),
            Address::Handed(_) => None,
        }
    }
}

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

impl Address {
    /// The meaning of an address of clients. The error is a sentence without subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix_path(path).map(Self::Unix);
        }
        let Some(name) = text.strip_prefix("fd:") else { return socket_address(text).map(Self::Tcp) };
        // As systemd takes them (sd_listen_fds_with_names(3)).
        let fits =
            !name.is_empty() && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if fits {
            Ok(Self::Handed(name.to_owned()))
        } else {
            Err(format!("takes the name of a socket behind `fd:`, as FileDescriptorName= gives it, not {text:?}"))
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Handed(name) => write!(f, "fd:{name}"),
        }
    }
}

/// The meaning of an address to bind. The error is a sentence without subject.
pub fn socket_address(text: &str) -> Result<SocketAddr, String> {
    if text.starts_with("unix:") {
        return Err(format!("takes an IP address and a port, not a Unix socket, {text:?}"));
    }
    text.parse().map_err(|_| {
        format!("takes an IP address and a port, for example \"127.0.0.1:8080\" or \"[::1]:8080\", not {text:?}")
    })
}

/// The kernel's bound on a socket's path, its end included.
const MOST_PATH: usize = 108;

fn unix_path(text: &str) -> Result<PathBuf, String> {
    if !text.starts_with('/') || text.ends_with('/') {
        return Err(format!("takes the absolute path of a socket behind `unix:`, not {text:?}"));
    }
    if text.len() >= MOST_PATH {
        return Err(format!("has a path of {} bytes: a socket's has less than {MOST_PATH}", text.len()));
    }
    Ok(text.into())
}
