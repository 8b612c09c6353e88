//! A client that leaves: in the 2026-07-28 era that cancels its call, in the session era it does not.

use tokio::sync::watch;

use crate::support::{Gateway, Scripted, call, legacy, only_through_weir, result};

const CALL: &str = r#"{"name":"echo","arguments":{}}"#;

#[tokio::test]
async fn leaving_before_the_first_byte_cancels_a_modern_call() {
    let server = Scripted::start(|exchange| exchange.silence()).await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    client.post(&call("1", "echo", "{}")).await;
    server.request().await;
    drop(client);
    // A closed stream is the cancellation: the server sees it, and nothing else.
    server.open(0).await;
    assert!(server.waiting().is_empty());
}

#[tokio::test]
async fn leaving_a_stream_cancels_a_modern_call() {
    let server = Scripted::start(|exchange| async move {
        let mut stream = exchange.stream().await;
        stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
        stream.gone().await
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    client.post(&call("1", "echo", "{}")).await;
    client.head().await;
    assert!(client.message().await.is_some());
    drop(client);
    server.open(0).await;
}

#[tokio::test]
async fn leaving_does_not_cancel_a_legacy_call() {
    only_through_weir!();
    let (go, wait) = watch::channel(false);
    let (done, mut finished) = watch::channel(false);
    let server = Scripted::start(move |exchange| {
        let (mut wait, done) = (wait.clone(), done.clone());
        async move {
            let id = exchange.request.id();
            let mut stream = exchange.stream().await;
            stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
            let _ = wait.wait_for(|go| *go).await;
            // Much more than the buffers between us hold: it is read although nobody waits for it.
            for _ in 0..64 {
                stream.send(format!(": {}\n\n", "x".repeat(100_000))).await;
            }
            stream.event(&result(&id, r#"{"content":[]}"#)).await;
            let after = stream.end().await;
            done.send_replace(true);
            after
        }
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    client.post(&legacy("1", "tools/call", CALL)).await;
    client.head().await;
    assert!(client.message().await.is_some());
    drop(client);
    // Another call is answered meanwhile, so the leaving has been noticed or will be; the first one goes on.
    let mut other = weir.client().await;
    other.post(&legacy("1", "tools/call", CALL)).await;
    go.send_replace(true);
    other.head().await;
    while other.message().await.is_some() {}
    crate::support::within("the server's answer to a client that left", finished.wait_for(|done| *done))
        .await
        .expect("the server runs");
    assert_eq!(server.waiting().len(), 2, "no cancellation was made up");
}

#[tokio::test]
async fn leaving_a_get_stream_frees_it() {
    let server = Scripted::start(|exchange| async move {
        let mut stream = exchange.stream().await;
        stream.send(": open\n\n").await;
        stream.gone().await
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    client.get("/mcp", &["Accept: text/event-stream", "MCP-Protocol-Version: 2025-11-25"]).await;
    assert_eq!(client.head().await.status(), 200);
    drop(client);
    server.open(0).await;
}
