//! Sessions that Weir gives: streams that break are found again, and nothing is sent twice.

use serde_json::json;

use super::{Caller, gateway, said};
use crate::support::{Client, Gateway, only_through_weir, within};

/// Opens the stream of a session, after an event where one is named.
async fn listen(weir: &Gateway, session: &str, after: Option<&str>) -> Client {
    let mut client = weir.client().await;
    let mut headers = vec!["Accept: text/event-stream".to_owned(), format!("Mcp-Session-Id: {session}")];
    headers.extend(after.map(|after| format!("Last-Event-ID: {after}")));
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    client.get("/mcp", &headers).await;
    let head = within("the head of a stream", client.head()).await;
    assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
    client
}

#[tokio::test]
async fn a_call_whose_connection_breaks_is_found_again() {
    only_through_weir!();
    let weir = gateway(&[], "").await;
    let mut caller = Caller::open(&weir).await;
    // Ten messages, then a question, on which the tool waits: so nothing is over when the client leaves.
    let call = caller.call("1", "ask", &json!({ "nonce": "later" }));
    caller.client.post(&call).await;
    assert_eq!(caller.client.head().await.status(), 200);
    let priming = within("the first event", caller.client.event()).await.unwrap().unwrap();
    assert!(!priming.is_message() && priming.id.is_some(), "{priming:?}");
    let question = within("the question", caller.client.event()).await.unwrap().unwrap();
    let asked: serde_json::Value = serde_json::from_str(question.data.as_deref().unwrap()).unwrap();
    drop(std::mem::replace(&mut caller.client, weir.client().await));
    let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "action": "decline" } });
    let answer = caller.call("1", "x", &json!({})).body(answer.to_string());
    assert_eq!(caller.client.ask(&answer).await.status(), 202);
    let mut back = listen(&weir, &caller.session, question.id.as_deref()).await;
    let last = within("the answer", back.message()).await.expect("an answer");
    assert_eq!(said(&serde_json::from_str(&last).unwrap())["answer"]["action"], "decline");
    assert_eq!(back.message().await, None, "the stream ends with its answer");
    // From its beginning, all of it comes again.
    let mut all = listen(&weir, &caller.session, priming.id.as_deref()).await;
    let mut again = Vec::new();
    while let Some(message) = all.message().await {
        again.push(message);
    }
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(again[0].contains("elicitation/create") && again[1] == last);
    weir.stop().await;
}

#[tokio::test]
async fn a_deleted_session_is_over_with_its_streams() {
    only_through_weir!();
    let weir = gateway(&[], "").await;
    let caller = Caller::open(&weir).await;
    let mut listener = listen(&weir, &caller.session, None).await;
    let mut client = weir.client().await;
    client.without_body("DELETE", "/mcp", &[&format!("Mcp-Session-Id: {}", caller.session)]).await;
    assert_eq!(client.answer().await.status(), 200);
    within("the end of the stream", async { while listener.message().await.is_some() {} }).await;
    let gone = caller.call("1", "echo", &json!({}));
    assert_eq!(client.ask(&gone).await.status(), 404);
    weir.stop().await;
}
