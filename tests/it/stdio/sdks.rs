//! The official clients do all they can in front of commands: what they do over HTTP in front of the same servers.

use std::process::Command;

use crate::sdk::{EVERYTHING, LEGACY, MODERN, REFERENCE, makes};
use crate::support::{Gateway, node, only_through_weir};

#[tokio::test]
async fn sdk_1_in_2025_06_18() {
    reference("1", "2025-06-18", LEGACY).await;
}

#[tokio::test]
async fn sdk_1_in_2025_11_25() {
    reference("1", "2025-11-25", LEGACY).await;
}

#[tokio::test]
async fn sdk_2_in_2025_11_25() {
    reference("2", "2025-11-25", LEGACY).await;
}

#[tokio::test]
async fn sdk_2_in_2026_07_28() {
    reference("2", "2026-07-28", MODERN).await;
}

#[tokio::test]
async fn server_everything() {
    only_through_weir!();
    let server = node("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    through(&server, "2", "2025-11-25", "everything", EVERYTHING).await;
}

async fn reference(sdk: &str, revision: &str, further: &[&str]) {
    only_through_weir!();
    let mut server = node("ref-server.mjs");
    server.args(["--stdio", "--era", "dual"]);
    through(&server, sdk, revision, "ref", &[REFERENCE, further].concat()).await;
}

async fn through(server: &Command, sdk: &str, revision: &str, checks: &str, expected: &[&str]) {
    let weir = Gateway::command(server, "").start().await;
    makes(&weir, &["--stdio"], sdk, revision, checks, expected).await;
    weir.stop().await;
}
