//! Limits that count by an expression: the example as an operator copies it, and what cannot be decided.

use std::fs;
use std::path::Path;

use super::*;
use crate::reload::reload;

#[tokio::test]
async fn the_example_counts_by_what_a_message_carries() {
    only_through_weir!();
    const FRONTED: &str = "http://127.0.0.1:3000/mcp";
    let server = answering().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/limits-by-expression.toml");
    let text = fs::read_to_string(file).expect("it is there");
    assert!(text.contains(FRONTED));
    let weir = Gateway::config(&format!("{BY_HAND}{}", text.replace(FRONTED, &server.url()))).start().await;
    let mut client = weir.client().await;
    let mut became = async |post: &Post| {
        let answer = client.ask(post).await;
        answer.json()["error"]["data"]["reason"].as_str().unwrap_or("passed").to_owned()
    };
    let tenant = |tenant: &str| call("1", "look", &format!("{{\"tenant\":{tenant}}}"));
    let export = |arguments: &str| call("1", "export", arguments);
    let report = |team: &str| call("1", "report", &format!("{{\"tenant\":{team:?}}}")).header("X-Team", team);
    let prompt = |method: &str| modern("1", method, "\"name\":\"p\"").header("Mcp-Name", "p");
    for (post, expected) in [
        (tenant("\"a\""), vec!["passed", "passed", "passed", "rate_limited"]),
        (tenant("\"b\""), vec!["passed", "passed", "passed", "rate_limited"]),
        (tenant("\"\\u0061\""), vec!["rate_limited"]),
        (echo(), vec!["passed", "passed", "passed", "rate_limited"]),
        (tenant("[1]"), vec!["policy_denied"]),
        (export("{\"tenant\":\"c\",\"project\":\"x\"}"), vec!["passed", "passed", "rate_limited"]),
        (export("{\"tenant\":\"d\",\"project\":\"x\"}"), vec!["rate_limited"]),
        (export("{\"tenant\":\"d\",\"project\":\"y\"}"), vec!["passed"]),
        (export("{\"tenant\":\"d\"}"), vec!["policy_denied"]),
        (report("blue"), vec!["passed", "passed", "rate_limited"]),
        (report("red"), vec!["passed"]),
        (prompt("prompts/get"), vec!["passed", "rate_limited"]),
        (modern("1", "prompts/list", ""), vec!["passed", "rate_limited"]),
    ] {
        for expected in expected {
            assert_eq!(became(&post).await, expected, "{post:?}");
        }
    }
    page_where(&weir, "what has failed is counted", |page| {
        let failed = |limit| page.sum("weir_limit_decisions_total", &[("limit", limit), ("decision", "failed")]);
        [failed("per tenant"), failed("exports of a project")] == [1.0, 1.0]
    })
    .await;
    let log = weir.log().await;
    for line in ["limit=\"exports of a project\"", "`arguments.project` is not there; ask with has() first"] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

#[tokio::test]
async fn what_cannot_be_decided_is_denied_in_both_eras_and_in_a_batch() {
    only_through_weir!();
    let server = answering().await;
    let limits =
        "[[limits]]\nname = \"few\"\nmethods = [\"tools/call\"]\nkey_expression = 'arguments.tenant'\nrate = \"1/h\"\n";
    let weir = behind(limits, &server).await;
    let mut client = weir.client().await;
    for (post, status) in [(echo(), 403), (legacy_echo(), 200)] {
        let refused = client.ask(&post).await;
        assert_eq!((refused.status(), refused.refusal()), (status, (40301, "policy_denied".into(), "no".into())));
    }
    let call = |id: u32, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"a","arguments":{arguments}}}}}"#
        )
    };
    let both = Post::new(&*format!("[{},{}]", call(1, r#"{"tenant":"a"}"#), call(2, "{}")));
    let refused = client.ask(&both).await;
    assert_eq!(refused.json()[1]["error"]["data"]["reason"], "policy_denied", "{refused:?}");
    assert!(server.waiting().is_empty(), "nothing was sent");
    // What was refused has counted nothing, and what has no arguments is not counted.
    let one = Post::new(&*call(1, r#"{"tenant":"a"}"#));
    assert!(!is_refused(&client.ask(&one).await) && is_refused(&client.ask(&one).await));
    assert!(!is_refused(&client.ask(&modern("1", "tools/list", "")).await));
}

#[tokio::test]
async fn a_reload_counts_on_where_the_expression_is_the_same() {
    only_through_weir!();
    let server = answering().await;
    let limits = |expression: &str, burst: u32| {
        format!("[[limits]]\nname = \"few\"\nkey_expression = '{expression}'\nrate = \"1/h\"\nburst = {burst}\n")
    };
    let weir = behind(&limits("message.name", 1), &server).await;
    let ask = async || is_refused(&weir.client().await.ask(&echo()).await);
    assert_eq!([ask().await, ask().await], [false, true]);
    for (expression, became) in [("message.name", [false, true, true]), ("message.method", [false, false, true])] {
        weir.write(&config(&limits(expression, 2), &server));
        assert_eq!(reload(&weir).await.status(), 200);
        assert_eq!([ask().await, ask().await, ask().await], became, "{expression}");
    }
}
