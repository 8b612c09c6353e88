//! How a stream ends with the daemon.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Notify;

use super::{Old, call, configuration, gateway, welcome};
use crate::support::{Gateway, Scripted, result, within};

#[tokio::test]
async fn what_is_under_way_is_answered_and_then_the_stream_ends() {
    let go = Arc::new(Notify::new());
    let waits = Arc::clone(&go);
    let server = Scripted::start(move |exchange| {
        let go = Arc::clone(&waits);
        async move {
            match exchange.request.method().as_str() {
                "initialize" => {
                    let text = welcome(&exchange);
                    exchange.json(text).await
                }
                "tools/call" => {
                    go.notified().await;
                    let text = result(&exchange.request.id(), "{}");
                    exchange.json(text).await
                }
                _ => exchange.accepted().await,
            }
        }
    })
    .await;
    let weir = gateway(&server.url()).await;
    let (mut idle, mut busy) = (Old::greeted(&weir).await, Old::greeted(&weir).await);
    busy.taken(&weir, &call("1", "t", &json!({}))).await;
    while server.request().await.method() != "tools/call" {}
    weir.terminate();
    idle.ended().await;
    go.notify_one();
    assert_eq!(busy.next().await["id"], 1);
    busy.ended().await;
    weir.stop().await;
}

#[tokio::test]
async fn what_is_not_answered_in_time_is_told_so() {
    let server = Scripted::start(|exchange| async move {
        match exchange.request.method().as_str() {
            "initialize" => {
                let text = welcome(&exchange);
                exchange.json(text).await
            }
            "tools/call" => exchange.silence().await,
            _ => exchange.accepted().await,
        }
    })
    .await;
    let weir = Gateway::config(&configuration(&server.url(), "[drain]\ntimeout = \"200ms\"")).start().await;
    let mut old = Old::greeted(&weir).await;
    old.taken(&weir, &call("1", "t", &json!({}))).await;
    while server.request().await.method() != "tools/call" {}
    weir.terminate();
    let error = within("its error", old.next()).await;
    assert_eq!((&error["id"], &error["error"]["data"]["reason"]), (&1.into(), &"draining".into()), "{error}");
    old.ended().await;
    weir.stop().await;
}
