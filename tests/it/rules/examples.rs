//! The rules of `docs/RULES.md`, as an operator copies them: messages through the examples, and expressions.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::defined::listed;
use super::*;

fn example(name: &str, replaced: &[(&str, &Scripted)]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(name);
    let mut text = fs::read_to_string(file).expect("it is there");
    for (from, server) in replaced {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, &server.url());
    }
    text
}

/// What became of a message: `passed`, or the code of its refusal.
fn outcome(answer: &Answer) -> String {
    let said = answer.json();
    match said["error"]["code"].as_i64() {
        Some(code) => code.to_string(),
        None if said["result"].is_object() => "passed".to_owned(),
        None => panic!("{answer:?}"),
    }
}

const TABLES: &str = r#"{"name":"table_read","inputSchema":{},"annotations":{"readOnlyHint":true,"destructiveHint":false}},{"name":"table_drop","inputSchema":{}}"#;

#[tokio::test]
async fn the_first_rules_of_the_page_do_what_it_says() {
    only_through_weir!();
    let next = answering().await;
    let server = Scripted::answering(|request| listed(request, TABLES)).await;
    let servers = [("http://127.0.0.1:3000/mcp", &server), ("http://127.0.0.1:3001/mcp", &next)];
    let weir = Gateway::config(&example("rules.toml", &servers)).start().await;
    let mut client = weir.client().await;
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(10_001));
    let read = |method: &str, uri: &str| modern("1", method, &format!(r#""uri":"{uri}""#)).header("Mcp-Name", uri);
    for (post, expected) in [
        (call("1", "shell", "{}"), "40301"),
        (call("1", "db_exec", "{}"), "40301"),
        (legacy("1", "tools/call", r#"{"name":"shell"}"#), "40301"),
        (call("1", "read", "{}"), "passed"),
        (read("resources/read", "file:///etc/passwd"), "40301"),
        (read("resources/read", "file:///srv/a"), "passed"),
        (read("resources/read", "file:///srv/../etc/passwd"), "-32602"),
        (call("1", "export", r#"{"rows":1001}"#), "4001"),
        (call("1", "export", r#"{"rows":1000}"#), "passed"),
        (call("1", "export", r#"{"rows":"many"}"#), "40301"),
        (call("1", "export", "{}"), "passed"),
        (call("1", "table_drop", "{}"), "40301"),
        (call("1", "table_read", "{}"), "passed"),
        (call("1", "table_made_up", "{}"), "40301"),
        (call("1", "echo", &long), "passed"),
        (read("resources/read", "file:///drafts/a"), "passed"),
        (read("resources/unsubscribe", "file:///drafts/a"), "40301"),
        (call("1", "search", "{}"), "passed"),
    ] {
        let answer = client.ask(&post).await;
        assert_eq!(outcome(&answer), expected, "{post:?}: {answer:?}");
    }
    let closed = client.ask(&call("1", "report", "{}")).await;
    assert_eq!(closed.json()["result"]["content"][0]["text"], "No reports before Monday.");
    let _ = server.waiting();
    client.ask(&call("1", "export", r#"{"debug":true,"rows":1}"#).header("X-Team", "blue-2")).await;
    let request = server.request().await;
    assert_eq!(request.header("x-team"), Some("blue"));
    assert_eq!(request.json()["params"]["arguments"], serde_json::json!({ "rows": 1, "format": "csv" }));
    until("the log names what failed", async || weir.said().contains("an expression has failed, which denies")).await;
    assert!(weir.said().contains("rule=\"exports are small\""), "{}", weir.said());
    until("the shadow is counted", async || matches(&weir, "would this bite?", "shadow").await == 1.0).await;
}

#[tokio::test]
async fn a_rule_of_the_page_goes_by_the_clock() {
    only_through_weir!();
    // 1970-01-01 was a Thursday: of each seven days from it, 2 and 3 are a weekend.
    let in_its_zone = || UNIX_EPOCH.elapsed().expect("it is later") + Duration::from_secs(3600);
    let is_weekend = || matches!(in_its_zone().as_secs() / 86_400 % 7, 2 | 3);
    let (server, next) = (answering().await, answering().await);
    let servers = [("http://127.0.0.1:3000/mcp", &server), ("http://127.0.0.1:3001/mcp", &next)];
    let weir = Gateway::config(&example("rules.toml", &servers)).start().await;
    let mut client = weir.client().await;
    // A day may end while it is asked: then the next one is asked about.
    let (closed, answer) = loop {
        let (before, answer) = (is_weekend(), client.ask(&call("1", "deploy", "{}")).await);
        if before == is_weekend() {
            break (before, answer);
        }
    };
    assert_eq!(outcome(&answer), if closed { "40301" } else { "passed" }, "{answer:?}");
}

#[tokio::test]
async fn the_faults_of_the_page_do_what_it_says() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&example("rules-faults.toml", &[("http://127.0.0.1:3000/mcp", &server)])).start().await;
    let failed = weir.client().await.ask(&call("1", "search", "{}")).await;
    assert_eq!((failed.status(), failed.refusal().1.as_str()), (503, "upstream_unavailable"));
    assert!(server.waiting().is_empty());
}
