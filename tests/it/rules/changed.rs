//! What rules change in messages, and in how they are carried.

use super::*;

#[tokio::test]
async fn fields_and_arguments_are_as_the_rules_want_them() {
    only_through_weir!();
    let server = answering().await;
    let rules = r#"
[[rules]]
name = "first"
tools = ["x"]
set = { headers = { x-team = "blue" }, arguments = { set = { limit = 10 }, remove = ["debug"] } }
[[rules]]
name = "second"
set = { headers = { x-team = "red", x-more = "1" }, arguments = { set = { limit = 20 } } }
"#;
    let weir = Gateway::config(&config(rules, &[("files", &server)])).start().await;
    let arguments = r#"{ "a" : 1e400 , "debug":true,"limit": 5 }"#;
    for post in
        [call("1", "x", arguments), legacy("1", "tools/call", &format!(r#"{{"name":"x","arguments":{arguments}}}"#))]
    {
        let answer = ask(&weir, post.header("X-Team", "green").header("X-Other", "mine")).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let request = server.request().await;
        assert_eq!(request.header("x-team"), Some("blue"));
        assert_eq!((request.header("x-more"), request.header("x-other")), (Some("1"), Some("mine")));
        let body = String::from_utf8(request.body.to_vec()).expect("text");
        assert!(body.contains(r#""arguments":{ "a" : 1e400,"limit": 10 }"#), "{body}");
    }
    ask(&weir, modern("1", "tools/list", "")).await;
    let request = server.request().await;
    assert_eq!((request.header("x-team"), request.header("x-more")), (Some("red"), Some("1")));
    assert_eq!(request.json()["params"]["arguments"], serde_json::Value::Null);
    // A batch goes on to the byte.
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}]"#;
    assert_eq!(ask(&weir, Post::new(batch)).await.json()[0]["error"]["code"], 40301);
    assert!(server.waiting().is_empty());
}

#[tokio::test]
async fn an_argument_that_is_mirrored_in_a_header_is_not_changed_behind_it() {
    only_through_weir!();
    const TOOLS: &str = r#"{"resultType":"complete","tools":[{"name":"x","inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"R"}}}}]}"#;
    let server = Scripted::answering(|request: &Request| result(&request.id(), TOOLS)).await;
    let rules = "[[rules]]\nname = \"a\"\ntools = [\"x\"]\nset = { arguments = { set = { r = \"b\" } } }\n";
    let weir = Gateway::config(&config(rules, &[("files", &server)])).start().await;
    until("the list is known", async || {
        ask(&weir, modern("2", "tools/list", "")).await;
        let answer = ask(&weir, call("1", "x", r#"{"r":"a"}"#).header("Mcp-Param-R", "a")).await;
        answer.status() == 403 && answer.refusal().1 == "policy_denied"
    })
    .await;
    let answer = ask(&weir, call("1", "x", r#"{"r":"b"}"#).header("Mcp-Param-R", "b")).await;
    assert_eq!(answer.status(), 200, "nothing is changed: {answer:?}");
}

#[tokio::test]
async fn a_deadline_of_a_rule_goes_before_the_servers_own() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        match exchange.request.json()["params"]["name"].as_str() {
            Some("slow") => exchange.silence().await,
            _ => {
                let answer = answers(&exchange.request);
                exchange.json(answer).await
            }
        }
    })
    .await;
    let rules = "[[rules]]\nname = \"a\"\ntools = [\"slow\"]\nset = { deadline = \"50ms\", first_byte = \"none\" }\n";
    let weir = Gateway::config(&config(rules, &[("files", &server)])).start().await;
    for (post, status) in [(call("1", "slow", "{}"), 504), (old_call("slow"), 200)] {
        let late = ask(&weir, post).await;
        assert_eq!((late.status(), late.refusal().1.as_str()), (status, "upstream_timeout"));
    }
    assert_eq!(ask(&weir, call("1", "quick", "{}")).await.status(), 200);
}

#[tokio::test]
async fn a_fault_delays_or_fails_its_share() {
    only_through_weir!();
    let server = answering().await;
    let rules = r#"
[[rules]]
name = "late"
tools = ["late"]
set = { fault = { delay = "50ms" } }
[[rules]]
name = "away"
tools = ["away"]
set = { fault = { abort = "unavailable" } }
[[rules]]
name = "gone"
tools = ["gone"]
set = { fault = { delay = "1ms", abort = "reset" } }
[[rules]]
name = "never"
tools = ["never"]
set = { fault = { share = 0.0, abort = "timeout" } }
"#;
    let weir = Gateway::config(&config(rules, &[("files", &server)])).start().await;
    for (name, status, reason) in [("away", 503, "upstream_unavailable"), ("gone", 502, "upstream_reset")] {
        let failed = ask(&weir, call("1", name, "{}")).await;
        assert_eq!((failed.status(), failed.refusal()), (status, failed.refusal()));
        assert_eq!(failed.refusal().1, reason, "{name}");
    }
    assert!(server.waiting().is_empty(), "nothing was sent");
    for name in ["late", "never"] {
        assert_eq!(ask(&weir, call("1", name, "{}")).await.status(), 200, "{name}");
    }
    until("the log says why", async || weir.said().matches("a fault that a rule makes").count() == 2).await;
}
