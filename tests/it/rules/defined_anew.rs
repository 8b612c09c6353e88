//! A server that says that its list has changed is asked before a rule relies on it again, on every way that it says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::defined::{RULE, code, listed, reached, session};
use super::*;

const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

/// Whether its tool is destructive, and when it says that this has changed.
#[derive(Default)]
struct Changing {
    is_harmless: AtomicBool,
    has_list: AtomicBool,
    says: Notify,
    lists: AtomicUsize,
}

/// A server with sessions; what it says on its own comes on a stream: by GET, or a subscription.
async fn changing() -> (Scripted, Arc<Changing>) {
    let state = Arc::new(Changing { has_list: AtomicBool::new(true), ..Changing::default() });
    let shared = Arc::clone(&state);
    let server = Scripted::start(move |exchange| {
        let state = Arc::clone(&shared);
        async move {
            let (method, id) = (exchange.request.method(), exchange.request.id());
            match (exchange.request.verb(), method.as_str()) {
                ("GET", _) | (_, "subscriptions/listen") => {
                    let mut stream = exchange.stream().await;
                    // Its beginning tells that it is there.
                    stream.send(": here\n\n").await;
                    while stream.unless_gone(state.says.notified()).await.is_some() {
                        stream.event(CHANGED).await;
                    }
                    stream.gone().await
                }
                (_, "initialize") => {
                    let hello =
                        r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
                    let fields = "Content-Type: application/json\r\nMcp-Session-Id: theirs\r\n";
                    exchange.answer("200 OK", fields, result(&id, hello)).await
                }
                (_, "tools/list") => {
                    state.lists.fetch_add(1, Ordering::Relaxed);
                    let hint = !state.is_harmless.load(Ordering::Relaxed);
                    let tool =
                        format!(r#"{{"name":"x","inputSchema":{{}},"annotations":{{"destructiveHint":{hint}}}}}"#);
                    let text = listed(&exchange.request, &tool);
                    match state.has_list.load(Ordering::Relaxed) {
                        true => exchange.json(text).await,
                        false => exchange.answer("500 Internal Server Error", "", "no").await,
                    }
                }
                _ => {
                    let text = answers(&exchange.request);
                    exchange.json(text).await
                }
            }
        }
    })
    .await;
    (server, state)
}

#[tokio::test]
async fn a_definition_that_changes_is_taken_after_list_changed() {
    only_through_weir!();
    for is_modern in [false, true] {
        let (server, state) = changing().await;
        let weir = Gateway::config(&config(RULE, &[("files", &server)])).start().await;
        let mut client = weir.client().await;
        let id = session(&mut client).await;
        let mut stream = weir.client().await;
        if is_modern {
            let asked = r#""notifications":{"toolsListChanged":true}"#;
            stream.post(&modern("9", "subscriptions/listen", asked).path("/a")).await;
        } else {
            stream.get("/a", &["Accept: text/event-stream", &format!("Mcp-Session-Id: {id}")]).await;
        }
        assert_eq!(stream.head().await.status(), 200);
        let post = match is_modern {
            true => call("1", "x", "{}").path("/a"),
            false => old_call("x").path("/a").session(&id),
        };
        assert_eq!(code(&client.ask(&post).await), Some(4711));
        for harmless in [true, false, true] {
            state.is_harmless.store(harmless, Ordering::Relaxed);
            state.says.notify_one();
            assert_eq!(stream.message().await.as_deref(), Some(CHANGED));
            for _ in 0..3 {
                assert_eq!(code(&client.ask(&post).await), (!harmless).then_some(4711), "{is_modern} {harmless}");
            }
        }
        assert_eq!(state.lists.load(Ordering::Relaxed), 4, "once at first, and once for each change");
        // It has changed, and nobody knows into what.
        state.has_list.store(false, Ordering::Relaxed);
        state.says.notify_one();
        assert_eq!(stream.message().await.as_deref(), Some(CHANGED));
        for _ in 0..3 {
            let denied = client.ask(&post).await;
            assert_eq!(code(&denied), Some(40301), "{denied:?}");
            assert!(denied.text().contains("cannot be had") && denied.text().contains("\"retryable\":true"));
        }
        assert_eq!(state.lists.load(Ordering::Relaxed), 5, "and it is not asked at every call");
    }
}

/// A name that was not there a moment ago may be there now, where the server says so.
#[tokio::test]
async fn a_tool_that_comes_is_found_after_list_changed() {
    only_through_weir!();
    let (server, state) = changing().await;
    let (comes, has_come) = (Arc::clone(&state), Arc::new(AtomicBool::new(false)));
    drop(server);
    let now = Arc::clone(&has_come);
    let server = Scripted::start(move |exchange| {
        let (state, now) = (Arc::clone(&comes), Arc::clone(&now));
        async move {
            if exchange.request.method() == "slow" {
                let text = answers(&exchange.request);
                let mut stream = exchange.stream().await;
                state.says.notified().await;
                stream.event(CHANGED).await;
                stream.event(&text).await;
                return stream.end().await;
            }
            let tool = r#"{"name":"x","inputSchema":{},"annotations":{"destructiveHint":false}}"#;
            let text = listed(&exchange.request, if now.load(Ordering::Relaxed) { tool } else { "" });
            exchange.json(text).await
        }
    })
    .await;
    let weir = Gateway::config(&config(RULE, &[("files", &server)])).start().await;
    // It says so in the stream of another caller's call.
    let mut other = weir.client().await;
    other.post(&legacy("7", "slow", "{}").path("/a")).await;
    assert_eq!(other.head().await.status(), 200);
    assert_eq!(code(&ask(&weir, old_call("x")).await), Some(40301));
    assert_eq!(code(&ask(&weir, old_call("x")).await), Some(40301));
    has_come.store(true, Ordering::Relaxed);
    state.says.notify_one();
    assert_eq!(other.message().await.as_deref(), Some(CHANGED));
    assert_eq!(code(&ask(&weir, old_call("x")).await), None);
    assert_eq!(reached(&server), ["slow", "tools/list", "tools/list", "tools/call"]);
}

/// A session that a rule has sent elsewhere is judged by what is there; a message that is still to be sent, by where it is.
#[tokio::test]
async fn the_definition_is_that_of_the_server_the_message_is_for() {
    only_through_weir!();
    async fn telling(name: &'static str, is_destructive: bool) -> Scripted {
        Scripted::start(move |exchange| async move {
            let id = exchange.request.id();
            let tool =
                format!(r#"{{"name":"x","inputSchema":{{}},"annotations":{{"destructiveHint":{is_destructive}}}}}"#);
            if exchange.request.method() == "initialize" {
                let hello =
                    r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
                let fields = format!("Content-Type: application/json\r\nMcp-Session-Id: of-{name}\r\n");
                return exchange.answer("200 OK", &fields, result(&id, hello)).await;
            }
            let text = listed(&exchange.request, &tool);
            exchange.json(text).await
        })
        .await
    }
    let (a, b) = (telling("a", false).await, telling("b", true).await);
    let second = "[[rules]]\nname = \"second\"\nheaders = { x-to = \"b\" }\nthen = { route = [{ server = \"b\" }] }\n";
    let weir = Gateway::config(&config(&format!("{RULE}{second}"), &[("a", &a), ("b", &b)])).start().await;
    let mut client = weir.client().await;
    for (to, refused, server) in [("a", None, &a), ("b", Some(4711), &b)] {
        let opened = client.ask(&legacy("0", "initialize", INITIALIZE).path("/a").header("X-To", to)).await;
        let id = opened.head.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}")).to_owned();
        assert_eq!(code(&client.ask(&old_call("x").path("/a").session(&id)).await), refused, "{to}");
        assert_eq!(reached(server)[1], "tools/list", "{to}");
    }
    assert_eq!(
        code(&ask(&weir, call("1", "x", "{}").header("X-To", "b")).await),
        None,
        "it was for a when it was ruled"
    );
    assert_eq!(reached(&b), ["tools/call"]);
}
