//! `[listen]`: where clients reach us, and what they call us.

use std::{fmt, net::SocketAddr, thread};

use super::{
    endpoint::PublicUrl,
    host,
    report::Place,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// IP and port.
    Tcp(SocketAddr),
    /// `fd:NAME`: the sockets that the service manager hands over by this name.
    Handed(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Handed(name) => write!(f, "fd:{name}"),
        }
    }
}

/// Where clients reach us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `address`: IP and port, or `fd:NAME`; 127.0.0.1:8080. Port 0 lets the system choose.
    pub address: Address,
    /// `public_url`: what clients call us, if that is not the address.
    pub public_url: Option<PublicUrl>,
    /// `hosts`: further names we answer to, as in a `Host` header without its port: lower case, IPv6 in brackets.
    pub hosts: Vec<String>,
    /// `origins`: allowed `Origin` values besides those of loopback, in the form in which a browser sends them.
    pub origins: Vec<String>,
    /// `cores`: data-path runtimes; as many as the process may use.
    pub cores: usize,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[listen]",
    about: "Where clients reach the gateway.",
    keys: &[
        Key {
            name: "address",
            kind: Kind::Text("an IP address and a port, \"127.0.0.1:8080\" or \"[::1]:8080\"; or \"fd:NAME\""),
            default: Value::Text("127.0.0.1:8080"),
            about: "The address of the MCP endpoints. Port 0 lets the system choose one; \
                    `fd:NAME` takes the sockets that systemd hands over by that name. Off loopback nobody is let in \
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
            name: "cores",
            kind: Kind::Count(1, 256),
            default: Value::Absent,
            about: "How many cores carry traffic. Default: as many as the process may use.",
        },
    ],
    unbuilt: &[
        "tls",
        "client_ca",
        "client_certificate",
        "client_crl",
        "trusted_proxies",
        "proxy_protocol",
        "http2_prior_knowledge",
    ],
};

impl Listen {
    /// Also says where the address comes from.
    pub(super) fn read(section: &Section<'_>, option: Option<&Address>) -> (Self, Place) {
        let written = section.text("address", address);
        let address = option.cloned().or(written).unwrap_or(Address::Tcp(DEFAULT_ADDRESS));
        let place = option.map_or(section.place("address"), |address| Place::Option(format!("--listen {address}")));
        let listen = Self {
            address,
            public_url: section.text("public_url", PublicUrl::parse),
            hosts: section.list("hosts", host::host),
            origins: section.list("origins", host::origin),
            cores: section.size_if_written("cores").unwrap_or_else(available_cores),
        };
        (listen, place)
    }
}

impl Listen {
    /// Whether only this machine can reach the address. Of a socket that is handed over that is not known here: whoever
    /// takes it has to look.
    pub fn is_loopback(&self) -> bool {
        match &self.address {
            Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Address::Handed(_) => true,
        }
    }
}

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// The meaning of `[listen] address`. The error is a sentence without subject.
pub fn address(text: &str) -> Result<Address, String> {
    match text.strip_prefix("fd:") {
        Some("") => {
            Err("takes a name after \"fd:\", the one that the socket unit's `FileDescriptorName=` says".to_owned())
        }
        Some(name) => Ok(Address::Handed(name.to_owned())),
        None => socket_address(text).map(Address::Tcp),
    }
}

/// The meaning of an address to bind. The error is a sentence without subject.
pub fn socket_address(text: &str) -> Result<SocketAddr, String> {
    if text.starts_with("unix:") || text.starts_with("fd:") {
        return Err(format!(
            "{text:?}: listening on a Unix socket or a handed-over one is not built into this version"
        ));
    }
    text.parse().map_err(|_| {
        format!("takes an IP address and a port, for example \"127.0.0.1:8080\" or \"[::1]:8080\", not {text:?}")
    })
}

fn available_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(256)
}
