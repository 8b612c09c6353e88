//! Limits: what is more is refused, in both eras, with what a client needs to come back in time.

mod calls;
mod examples;
mod expressions;
mod keeping;

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::metrics::page_where;
use crate::support::{
    Answer, Client, Gateway, Post, Scripted, call, legacy, modern, notification, only_through_weir, result, until,
};

/// Files do not reload by themselves: each test says when.
const BY_HAND: &str = "[reload]\nwatch = false\n";

fn config(limits: &str, server: &Scripted) -> String {
    format!("{BY_HAND}{limits}[[servers]]\nname = \"files\"\nendpoints = [\"{}\"]\n", server.url())
}

fn limit(key: &str, more: &str) -> String {
    format!("[[limits]]\nname = \"few\"\nkey = \"{key}\"\n{more}\n")
}

async fn answering() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

async fn behind(limits: &str, server: &Scripted) -> Gateway {
    Gateway::config(&config(limits, server)).start().await
}

fn echo() -> Post {
    call("1", "echo", "{}")
}

fn legacy_echo() -> Post {
    legacy("1", "tools/call", r#"{"name":"echo","arguments":{}}"#)
}

fn is_refused(answer: &Answer) -> bool {
    answer.json()["error"]["data"]["reason"] == "rate_limited"
}

/// Seconds until the client may come back.
fn retry_after(answer: &Answer) -> u64 {
    answer.head.header("retry-after").and_then(|wait| wait.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test]
async fn what_is_more_is_refused_in_both_eras_and_says_when_to_come_back() {
    only_through_weir!();
    let server = answering().await;
    for (post, refused_with) in [(echo(), 429), (legacy_echo(), 200)] {
        let weir = behind(&limit("principal", "rate = \"1/h\"\nburst = 2"), &server).await;
        let mut client = weir.client().await;
        for (left, resets) in [(1, 3600), (0, 7200)] {
            let answer = client.ask(&post).await;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.head.header("ratelimit"), Some(&*format!("\"few\";r={left};t={resets}")));
            assert_eq!(answer.head.header("ratelimit-policy"), Some("\"few\";q=2;w=7200"));
        }
        let refused = client.ask(&post).await;
        assert_eq!(refused.status(), refused_with);
        assert_eq!(refused.refusal(), (42901, "rate_limited".into(), "no".into()));
        let error = &refused.json()["error"];
        assert!(error["message"].as_str().is_some_and(|text| text.contains("\"few\"")), "{error}");
        assert_eq!(error["data"]["retryable"], true);
        let wait = retry_after(&refused);
        assert!((1..=3600).contains(&wait), "{wait}");
        assert!(error["data"]["retryAfterMs"].as_u64().is_some_and(|ms| ms.div_ceil(1000) == wait), "{error}");
        assert_eq!(refused.head.header("ratelimit"), Some(&*format!("\"few\";r=0;t={wait}")));
        assert_eq!(refused.head.header("ratelimit-policy"), Some("\"few\";q=2;w=7200"));
        page_where(&weir, "two and one", |page| {
            let decided =
                |decision| page.sum("weir_limit_decisions_total", &[("limit", "few"), ("decision", decision)]);
            [decided("admitted"), decided("refused")] == [2.0, 1.0]
        })
        .await;
        let log = weir.log().await;
        assert!(log.contains("limit=few") && log.contains("reason=rate_limited"), "{log}");
    }
    assert_eq!(server.waiting().len(), 4, "what is refused does not reach the server");
}

#[tokio::test]
async fn who_comes_back_when_told_is_let_in() {
    only_through_weir!();
    let server = answering().await;
    let weir = behind(&limit("principal", "rate = \"1/s\""), &server).await;
    let mut client = weir.client().await;
    for post in [echo(), legacy_echo()] {
        let mut refused = None;
        // However slow the machine is: two in one second come at some time.
        until("two in a second", async || {
            refused = Some(client.ask(&post).await).filter(is_refused);
            refused.is_some()
        })
        .await;
        sleep(Duration::from_secs(retry_after(&refused.expect("one was refused")))).await;
        assert!(!is_refused(&client.ask(&post).await));
    }
}

#[tokio::test]
async fn an_address_is_counted_whatever_it_sends_and_before_anything_is_read() {
    only_through_weir!();
    let server = answering().await;
    let weir = behind(&limit("client_ip", "rate = \"1/h\"\nburst = 3"), &server).await;
    let mut client = weir.client().await;
    assert_eq!(client.ask(&Post::new("this is no JSON")).await.status(), 400);
    client.without_body("DELETE", "/mcp", &[]).await;
    client.answer().await;
    assert_ne!(client.ask(&notification("notifications/cancelled", r#"{"requestId":1}"#)).await.status(), 429);
    // The head says all: the status is that of the table, in every era, and the body is not waited for.
    for post in [echo(), legacy_echo()] {
        let refused = client.ask(&post).await;
        assert_eq!((refused.status(), refused.refusal().0), (429, 42901));
    }
    let mut other = weir.client().await;
    let head = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n";
    other.bytes(head.as_bytes()).await;
    assert_eq!(other.head().await.status(), 429);
}

#[tokio::test]
async fn sessions_count_apart_and_what_frees_something_is_not_counted() {
    only_through_weir!();
    const INITIALIZE: &str =
        r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;
    let server = Scripted::start(|exchange| async move {
        let id = exchange.request.id();
        match (exchange.request.verb(), &*exchange.request.method()) {
            ("POST", "initialize") => {
                let text = result(&id, r#"{"protocolVersion":"2025-11-25","capabilities":{}}"#);
                let fields = format!("Content-Type: application/json\r\nMcp-Session-Id: s-{id}\r\n");
                exchange.answer("200 OK", &fields, text).await
            }
            ("POST", "tools/call") => exchange.json(result(&id, r#"{"content":[]}"#)).await,
            _ => exchange.accepted().await,
        }
    })
    .await;
    let limits = limit("session", "methods = [\"tools/*\", \"notifications/*\"]\nrate = \"1/h\"\nburst = 2");
    let weir = behind(&limits, &server).await;
    let mut client = weir.client().await;
    let mut session = async |id: &str| {
        let opened = client.ask(&legacy(id, "initialize", INITIALIZE)).await;
        opened.head.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}")).to_owned()
    };
    let (one, other) = (session("1").await, session("2").await);
    for session in [&one, &other] {
        for counted in 0..2 {
            let freeing = notification("notifications/cancelled", r#"{"requestId":7}"#).session(session);
            assert_eq!(client.ask(&freeing).await.status(), 202, "{counted}");
            assert!(!is_refused(&client.ask(&legacy_echo().session(session)).await), "{counted}");
        }
        assert!(is_refused(&client.ask(&legacy_echo().session(session)).await));
    }
    // Outside of a session the caller is counted.
    for refused in [false, false, true] {
        assert_eq!(is_refused(&client.ask(&legacy_echo()).await), refused);
    }
    // A posted answer, and the end of a session.
    let answered = Post::new(r#"{"jsonrpc":"2.0","id":9,"result":{}}"#).header("MCP-Protocol-Version", "2025-11-25");
    assert_eq!(client.ask(&answered.session(&one)).await.status(), 202);
    client.without_body("DELETE", "/mcp", &[&format!("Mcp-Session-Id: {one}")]).await;
    assert_eq!(client.answer().await.status(), 202);
}

#[tokio::test]
async fn a_batch_counts_each_of_its_requests_and_goes_on_whole_or_not_at_all() {
    only_through_weir!();
    const BOTH: &str = concat!(
        r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}},"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"b"}}]"#
    );
    let answers = format!("[{},{}]", result("1", "{}"), result("2", "{}"));
    let server = Scripted::answering(move |_| answers.clone()).await;
    let weir = behind(&limit("tool", "rate = \"1/h\"\nburst = 1\ntools = [\"b\"]"), &server).await;
    let mut client = weir.client().await;
    assert_eq!(client.ask(&Post::new(BOTH)).await.json()[1]["result"], Value::Object(Default::default()));
    let refused = client.ask(&Post::new(BOTH)).await;
    let reasons = [0, 1].map(|at| refused.json()[at]["error"]["data"]["reason"].as_str().unwrap_or("").to_owned());
    assert_eq!((refused.status(), reasons), (200, ["policy_denied".into(), "rate_limited".into()]));
    assert!(refused.head.header("retry-after").is_some());
}

/// Two cores, many connections at a time: together they let in exactly what there is.
#[tokio::test]
async fn cores_count_together_exactly() {
    only_through_weir!();
    let server = answering().await;
    let limits = limit("principal", "rate = \"1/h\"\nburst = 40\nquota = \"30/day\"");
    let weir = behind(&format!("[listen]\ncores = 2\n{limits}"), &server).await;
    let crowd = (0..20).map(|_| {
        let address = weir.address();
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            let mut passed = 0;
            for _ in 0..10 {
                passed += usize::from(!is_refused(&client.ask(&modern("1", "ping", "")).await));
            }
            passed
        })
    });
    let mut passed = 0;
    for client in crowd.collect::<Vec<_>>() {
        passed += client.await.expect("it has asked");
    }
    assert_eq!(passed, 30, "the quota; of the burst some is left");
}
