//! `[listen]`: where clients reach us, and what they call us.

use std::{fmt, net::SocketAddr};

use super::{
    endpoint::PublicUrl,
    host,
    report::Place,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// Where a listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
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
    /// `cores`: data-path runtimes; as many as the process may use at its start where nothing is said.
    pub cores: Option<usize>,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[listen]",
    about: "Where clients reach the gateway.",
    keys: &[
        Key {
            name: "address",
            kind: Kind::Text("an IP address and a port, \"127.0.0.1:8080\" or \"[::1]:8080\", or \"fd:NAME\""),
            default: Value::Text("127.0.0.1:8080"),
            about: "The address of the MCP endpoints. Port 0 lets the system choose one; `fd:NAME` takes the sockets that \
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
            name: "cores",
            kind: Kind::Count(1, 256),
            default: Value::Absent,
            about: "How many cores carry traffic. Default: as many as the process may use when it starts.",
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
        let written = section.text("address", Address::parse);
        let address = option.cloned().or(written).unwrap_or(Address::Tcp(DEFAULT_ADDRESS));
        let place = option.map_or(section.place("address"), |address| Place::Option(format!("--listen {address}")));
        let listen = Self {
            address,
            public_url: section.text("public_url", PublicUrl::parse),
            hosts: section.list("hosts", host::host),
            origins: section.list("origins", host::origin),
            cores: section.size_if_written("cores"),
        };
        (listen, place)
    }
}

impl Listen {
    /// Whether only this machine can reach the address; `None` where that shows when the socket is handed over.
    pub fn is_loopback(&self) -> Option<bool> {
        match &self.address {
            Address::Tcp(address) => Some(address.ip().to_canonical().is_loopback()),
            Address::Handed(_) => None,
        }
    }
}

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

impl Address {
    /// The meaning of an address of clients. The error is a sentence without subject.
    pub fn parse(text: &str) -> Result<Self, String> {
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
            Self::Handed(name) => write!(f, "fd:{name}"),
        }
    }
}

/// The meaning of an address to bind. The error is a sentence without subject.
pub fn socket_address(text: &str) -> Result<SocketAddr, String> {
    if text.starts_with("unix:") {
        return Err(format!("{text:?}: listening on a Unix socket is not built into this version"));
    }
    text.parse().map_err(|_| {
        format!("takes an IP address and a port, for example \"127.0.0.1:8080\" or \"[::1]:8080\", not {text:?}")
    })
}
