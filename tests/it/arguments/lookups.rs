//! What is not known is looked up, once, in the caller's name; and what refuses is what the server says now.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::{SUM, answered, checking, config, member, offering, plain, reached, session, told, until_counted};
use crate::support::{Gateway, Scripted, call, legacy, modern, node, only_through_weir, result, until};

#[tokio::test]
async fn the_list_is_asked_for_as_the_caller_would() {
    only_through_weir!();
    let server = offering(SUM).await;
    let weir = checking(&server.url()).await;
    let post = call("1", "sum", r#"{"a":1}"#).header("Mcp-Param-A", "1").header("X-Team", "blue");
    assert_eq!(weir.client().await.ask(&post).await.status(), 200);
    let list = server.request().await;
    assert_eq!((list.method().as_str(), list.header("mcp-method")), ("tools/list", Some("tools/list")));
    assert_eq!((list.header("mcp-name"), list.header("mcp-param-a")), (None, None));
    assert_eq!((list.header("x-team"), list.header("mcp-protocol-version")), (Some("blue"), Some("2026-07-28")));
    let version = member(&list, "/params/_meta/io.modelcontextprotocol~1protocolVersion");
    assert_eq!(version, "2026-07-28", "{list:?}");
    weir.stop().await;
}

#[tokio::test]
async fn many_callers_wait_for_one_list() {
    only_through_weir!();
    let (lists, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counts, goes) = (lists.clone(), go.clone());
    let server = Scripted::start(move |exchange| {
        let (counts, goes) = (counts.clone(), goes.clone());
        async move {
            if exchange.request.method() == "tools/list" {
                counts.fetch_add(1, Ordering::Relaxed);
                goes.notified().await;
            }
            plain(exchange, SUM).await
        }
    })
    .await;
    let text = format!("[listen]\ncores = 1\n{}", config(&server.url(), "validate_arguments = true"));
    let weir = Gateway::config(&text).start().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = weir.client().await;
        client.post(&call("1", "sum", r#"{"a":"x"}"#)).await;
        clients.push(client);
    }
    assert_eq!(server.request().await.method(), "tools/list");
    go.notify_one();
    for client in &mut clients {
        assert!(told(&client.answer().await).contains("/a: "));
    }
    assert_eq!((lists.load(Ordering::Relaxed), reached(&server)), (1, Vec::<String>::new()));
    weir.stop().await;
}

#[tokio::test]
async fn a_tool_on_a_later_page_is_found_and_one_on_none_is_not() {
    only_through_weir!();
    let server = Scripted::answering(|request| {
        let cursor = member(request, "/params/cursor");
        match (request.method().as_str(), cursor.as_str()) {
            ("tools/list", None) => {
                result(&request.id(), r#"{"resultType":"complete","tools":[],"nextCursor":"a\"b"}"#)
            }
            ("tools/list", Some(cursor)) => {
                assert_eq!(cursor, "a\"b");
                answered(request, SUM)
            }
            _ => answered(request, SUM),
        }
    })
    .await;
    let weir = checking(&server.url()).await;
    let mut client = weir.client().await;
    assert!(told(&client.ask(&call("1", "sum", "{}")).await).contains("\"a\""));
    assert_eq!(reached(&server), ["tools/list", "tools/list"]);
    for _ in 0..5 {
        let (code, reason, _) = client.ask(&call("1", "nobody", "{}")).await.refusal();
        assert_eq!((code, &*reason), (-32602, "unknown_name"));
    }
    assert!(reached(&server).is_empty(), "what came of it holds for a while");
    weir.stop().await;
}

#[tokio::test]
async fn a_list_may_come_as_an_event_stream_in_a_session() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        match exchange.request.method().as_str() {
            "tools/list" => {
                assert_eq!(exchange.request.header("mcp-session-id"), Some("theirs"));
                let text = answered(&exchange.request, SUM);
                let mut stream = exchange.stream().await;
                stream
                    .event(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#)
                    .await;
                stream.event(&text).await;
                stream.end().await
            }
            "initialize" => {
                let hello =
                    r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
                let text = result(&exchange.request.id(), hello);
                exchange.answer("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: theirs\r\n", text).await
            }
            _ => plain(exchange, SUM).await,
        }
    })
    .await;
    let weir = checking(&server.url()).await;
    let mut client = weir.client().await;
    let hello = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;
    let opened = client.ask(&legacy("0", "initialize", hello)).await;
    let id = opened.head.header("mcp-session-id").expect("a session").to_owned();
    let wrong = client.ask(&legacy("1", "tools/call", r#"{"name":"sum"}"#).session(&id)).await;
    assert!(told(&wrong).contains("\"a\""), "{wrong:?}");
    weir.stop().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_had_refuses_and_says_when_to_come_back() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        match exchange.request.method().as_str() {
            "tools/list" => exchange.answer("500 Internal Server Error", "", "no").await,
            _ => plain(exchange, SUM).await,
        }
    })
    .await;
    let weir = checking(&server.url()).await;
    let mut client = weir.client().await;
    for _ in 0..3 {
        let answer = client.ask(&call("1", "sum", r#"{"a":1}"#)).await;
        let (_, reason, accepted) = answer.refusal();
        assert_eq!((&*reason, &*accepted), ("upstream_bad_response", "no"), "{answer:?}");
        assert_eq!(answer.json()["error"]["data"]["retryable"], true);
    }
    assert_eq!(reached(&server), ["tools/list"], "it is not asked again at once, and nothing is passed on");
    // What needs no tool goes on.
    assert_eq!(client.ask(&modern("2", "prompts/list", "")).await.status(), 200);
    weir.stop().await;
    let weir = checking(&Scripted::nobody().await).await;
    let answer = weir.client().await.ask(&call("1", "sum", r#"{"a":1}"#)).await;
    assert_eq!((answer.status(), &*answer.refusal().1), (503, "upstream_unavailable"), "{answer:?}");
    weir.stop().await;
}

/// A command is asked as well, in the caller's session or for one caller's message.
#[tokio::test]
async fn a_command_is_asked_in_both_eras() {
    only_through_weir!();
    let mut server = node("ref-server.mjs");
    server.args(["--stdio", "--era", "dual"]);
    for per in ["session", "shared"] {
        let routes = "[auth.anonymous]\nenabled = true\n[[routes]]\npath = \"/mcp\"\nservers = [\"server\"]\nvalidate_arguments = true";
        let weir = Gateway::command(&server, &format!("processes = {{ per = \"{per}\" }}\n{routes}")).start().await;
        let mut client = weir.client().await;
        let wrong = client.ask(&call("1", "probe_echo", r#"{"text":7}"#)).await;
        assert!(told(&wrong).contains("/text: "), "{per}: {wrong:?}");
        let id = session(&mut client, "2025-11-25").await;
        let params = |text: &str| format!(r#"{{"name":"probe_echo","arguments":{{"text":{text}}}}}"#);
        let wrong = client.ask(&legacy("2", "tools/call", &params("[]")).session(&id)).await;
        assert!(told(&wrong).contains("/text: "), "{per}: {wrong:?}");
        let fits = client.ask(&legacy("3", "tools/call", &params("\"hello\"")).session(&id)).await;
        assert!(fits.text().contains("hello"), "{per}: {fits:?}");
        weir.stop().await;
    }
    // Nobody has asked before, and the session's own process is asked.
    let routes = "[auth.anonymous]\nenabled = true\n[[routes]]\npath = \"/mcp\"\nservers = [\"server\"]\nvalidate_arguments = true";
    let weir = Gateway::command(&server, routes).start().await;
    let mut client = weir.client().await;
    let id = session(&mut client, "2025-06-18").await;
    let wrong = client.ask(&legacy("2", "tools/call", r#"{"name":"probe_echo"}"#).session(&id)).await;
    assert_eq!(wrong.refusal().1, "invalid_arguments", "{wrong:?}");
    weir.stop().await;
}

/// The server changes its tool; whoever calls it as it is now is not refused by what it was.
#[tokio::test]
async fn a_definition_that_has_changed_is_followed() {
    only_through_weir!();
    const MIRRORED: &str = r#"{"name":"sum","inputSchema":{"properties":{"a":{"type":"integer"},"r":{"type":"string","x-mcp-header":"R"}}}}"#;
    let version = Arc::new(AtomicUsize::new(0));
    let now = version.clone();
    let server = Scripted::answering(move |request| match now.load(Ordering::Relaxed) {
        0 => answered(request, MIRRORED),
        _ => answered(request, &MIRRORED.replace("integer", "string")),
    })
    .await;
    let plain = "[[routes]]\npath = \"/plain\"\nservers = [\"files\"]";
    let text = config(&server.url(), &format!("validate_arguments = true\n{plain}"));
    let weir = Gateway::config(&format!("[listen]\ncores = 1\n{text}")).start().await;
    let mut client = weir.client().await;
    // Learnt from a list that passes, and from nothing else: then what a header has to mirror is known.
    until("the list is learnt", async || {
        assert_eq!(client.ask(&modern("1", "tools/list", "").path("/plain")).await.status(), 200);
        client.ask(&call("1", "sum", r#"{"r":"x"}"#).path("/plain")).await.status() == 400
    })
    .await;
    assert_eq!(client.ask(&call("2", "sum", r#"{"a":1}"#)).await.json()["result"]["content"][0]["text"], "done");
    version.store(1, Ordering::Relaxed);
    let answer = client.ask(&call("3", "sum", r#"{"a":"now"}"#)).await;
    assert_eq!(answer.json()["result"]["content"][0]["text"], "done", "{answer:?}");
    assert!(told(&client.ask(&call("4", "sum", r#"{"a":1}"#)).await).contains("/a: "), "it was looked up just now");
    until_counted(&weir, "weir_tool_lookups_total", 1.0).await;
    // A list that passes is followed without that.
    version.store(0, Ordering::Relaxed);
    until("the definition of before", async || {
        assert_eq!(client.ask(&modern("5", "tools/list", "")).await.status(), 200);
        client.ask(&call("6", "sum", r#"{"a":1}"#)).await.json()["result"]["isError"] != true
    })
    .await;
    until_counted(&weir, "weir_tool_lookups_total", 1.0).await;
    weir.stop().await;
}
