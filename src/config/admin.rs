//! `[admin]`: where operators reach us.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    host,
    listen::{Address, Listen, socket_address},
    report::Place,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// Where operators and their probes reach us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// `address`: IP and port; 127.0.0.1:9901. Port 0 lets the system choose.
    pub address: SocketAddr,
    /// `hosts`: further names we answer to there, written as in [`Listen::hosts`].
    pub hosts: Vec<String>,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[admin]",
    about: "Where operators and their probes reach the gateway.",
    keys: &[
        Key {
            name: "address",
            kind: Kind::Text("an IP address and a port, \"127.0.0.1:9901\""),
            default: Value::Text("127.0.0.1:9901"),
            about: "The address of `/healthz`, `/readyz` and `/metrics`, and on loopback of the operators' API. `--admin` \
                    goes before it.",
        },
        Key {
            name: "hosts",
            kind: Kind::List("host names without port, [\"gateway.internal\"]"),
            default: Value::Absent,
            about: "Further names that a request's `Host` may have there.",
        },
    ],
    unbuilt: &[],
};

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

impl Admin {
    pub(super) fn read(section: &Section<'_>, option: Option<SocketAddr>, listen: &Listen) -> Self {
        let written = section.text("address", socket_address);
        let address = option.or(written).unwrap_or(DEFAULT_ADDRESS);
        if Address::Tcp(address) == listen.address && address.port() != 0 {
            let place = option.map_or(section.place("address"), |address| Place::Option(format!("--admin {address}")));
            section.mistakes.add(place, format!("[admin] and [listen] cannot share the address {address}"));
        }
        Self { address, hosts: section.list("hosts", host::host) }
    }
}
