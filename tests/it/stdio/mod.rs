//! MCP servers that are commands: what clients do over HTTP reaches them over stdio, and is answered alike.

mod breaking;
mod conformance;
mod crowds;
mod resuming;
mod sdks;
mod servers;

use serde_json::{Value, json};

use crate::support::{Answer, Client, Gateway, Post, legacy, notification, python, within};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}"#;

/// Weir in front of `tests/python/over_stdio.py` with these arguments; `more` stands in the server's section.
async fn gateway(arguments: &[&str], more: &str) -> Gateway {
    let mut server = python("present", "over_stdio.py");
    // What matters here is not the SDK's: without site-packages it starts in half the time.
    server.args(arguments);
    Gateway::command(&server, more).start().await
}

/// A client of the session era, on a connection of its own.
struct Caller {
    client: Client,
    session: String,
}

impl Caller {
    async fn open(weir: &Gateway) -> Self {
        let answer = Self::try_open(weir).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let session = answer.head.header("mcp-session-id").expect("Weir gives a session").to_owned();
        let mut caller = Self { client: weir.client().await, session };
        let told = notification("notifications/initialized", "{}").session(&caller.session);
        assert_eq!(within("202", caller.client.ask(&told)).await.status(), 202);
        caller
    }

    async fn try_open(weir: &Gateway) -> Answer {
        within("an answer to initialize", weir.client().await.ask(&legacy("0", "initialize", INITIALIZE))).await
    }

    fn call(&self, id: &str, tool: &str, arguments: &Value) -> Post {
        let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": "t" } });
        legacy(id, "tools/call", &params.to_string()).session(&self.session)
    }

    /// Calls a tool and gives its answer, whatever came before it.
    async fn ask(&mut self, tool: &str, arguments: Value) -> Value {
        self.told(tool, arguments).await.pop().expect("an answer")
    }

    /// Calls a tool and gives all messages that came on its answer, the answer last.
    async fn told(&mut self, tool: &str, arguments: Value) -> Vec<Value> {
        let call = self.call("1", tool, &arguments);
        self.client.post(&call).await;
        within("the answer of a tool", messages(&mut self.client)).await
    }
}

/// The messages of an answer, be it JSON or events.
async fn messages(client: &mut Client) -> Vec<Value> {
    let parsed = |text: &str| serde_json::from_str(text).expect("a message is JSON");
    let head = client.head().await;
    if head.header("content-type") != Some("text/event-stream") {
        let body = client.body().await.expect("a whole answer");
        return vec![parsed(std::str::from_utf8(&body).expect("UTF-8"))];
    }
    let mut all = Vec::new();
    while let Some(message) = client.message().await {
        all.push(parsed(&message));
    }
    all
}

/// What a tool of `over_stdio.py` said.
fn said(answer: &Value) -> Value {
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"));
    serde_json::from_str(text).expect("it says JSON")
}

/// The reason of a refusal of Weir's.
fn reason(answer: &Value) -> &str {
    answer["error"]["data"]["reason"].as_str().unwrap_or_else(|| panic!("no refusal: {answer}"))
}
