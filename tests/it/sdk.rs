//! The official TypeScript clients of both generations do all they can through Weir, in every revision they speak.

use serde_json::Value;

use crate::support::{Gateway, NodeServer, node_lines};

/// What `ref-checks.mjs` reports in every era. The names stand here so that a check cannot vanish.
pub(crate) const REFERENCE: &[&str] = &[
    "connect",
    "tools/list",
    "tools/call",
    "tools/call big",
    "tools/call error",
    "progress",
    "resources",
    "prompts",
    "completion",
    "sampling",
    "elicitation",
    "roots",
    "logging",
    "list changed",
    "resource subscription",
    "cancellation",
    "twenty at once",
];
pub(crate) const LEGACY: &[&str] = &["session", "termination"];
const RESUMABLE: &[&str] = &["session", "resumption", "termination"];
pub(crate) const MODERN: &[&str] = &["round trips", "parameter headers"];

/// What `everything-checks.mjs` reports.
pub(crate) const EVERYTHING: &[&str] = &[
    "connect",
    "tools/list",
    "tools/call",
    "progress",
    "resources",
    "prompts",
    "completion",
    "sampling",
    "elicitation",
    "roots",
    "resource subscription",
    "logging",
    "twenty at once",
    "termination",
];

/// What it reports of the generation that knows the tasks of 2025-11-25.
pub(crate) const TASKS: &[&str] = &["tasks"];

#[tokio::test]
async fn sdk_1_in_2025_03_26() {
    reference("1", "2025-03-26", LEGACY).await;
}

#[tokio::test]
async fn sdk_1_in_2025_06_18() {
    reference("1", "2025-06-18", LEGACY).await;
}

#[tokio::test]
async fn sdk_1_in_2025_11_25() {
    reference("1", "2025-11-25", RESUMABLE).await;
}

#[tokio::test]
async fn sdk_2_in_2025_03_26() {
    reference("2", "2025-03-26", LEGACY).await;
}

#[tokio::test]
async fn sdk_2_in_2025_06_18() {
    reference("2", "2025-06-18", LEGACY).await;
}

#[tokio::test]
async fn sdk_2_in_2025_11_25() {
    reference("2", "2025-11-25", RESUMABLE).await;
}

#[tokio::test]
async fn sdk_2_in_2026_07_28() {
    reference("2", "2026-07-28", MODERN).await;
}

#[tokio::test]
async fn sdk_1_with_server_everything() {
    everything("1", TASKS).await;
}

#[tokio::test]
async fn sdk_2_with_server_everything() {
    everything("2", &[]).await;
}

async fn reference(sdk: &str, revision: &str, further: &[&str]) {
    let server = NodeServer::reference(&["--era", "dual"]).await;
    passes(&server, sdk, revision, "ref", &[REFERENCE, further].concat()).await;
}

async fn everything(sdk: &str, further: &[&str]) {
    let server = NodeServer::everything().await;
    passes(&server, sdk, "2025-11-25", "everything", &[EVERYTHING, further].concat()).await;
}

async fn passes(server: &NodeServer, sdk: &str, revision: &str, checks: &str, expected: &[&str]) {
    let weir = Gateway::to(server.url()).start().await;
    makes(&weir, &[], sdk, revision, checks, expected).await;
    weir.stop().await;
}

/// All these checks, and no others, pass through `weir`.
pub(crate) async fn makes(weir: &Gateway, more: &[&str], sdk: &str, revision: &str, checks: &str, expected: &[&str]) {
    let url = weir.url();
    let arguments = ["--url", &url, "--sdk", sdk, "--revision", revision, "--server", checks];
    let arguments = [&arguments, more].concat();
    let lines = node_lines("client.mjs", &arguments, false).await;
    let reports: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("a report is JSON")).collect();
    let failed: Vec<_> = reports.iter().filter(|report| report["ok"] != true).map(Value::to_string).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let mut passed: Vec<_> = reports.iter().map(|report| report["check"].as_str().unwrap_or("")).collect();
    let mut expected = expected.to_vec();
    passed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(passed, expected, "the checks that were made");
}
