//! The official suite, in front of the reference server over stdio: check by check as with the same server over HTTP.

use crate::conformance::{ends_alike, task_scenarios};
use crate::support::{Gateway, NodeServer, node, only_through_weir};

/// What is not to be had over stdio: a tool that has its own HTTP transport close a stream; and an answer that is alone
/// comes as JSON, where the SDK's HTTP server makes a stream of it.
const OF_HTTP: [&str; 2] = ["server-sse-polling", "server-sse-multiple-streams / server-sse-streams-functional"];

#[tokio::test]
async fn revision_2025_06_18_ends_alike_over_stdio() {
    suite("2025-06-18", 27, 56).await;
}

#[tokio::test]
async fn revision_2025_11_25_ends_alike_over_stdio() {
    suite("2025-11-25", 33, 84).await;
}

#[tokio::test]
async fn revision_2026_07_28_ends_alike_over_stdio() {
    suite("2026-07-28", 40, 152).await;
}

#[tokio::test]
async fn the_task_extension_ends_alike_over_stdio() {
    only_through_weir!();
    let scenarios = task_scenarios().await;
    let runs: Vec<_> = scenarios.iter().map(|scenario| vec!["--scenario", scenario]).collect();
    let one = NodeServer::reference(&["--era", "dual", "--tasks"]).await;
    let mut server = node("ref-server.mjs");
    let weir = Gateway::command(server.args(["--stdio", "--era", "dual", "--tasks"]), "").start().await;
    ends_alike(&one, weir, &runs, (10, 1), &[]).await;
}

async fn suite(revision: &str, scenarios: usize, passed: usize) {
    only_through_weir!();
    let one = NodeServer::reference(&["--era", "dual"]).await;
    let weir = Gateway::command(node("ref-server.mjs").args(["--stdio", "--era", "dual"]), "").start().await;
    let runs = [vec!["--spec-version", revision, "--suite", "all"]];
    ends_alike(&one, weir, &runs, (scenarios, passed), &OF_HTTP).await;
}
