//! Many clients, and clients that do not keep up.

use serde_json::json;

use super::{Old, SESSION, call, configuration, request, welcome};
use crate::support::{Gateway, Scripted, count, result, until};

#[tokio::test]
async fn equal_ids_of_many_clients_come_home() {
    let server = Scripted::start(|exchange| async move {
        let request = &exchange.request;
        if request.method() == "initialize" {
            let text = welcome(&exchange);
            return exchange.json(text).await;
        }
        let name = request.json()["params"]["name"].clone();
        match request.method().as_str() {
            "tools/call" => {
                let text = result(&request.id(), &json!({ "name": name }).to_string());
                exchange.json(text).await
            }
            _ => exchange.accepted().await,
        }
    })
    .await;
    let weir = Gateway::config(&configuration(&server.url(), "[listen]\ncores = 2")).start().await;
    let mut all = Vec::new();
    for _ in 0..count(100) {
        all.push(Old::greeted(&weir).await);
    }
    for (at, old) in all.iter().enumerate() {
        old.taken(&weir, &call("1", &format!("tool-{at}"), &json!({}))).await;
    }
    for (at, old) in all.iter_mut().enumerate() {
        let answer = old.next().await;
        assert_eq!((&answer["id"], &answer["result"]["name"]), (&1.into(), &format!("tool-{at}").into()));
    }
    weir.stop().await;
}

#[tokio::test]
async fn what_waits_behind_a_silent_server_is_bounded() {
    let server = Scripted::start(|exchange| exchange.silence()).await;
    let weir = Gateway::config(&configuration(&server.url(), "[drain]\ntimeout = \"100ms\"")).start().await;
    let old = Old::open(&weir).await;
    old.taken(&weir, &request("0", "initialize", super::INITIALIZE)).await;
    // It is taken once its walk has begun; then what comes behind it waits.
    server.request().await;
    let mut taken = 0;
    let refused = loop {
        let answer = old.post(&weir, &request("1", "ping", "{}")).await;
        if answer.status() != 202 {
            break answer;
        }
        taken += 1;
        assert!(taken <= 64, "nothing bounds what waits");
    };
    assert_eq!((refused.status(), refused.refusal().1), (503, "overloaded".into()));
    assert!(refused.head.header("retry-after").is_some());
    assert_eq!(taken, 64);
    // Another client is no worse off.
    Old::open(&weir).await;
    drop(old);
    weir.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let server = Scripted::start(|exchange| async move {
        if exchange.request.method() == "initialize" {
            let text = welcome(&exchange);
            return exchange.answer("200 OK", SESSION, text).await;
        }
        if exchange.request.method() != "tools/call" {
            return exchange.accepted().await;
        }
        let mut stream = exchange.stream().await;
        let flood =
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"x":"{}"}}}}"#, "x".repeat(100_000));
        while stream.send(format!("data: {flood}\n\n")).await {}
        stream.gone().await
    })
    .await;
    let stall = "[http]\nwrite_stall = \"100ms\"\nabandoned = 0";
    let weir = Gateway::config(&configuration(&server.url(), stall)).start().await;
    let old = Old::greeted(&weir).await;
    old.taken(&weir, &call("1", "t", &json!({}))).await;
    until("the stream is cut", async || old.post(&weir, &request("2", "ping", "{}")).await.status() == 404).await;
    weir.stop().await;
}
