//! `[admin]`: where operators reach us, and what they need there.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::{
    host,
    listen::{Address, Listen},
    report::Place,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// Where operators and their probes reach us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// `address`: 127.0.0.1:9901.
    pub address: AdminAddress,
    /// `hosts`: further names we answer to there, written as in [`Listen::hosts`].
    pub hosts: Vec<String>,
    /// `open`: health, readiness and metrics are told to whoever asks.
    pub open: bool,
    /// `audience`: what a token has to be meant for; as in [`Admin::audience`] where nothing is said.
    pub audience: Option<String>,
}

/// Where the listener of operators is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminAddress {
    /// An IP address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A socket in the file system: whoever may open it is an operator.
    Unix(PathBuf),
}

pub(super) const SHAPE: Shape = Shape {
    title: "[admin]",
    about: "Where operators and their probes reach the gateway. On a Unix socket whoever may open it is an operator (mode \
            0660). On loopback the key in the data directory (`keys/admin`) is one's credential, \
            `Authorization: Bearer weir_admin_...`; everywhere else, and there too, it is a token of an issuer in `[auth]` whose \
            roles have the permission that an endpoint needs.",
    keys: &[
        Key {
            name: "address",
            kind: Kind::Text("an IP address and a port, \"127.0.0.1:9901\", or \"unix:/PATH\""),
            default: Value::Text("127.0.0.1:9901"),
            about: "The address of `/healthz`, `/readyz`, `/metrics` and the operators' API. `--admin` goes before it.",
        },
        Key {
            name: "hosts",
            kind: Kind::List("host names without port, [\"gateway.internal\"]"),
            default: Value::Absent,
            about: "Further names that a request's `Host` may have there.",
        },
        Key {
            name: "open",
            kind: Kind::Flag,
            default: Value::Flag(true),
            about: "Whether `/healthz`, `/readyz` and `/metrics` are told to whoever asks. Else they need `manage:system`, like \
                    everything else.",
        },
        Key {
            name: "audience",
            kind: Kind::Text("what a token names, \"https://gateway.example.com/admin\""),
            default: Value::Absent,
            about: "What the `aud` of a token has to have, where its issuer in `[[auth.jwt]]` says no `audience` itself. \
                    Default: what clients call the gateway (`[listen] public_url`), and `/admin` behind it.",
        },
    ],
    unbuilt: &[],
};

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

impl Admin {
    pub(super) fn read(section: &Section<'_>, option: Option<&AdminAddress>, listen: &Listen) -> Self {
        let written = section.text("address", AdminAddress::parse);
        let address = option.cloned().or(written).unwrap_or(AdminAddress::Tcp(DEFAULT_ADDRESS));
        if address.is_that_of(&listen.address) {
            let place = option.map_or(section.place("address"), |address| Place::Option(format!("--admin {address}")));
            section.mistakes.add(place, format!("[admin] and [listen] cannot share the address {address}"));
        }
        let audience = section.text("audience", |text| match text.is_empty() {
            true => Err("must not be empty".to_owned()),
            false => Ok(text.to_owned()),
        });
        Self { address, hosts: section.list("hosts", host::host), open: section.flag("open"), audience }
    }

    /// What a token has to be meant for to be taken on the operators' side; `None` where that is not said, and no token is
    /// that is bound to a URL.
    pub fn audience(&self, listen: &Listen) -> Option<String> {
        self.audience.clone().or_else(|| listen.url().map(|url| format!("{url}/admin")))
    }
}

impl AdminAddress {
    /// The meaning of an address of operators. The error is a sentence without subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        match Address::parse(text)? {
            Address::Tcp(address) => Ok(Self::Tcp(address)),
            Address::Unix(path) => Ok(Self::Unix(path)),
            Address::Handed(_) => Err(format!(
                "takes an IP address and a port, or \"unix:/PATH\", not a socket that is handed over, {text:?}"
            )),
        }
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    fn is_that_of(&self, clients: &Address) -> bool {
        match (self, clients) {
            (Self::Tcp(ours), Address::Tcp(theirs)) => ours == theirs && ours.port() != 0,
            (Self::Unix(ours), Address::Unix(theirs)) => ours == theirs,
            _ => false,
        }
    }
}

impl Default for AdminAddress {
    fn default() -> Self {
        Self::Tcp(DEFAULT_ADDRESS)
    }
}

impl From<SocketAddr> for AdminAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
