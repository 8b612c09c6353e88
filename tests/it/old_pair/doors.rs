//! Who may open a stream, and who may post to it.

use super::{Old, configuration, gateway, post, request};
use crate::support::{Gateway, Post, Scripted, result, until};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::test]
async fn a_token_is_of_its_stream_route_and_daemon_alone() {
    let server = Scripted::answering(|request| result(&request.id(), "{}")).await;
    let config = configuration(&server.url(), "")
        + "[[routes]]\npath = \"/other/mcp\"\nservers = [\"server\"]\nlegacy_sse = \"/other/sse\"\n";
    let weir = Gateway::config(&config).start().await;
    let old = Old::open(&weir).await;
    let (path, token) = old.endpoint.split_once("?session=").expect("the stream is named in the query");
    assert_eq!(path, "/sse");

    let unnamed = post(&weir, "/sse", PING).await;
    assert_eq!((unnamed.status(), unnamed.refusal().1), (400, "invalid_request".into()));
    let altered = format!("{}{}", &token[..token.len() - 1], if token.ends_with('A') { 'B' } else { 'A' });
    for (path, token) in [("/sse", &*altered), ("/sse", "x"), ("/sse", ""), ("/other/sse", token)] {
        let answer = post(&weir, &format!("{path}?session={token}"), PING).await;
        assert_eq!((answer.status(), answer.refusal().1), (404, "session_not_found".into()), "{path} {token}");
    }
    let elsewhere = gateway(&server.url()).await;
    assert_eq!(post(&elsewhere, &old.endpoint, PING).await.status(), 404);

    // It lives as long as its stream.
    assert_eq!(old.post(&weir, PING).await.status(), 202);
    let endpoint = old.endpoint.clone();
    drop(old);
    until("the stream is forgotten", async || post(&weir, &endpoint, PING).await.status() == 404).await;
    elsewhere.stop().await;
    weir.stop().await;
}

#[tokio::test]
async fn the_door_is_that_of_every_route() {
    let server = Scripted::answering(|request| result(&request.id(), "{}")).await;
    let weir = gateway(&server.url()).await;
    let old = Old::open(&weir).await;
    let mut client = weir.client().await;
    client.get("/sse", &["Origin: https://evil.example"]).await;
    assert_eq!(client.answer().await.status(), 403);
    let evil = Post::new(PING).path(&old.endpoint).header("Origin", "https://evil.example");
    assert_eq!(weir.client().await.ask(&evil).await.status(), 403);
    client.without_body("DELETE", "/sse", &[]).await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.head.header("allow")), (405, Some("GET, POST, OPTIONS")));
    client.without_body("OPTIONS", "/sse", &["Origin: http://localhost:1"]).await;
    assert_eq!(client.answer().await.status(), 204);
    weir.stop().await;
}

#[tokio::test]
async fn a_route_that_offers_it_no_more_answers_404() {
    let server = Scripted::answering(|request| result(&request.id(), "{}")).await;
    let weir = gateway(&server.url()).await;
    let mut old = Old::open(&weir).await;
    let ping = request("1", "ping", "{}");
    old.taken(&weir, &ping).await;
    assert_eq!(old.next().await["id"], 1);
    weir.write(&configuration(&server.url(), "").replace("legacy_sse", "# legacy_sse"));
    weir.hang_up();
    until("the path is gone", async || old.post(&weir, &ping).await.status() == 404).await;
    weir.stop().await;
}
