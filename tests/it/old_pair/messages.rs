//! What passes between an old client and a server of streamable HTTP, message by message.

use serde_json::Value;

use super::{Old, SESSION, call, gateway, request, welcome};
use crate::support::{After, Exchange, Gateway, Scripted, modern, result, within};

/// A server with a session that says `answer` to calls.
async fn server<R>(answer: impl Fn(Exchange) -> R + Copy + Send + Sync + 'static) -> Scripted
where
    R: Future<Output = After> + Send + 'static,
{
    Scripted::start(move |exchange| async move {
        match (exchange.request.verb(), &*exchange.request.method()) {
            ("POST", "initialize") => {
                let text = welcome(&exchange);
                exchange.answer("200 OK", SESSION, text).await
            }
            ("POST", "tools/call") => answer(exchange).await,
            ("POST", _) => exchange.accepted().await,
            ("GET", _) => {
                let mut stream = exchange.stream().await;
                stream.send("id: 7\ndata:\n\n").await;
                stream.event(r#"{"jsonrpc":"2.0","id":"s","method":"ping"}"#).await;
                stream.gone().await
            }
            _ => exchange.answer("200 OK", "", "").await,
        }
    })
    .await
}

#[tokio::test]
async fn a_conversation_is_one_of_streamable_http_to_its_server() {
    let server = server(|exchange| async move {
        let id = exchange.request.id();
        let mut stream = exchange.stream().await;
        stream.send("id: 1\nretry: 5\ndata:\n\n").await;
        stream
            .send("id: 2\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"notifications/x\"}\n\n")
            .await;
        stream.event(&result(&id, "{}")).await;
        stream.end().await
    })
    .await;
    let weir = gateway(&server.url()).await;
    let mut old = Old::greeted(&weir).await;

    let first = server.request().await;
    assert_eq!((first.method(), first.header("mcp-session-id")), ("initialize".into(), None));
    let accepts = first.header("accept").expect("what it takes").to_owned();
    assert!(accepts.contains("application/json") && accepts.contains("text/event-stream"), "{accepts}");
    let second = server.request().await;
    assert_eq!((second.method(), second.header("mcp-session-id")), ("notifications/initialized".into(), Some("s-1")));

    // What the server says on its own stream is said on the only one that there is.
    let listening = server.request().await;
    assert_eq!((listening.verb(), listening.header("mcp-session-id")), ("GET", Some("s-1")));
    let asked = old.next().await;
    assert_eq!((&asked["id"], &asked["method"]), (&"s".into(), &"ping".into()));
    old.taken(&weir, r#"{"jsonrpc":"2.0","id":"s","result":{}}"#).await;
    assert_eq!(server.request().await.json()["id"], "s");

    old.taken(&weir, &call("\"a\"", "t", &Value::Null)).await;
    assert_eq!(server.request().await.header("mcp-session-id"), Some("s-1"));
    // Event ids and empty events are for those who can come back.
    let told = old.stream.event().await.expect("whole").expect("an event");
    assert_eq!((told.name.as_deref(), told.id, told.retry), (Some("message"), None, None));
    assert!(told.data.expect("data").contains("notifications/x"));
    assert_eq!(old.next().await["id"], "a");

    // Its end is the session's.
    drop(old);
    let last = within("the end of the session", server.request()).await;
    assert_eq!((last.verb(), last.header("mcp-session-id")), ("DELETE", Some("s-1")));
    weir.stop().await;
}

#[tokio::test]
async fn long_answers_in_json_come_whole() {
    let server = server(|exchange| async move {
        let text = result(&exchange.request.id(), &format!("{{\n\"text\":\"{}\"}}", "x".repeat(1_000_000)));
        exchange.json(text).await
    })
    .await;
    let weir = gateway(&server.url()).await;
    let mut old = Old::greeted(&weir).await;
    old.taken(&weir, &call("1", "t", &Value::Null)).await;
    loop {
        let message = old.next().await;
        if message["id"] == 1 {
            assert_eq!(message["result"]["text"].as_str().map(str::len), Some(1_000_000));
            break;
        }
    }
    weir.stop().await;
}

#[tokio::test]
async fn what_fails_is_an_error_on_the_stream() {
    let server = server(|exchange| async move {
        match exchange.request.json()["params"]["name"].as_str() {
            Some("status") => exchange.answer("500 Oh", "Content-Type: text/plain\r\n", "no").await,
            Some("error") => {
                let text = format!(
                    r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-5,"message":"m"}}}}"#,
                    exchange.request.id()
                );
                exchange.answer("400 Bad", "Content-Type: application/json\r\n", text).await
            }
            Some("breaks") => exchange.reset(),
            Some("unanswered") => {
                let mut stream = exchange.stream().await;
                stream.send("id: 1\ndata:\n\n").await;
                stream.end().await
            }
            _ => exchange.answer("404 Not Found", "", "").await,
        }
    })
    .await;
    let weir = gateway(&server.url()).await;
    let mut old = Old::greeted(&weir).await;
    assert_eq!(old.next().await["method"], "ping");
    for (tool, code) in [("status", 50201), ("error", -5), ("breaks", 50201), ("unanswered", 50201)] {
        old.taken(&weir, &call(&format!("\"{tool}\""), tool, &Value::Null)).await;
        let error = old.next().await;
        assert_eq!((&error["id"], &error["error"]["code"]), (&tool.into(), &code.into()), "{error}");
    }
    // A message of 2026-07-28 has no place here.
    let taken = weir.client().await.ask(&modern("9", "tools/list", "").path(&old.endpoint)).await;
    assert_eq!(taken.status(), 202);
    let error = old.next().await;
    assert_eq!((&error["id"], &error["error"]["data"]["reason"]), (&9.into(), &"invalid_request".into()), "{error}");
    // What is no message has nobody who waits on the stream.
    assert_eq!(old.post(&weir, "{").await.status(), 400);
    // Where the session is lost there is nothing left to say.
    old.taken(&weir, &call("\"lost\"", "lost", &Value::Null)).await;
    assert_eq!(old.next().await["id"], "lost");
    old.ended().await;
    weir.stop().await;
}

#[tokio::test]
async fn what_is_too_large_and_what_nobody_answers_come_by_id() {
    let nobody = Scripted::nobody().await;
    let weir = Gateway::config(&super::configuration(&nobody, "[http]\nbody = \"4KiB\"")).start().await;
    let mut old = Old::open(&weir).await;
    let large = call("7", "t", &"x".repeat(8192).into());
    old.taken(&weir, &large).await;
    let error = old.next().await;
    assert_eq!((&error["id"], &error["error"]["data"]["reason"]), (&7.into(), &"too_large".into()));
    old.taken(&weir, &request("8", "ping", "{}")).await;
    let error = old.next().await;
    assert_eq!((&error["id"], &error["error"]["data"]["reason"]), (&8.into(), &"upstream_unavailable".into()));
    let log = weir.log().await;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("route=/mcp") || line.contains("\"/mcp\"")).collect();
    assert!(lines.iter().any(|line| line.contains("too_large")), "{log}");
    assert!(lines.iter().any(|line| line.contains("upstream_unavailable") && line.contains("ping")), "{log}");
}
