//! The official suite, in front of the reference server over stdio: check by check as with the same server over HTTP.

use crate::conformance::ends_alike;
use crate::support::{Gateway, NodeServer, node, only_through_weir};

/// The tool asks its own HTTP transport to close the stream, which it does not have here; Weir's streams are not polled.
const POLLING: &str = "sse-polling";

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

async fn suite(revision: &str, scenarios: usize, passed: usize) {
    only_through_weir!();
    let one = NodeServer::reference(&["--era", "dual"]).await;
    let weir = Gateway::command(node("ref-server.mjs").args(["--stdio", "--era", "dual"]), "").start().await;
    let runs = [vec!["--spec-version", revision, "--suite", "all"]];
    ends_alike(&one, weir, &runs, (scenarios, passed), &[POLLING]).await;
}
