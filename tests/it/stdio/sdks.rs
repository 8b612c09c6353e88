//! The official clients do all they can in front of commands: what they do over HTTP in front of the same servers.

use std::process::Command;

use crate::sdk::{EVERYTHING, LEGACY, MODERN, REFERENCE, TASKS, makes};
use crate::support::{Gateway, node, only_through_weir};

const SHARED: &str = "processes = { per = \"shared\" }";

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
async fn sdk_1_on_a_callers_process() {
    only_through_weir!();
    let (reference, expected) = (server(), [REFERENCE, LEGACY].concat());
    let principal = "processes = { per = \"principal\" }";
    through(&reference, principal, &["--stdio"], "1", "2025-11-25", "ref", &expected).await;
}

#[tokio::test]
async fn sdk_1_with_server_everything() {
    only_through_weir!();
    through(&everything(), "", &["--stdio"], "1", "2025-11-25", "everything", &[EVERYTHING, TASKS].concat()).await;
}

#[tokio::test]
async fn sdk_2_with_server_everything() {
    only_through_weir!();
    through(&everything(), "", &["--stdio"], "2", "2025-11-25", "everything", EVERYTHING).await;
}

#[tokio::test]
async fn both_sdks_with_a_server_everything_that_is_shared() {
    only_through_weir!();
    let alone = |check: &&str| !["sampling", "elicitation", "roots", "logging"].contains(check);
    let expected: Vec<_> = EVERYTHING.iter().copied().filter(alone).collect();
    for sdk in ["1", "2"] {
        let how = ["--stdio", "--shared"];
        through(&everything(), SHARED, &how, sdk, "2025-11-25", "everything", &expected).await;
    }
}

#[tokio::test]
async fn clients_whose_streams_break_come_back() {
    only_through_weir!();
    for sdk in ["1", "2"] {
        let expected = ["a broken answer", "a broken question", "a broken listening"];
        through(&server(), "", &[], sdk, "2025-11-25", "resuming", &expected).await;
    }
}

#[tokio::test]
async fn server_filesystem_asks_its_client_for_roots() {
    only_through_weir!();
    let server = node("node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
    for sdk in ["1", "2"] {
        through(&server, "", &[], sdk, "2025-11-25", "roots", &["asked unasked", "asked again"]).await;
    }
}

async fn reference(sdk: &str, revision: &str, further: &[&str]) {
    only_through_weir!();
    through(&server(), "", &["--stdio"], sdk, revision, "ref", &[REFERENCE, further].concat()).await;
}

fn server() -> Command {
    let mut server = node("ref-server.mjs");
    server.args(["--stdio", "--era", "dual"]);
    server
}

fn everything() -> Command {
    node("node_modules/@modelcontextprotocol/server-everything/dist/index.js")
}

async fn through(
    server: &Command,
    section: &str,
    how: &[&str],
    sdk: &str,
    revision: &str,
    checks: &str,
    expected: &[&str],
) {
    let weir = Gateway::command(server, section).start().await;
    makes(&weir, how, sdk, revision, checks, expected).await;
    weir.stop().await;
}
