//! The servers of the matrix: which SDK each stands on, and which eras it speaks.

use std::net::SocketAddr;

use super::server_rust::RustServer;
use crate::support::{Process, node, python};

/// Which eras a server speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Era {
    Legacy,
    Modern,
    Both,
}

pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) era: Era,
    pub(super) url: String,
}

/// All of them, running as long as this is held.
pub(super) struct Servers {
    all: Vec<Server>,
    _processes: Vec<Process>,
    _rust: RustServer,
}

impl Server {
    /// Its address behind the gateway at `address`.
    pub(super) fn through(&self, address: SocketAddr) -> String {
        format!("http://{address}/{}/mcp", self.name)
    }
}

impl Servers {
    pub(super) async fn start() -> Self {
        let reference = |era| {
            let mut command = node("ref-server.mjs");
            command.args(["--era", era]);
            command
        };
        let python = |generation, kind| {
            let mut command = python(generation, "server.py");
            command.arg(kind);
            command
        };
        let commands = [
            ("typescript-1", Era::Legacy, node("server-sdk1.mjs")),
            ("typescript-2-legacy", Era::Legacy, reference("legacy")),
            ("typescript-2-modern", Era::Modern, reference("modern")),
            ("typescript-2-both", Era::Both, reference("dual")),
            ("python-1", Era::Legacy, python("before", "mcp")),
            ("python-2", Era::Both, python("present", "mcp")),
            ("fastmcp-3", Era::Legacy, python("before", "fastmcp")),
            ("fastmcp-4", Era::Both, python("present", "fastmcp")),
        ];
        let (mut all, mut processes) = (Vec::new(), Vec::new());
        // All at once; then each is waited for.
        for (name, era, mut command) in commands {
            processes.push(Process::start(name, &mut command));
            all.push(Server { name, era, url: String::new() });
        }
        for (server, process) in all.iter_mut().zip(&mut processes) {
            server.url = format!("http://{}", process.line_after(" http://").await);
        }
        let rust = RustServer::start().await;
        all.push(Server { name: "rust-3", era: Era::Both, url: rust.url() });
        Self { all, _processes: processes, _rust: rust }
    }

    pub(super) fn all(&self) -> &[Server] {
        &self.all
    }

    /// A gateway's configuration with each of them on a route of its own.
    pub(super) fn configuration(&self) -> String {
        let entry =
            |server: &Server| format!("[[servers]]\nname = \"{}\"\nendpoints = [\"{}\"]\n", server.name, server.url);
        self.all.iter().map(entry).collect()
    }
}
