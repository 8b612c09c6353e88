//! HTTP+SSE of 2024-11-05 towards clients: one stream, and POSTs that are answered on it.

mod crowds;
mod doors;
mod ends;
mod limits;
mod messages;
mod sdks;
mod upstream;

use serde_json::{Value, json};

use crate::support::{Answer, Client, Exchange, Gateway, Post, within};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2024-11-05","capabilities":{"sampling":{}},"clientInfo":{"name":"old","version":"1"}}"#;

/// A configuration that offers the pair at `/sse` in front of an HTTP server; `more` stands at its beginning.
fn configuration(url: &str, more: &str) -> String {
    format!(
        "{more}\n[[servers]]\nname = \"server\"\nendpoints = [\"{url}\"]\n\
         [[routes]]\npath = \"/mcp\"\nservers = [\"server\"]\nlegacy_sse = \"/sse\"\n"
    )
}

async fn gateway(url: &str) -> Gateway {
    Gateway::config(&configuration(url, "")).start().await
}

/// A client of 2024-11-05: its stream, and where it posts.
struct Old {
    stream: Client,
    endpoint: String,
}

impl Old {
    async fn open(weir: &Gateway) -> Self {
        let mut stream = weir.client().await;
        stream.get("/sse", &["Accept: text/event-stream"]).await;
        let head = stream.head().await;
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
        let first = stream.event().await.expect("a whole event").expect("an event");
        assert_eq!(first.name.as_deref(), Some("endpoint"), "{first:?}");
        Self { stream, endpoint: first.data.expect("`endpoint` has data") }
    }

    /// With its beginning done, on connections of their own.
    async fn greeted(weir: &Gateway) -> Self {
        let mut old = Self::open(weir).await;
        old.taken(weir, &request("0", "initialize", INITIALIZE)).await;
        let answer = old.next().await;
        assert_eq!(answer["id"], 0, "{answer}");
        old.taken(weir, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        old
    }

    /// Posts on a new connection.
    async fn post(&self, weir: &Gateway, body: &str) -> Answer {
        post(weir, &self.endpoint, body).await
    }

    /// Posts, and expects it to be taken.
    async fn taken(&self, weir: &Gateway, body: &str) {
        let answer = self.post(weir, body).await;
        assert_eq!((answer.status(), answer.text()), (202, ""), "{answer:?}");
    }

    /// The next message on the stream.
    async fn next(&mut self) -> Value {
        let message = within("a message on the stream", self.stream.message()).await.expect("a message");
        serde_json::from_str(&message).expect("a message is JSON")
    }

    /// Waits for the proper end of the stream; messages may come before.
    async fn ended(&mut self) {
        while within("the end of the stream", self.stream.message()).await.is_some() {}
    }
}

async fn post(weir: &Gateway, path: &str, body: &str) -> Answer {
    within("an answer to a POST", weir.client().await.ask(&Post::new(body).path(path))).await
}

fn request(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

fn call(id: &str, tool: &str, arguments: &Value) -> String {
    request(id, "tools/call", &json!({ "name": tool, "arguments": arguments }).to_string())
}

/// The answer to `initialize` of a server with this session.
fn welcome(exchange: &Exchange) -> String {
    let id = exchange.request.id();
    let result = r#"{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

const SESSION: &str = "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n";
