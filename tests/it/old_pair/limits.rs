//! Limits before clients of 2024-11-05: what is posted counts once, and a call is refused on the stream.

use serde_json::json;

use super::{Old, SESSION, call, configuration, welcome};
use crate::support::{Gateway, Scripted, only_through_weir, result};

#[tokio::test]
async fn what_is_posted_counts_once_and_a_call_is_refused_on_the_stream() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        match (exchange.request.verb(), &*exchange.request.method()) {
            ("POST", "initialize") => {
                let text = welcome(&exchange);
                exchange.answer("200 OK", SESSION, text).await
            }
            ("POST", "tools/call") => {
                let id = exchange.request.id();
                exchange.json(result(&id, r#"{"content":[]}"#)).await
            }
            ("POST", _) => exchange.accepted().await,
            _ => exchange.answer("405 Method Not Allowed", "Allow: POST\r\n", "").await,
        }
    })
    .await;
    // The stream, `initialize`, `initialized`, and two calls of which the second is one too many of its own limit.
    let limits = "[[limits]]\nname = \"address\"\nkey = \"client_ip\"\nrate = \"1/h\"\nburst = 5\n\
                  [[limits]]\nname = \"calls\"\nkey = \"principal\"\nmethods = [\"tools/call\"]\nrate = \"1/h\"";
    let weir = Gateway::config(&configuration(&server.url(), limits)).start().await;
    let mut old = Old::greeted(&weir).await;
    old.taken(&weir, &call("1", "look", &json!({}))).await;
    let answer = old.next().await;
    assert_eq!((&answer["id"], answer["result"].is_object()), (&json!(1), true), "{answer}");
    old.taken(&weir, &call("2", "look", &json!({}))).await;
    let refused = old.next().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(2), &json!(42901)), "{refused}");
    assert!(refused["error"]["message"].as_str().is_some_and(|text| text.contains("\"calls\"")), "{refused}");
    let more = old.post(&weir, &call("3", "look", &json!({}))).await;
    assert_eq!((more.status(), more.refusal().0), (429, 42901), "{more:?}");
    assert!(more.text().contains("\\\"address\\\""), "{more:?}");
}
