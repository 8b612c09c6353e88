//! Servers that offer HTTP+SSE of 2024-11-05 alone, to clients of streamable HTTP and of the pair itself.

use serde_json::json;

use super::sdks::makes_scenario;
use super::{INITIALIZE, call, configuration, request};
use crate::support::{Client, Gateway, NodeServer, Post, Process, Scripted, count, only_through_weir, python, within};

fn before(url: &str) -> String {
    configuration(url, "").replace("[[routes]]", "transport = \"sse\"\n[[routes]]")
}

async fn gateway(url: &str) -> Gateway {
    Gateway::config(&before(url)).start().await
}

#[tokio::test]
async fn a_server_of_typescript_1() {
    only_through_weir!();
    let server = NodeServer::pair().await;
    let weir = gateway(server.url()).await;
    makes_scenario("legacy", &weir.url()).await;
    makes_scenario("sse", &format!("http://{}/sse", weir.address())).await;
    weir.stop().await;
}

#[tokio::test]
async fn a_server_of_python_1() {
    only_through_weir!();
    let mut server = Process::start("server.py", python("before", "server.py").args(["mcp", "sse"]));
    let url = format!("http://{}", server.line_after(" http://").await);
    let weir = gateway(&url).await;
    makes_scenario("legacy", &weir.url()).await;
    weir.stop().await;
}

/// A client of streamable HTTP with a session, which echoes.
struct Caller {
    client: Client,
    session: String,
}

impl Caller {
    async fn open(weir: &Gateway) -> Self {
        let mut client = weir.client().await;
        let answer = within("a session", client.ask(&Post::new(request("1", "initialize", INITIALIZE)))).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let session = answer.head.header("mcp-session-id").expect("Weir gives a session").to_owned();
        let told = Post::new(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).session(&session);
        assert_eq!(client.ask(&told).await.status(), 202);
        Self { client, session }
    }
}

#[tokio::test]
async fn each_session_has_a_stream_of_its_own() {
    only_through_weir!();
    let server = NodeServer::pair().await;
    let weir = gateway(server.url()).await;
    let mut callers = Vec::new();
    for _ in 0..count(100) {
        callers.push(Caller::open(&weir).await);
    }
    for (at, caller) in callers.iter_mut().enumerate() {
        let echo = call("1", "probe_echo", &json!({ "text": format!("caller {at}") }));
        caller.client.post(&Post::new(echo).session(&caller.session)).await;
    }
    for (at, caller) in callers.iter_mut().enumerate() {
        let answer = within("an answer", caller.client.answer()).await;
        assert!(answer.text().contains(&format!("caller {at}\"")), "{answer:?}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn messages_go_nowhere_but_to_the_servers_own_origin() {
    let elsewhere = Scripted::answering(|_| String::new()).await;
    let place = format!("http://{}/messages", elsewhere.address());
    let server = Scripted::start(move |exchange| {
        let place = place.clone();
        async move {
            let mut stream = exchange.stream().await;
            stream.send(format!("event: endpoint\ndata: {place}\n\n")).await;
            stream.gone().await
        }
    })
    .await;
    let weir = gateway(&server.url()).await;
    let answer = weir.client().await.ask(&Post::new(request("1", "initialize", INITIALIZE))).await;
    assert_eq!(answer.refusal().1, "upstream_reset", "{answer:?}");
    assert!(elsewhere.waiting().is_empty());
    weir.stop().await;
}

#[tokio::test]
async fn what_is_no_stream_is_no_server() {
    let server = Scripted::start(|exchange| exchange.answer("405 No", "", "")).await;
    let weir = gateway(&server.url()).await;
    let answer = weir.client().await.ask(&Post::new(request("1", "initialize", INITIALIZE))).await;
    assert_eq!((answer.status(), answer.refusal().1), (503, "upstream_unavailable".into()), "{answer:?}");
    weir.stop().await;
}

#[tokio::test]
async fn a_message_that_is_not_taken_is_the_error_of_its_request() {
    let server = Scripted::start(|exchange| async move {
        if exchange.request.verb() == "GET" {
            let mut stream = exchange.stream().await;
            stream.send("event: endpoint\ndata: messages?s=1\n\n").await;
            return stream.gone().await;
        }
        assert_eq!(exchange.request.path(), "/messages?s=1");
        match exchange.request.method().as_str() {
            "initialize" => exchange.answer("500 Oh", "", "").await,
            _ => exchange.answer("404 Gone", "", "").await,
        }
    })
    .await;
    let weir = gateway(&server.url()).await;
    let answer = weir.client().await.ask(&Post::new(request("\"a\"", "initialize", INITIALIZE))).await;
    let error = answer.json();
    assert_eq!((&error["id"], &error["error"]["code"]), (&"a".into(), &(-32603).into()), "{error}");
    weir.stop().await;
}
