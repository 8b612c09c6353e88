//! `weir demo --server-only --stdio`: lines in and lines out, in both eras, and behind Weir.

use serde_json::{Value, json};

use crate::support::{Client, Demo, Gateway, Post, Process, call, legacy, modern, notification, only_through_weir};

#[tokio::test]
async fn without_sessions_every_tool_speaks_in_lines() {
    only_through_weir!();
    let mut server = Server::start();
    let found = server.ask(&modern("1", "server/discover", "")).await;
    assert_eq!(found["result"]["supportedVersions"], json!(["2026-07-28"]));
    let list = server.ask(&modern("\"list\"", "tools/list", "")).await;
    assert_eq!((&list["id"], list["result"]["tools"].as_array().map(Vec::len)), (&"list".into(), Some(7)));
    let said = server.ask(&call("3", "echo", r#"{"text":"gr\u00fc\u00dfe"}"#)).await;
    assert_eq!(text(&said), "grüße");
    for (tool, arguments, steps) in [("slow", r#"{"steps":3,"delay_ms":1}"#, 3), ("stream", r#"{"events":5}"#, 5)] {
        server.say(&with_token(&call("4", tool, arguments)));
        for step in 1..=steps {
            let progress = server.hear().await;
            let params = &progress["params"];
            assert_eq!((&params["progressToken"], &params["progress"]), (&"t".into(), &step.into()), "{progress}");
        }
        assert_eq!(server.hear().await["id"], 4);
    }
    let failures = [("{}", None), (r#"{"how":"error"}"#, Some(-32603)), (r#"{"how":"http"}"#, Some(-32603))];
    for (how, code) in failures {
        let failed = server.ask(&call("5", "fail", how)).await;
        assert_eq!((failed["error"]["code"].as_i64(), &failed["id"]), (code, &5.into()), "{failed}");
    }
    let undeclared = server.ask(&call("6", "ask", "{}")).await;
    assert_eq!(undeclared["error"]["code"], -32021);
    let asks = String::from_utf8_lossy(call("7", "ask", "{}").text())
        .replace(r#"clientCapabilities":{}"#, r#"clientCapabilities":{"elicitation":{}}"#);
    let asked = server.ask(&Post::new(asks)).await;
    assert_eq!(asked["result"]["resultType"], "input_required");
    let read = modern("8", "resources/read", r#""uri":"demo://catalog/7""#);
    assert!(server.ask(&read).await["result"]["contents"][0]["text"].is_string());
    server.end().await;
}

#[tokio::test]
async fn what_is_cancelled_says_no_more_and_the_end_ends_the_rest() {
    only_through_weir!();
    let mut server = Server::start();
    let listen = |id: &str| {
        let filter = r#""notifications":{"resourceSubscriptions":["demo://notes"]}"#;
        modern(id, "subscriptions/listen", filter)
    };
    for id in ["\"mine\"", "2"] {
        server.say(&listen(id));
        let first = server.hear().await;
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    }
    server.say(&call("3", "slow", r#"{"steps":100,"delay_ms":10000}"#));
    server.say(&notification("notifications/cancelled", r#"{"requestId":"mine"}"#));
    server.say(&notification("notifications/cancelled", r#"{"requestId":3}"#));
    server.say(&call("4", "note", r#"{"text":"x"}"#));
    // The one that still listens hears of it; in which order is the runtime's affair.
    let mut heard = [server.hear().await, server.hear().await];
    heard.sort_by_key(|message| message["id"].is_null());
    assert_eq!(heard[0]["id"], 4);
    assert_eq!(heard[1]["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 2, "{}", heard[1]);
    server.process.hush();
    let last = server.hear().await;
    assert_eq!((&last["method"], &last["params"]["requestId"]), (&"notifications/cancelled".into(), &2.into()));
    server.ended().await;
}

#[tokio::test]
async fn a_session_is_asked_hears_of_notes_and_sends_batches() {
    only_through_weir!();
    let mut server = Server::start();
    server.greet("2025-11-25", r#"{"elicitation":{}}"#).await;
    assert_eq!(server.ask(&legacy("2", "ping", "{}")).await["result"], json!({}));
    server.ask(&legacy("3", "resources/subscribe", r#"{"uri":"demo://notes"}"#)).await;
    server.say(&legacy("4", "tools/call", r#"{"name":"note","arguments":{"text":"x"}}"#));
    let mut heard = [server.hear().await, server.hear().await];
    heard.sort_by_key(|message| message["id"].is_null());
    assert_eq!((&heard[0]["id"], &heard[1]["method"]), (&4.into(), &"notifications/resources/updated".into()));

    server.say(&legacy("\"q\"", "tools/call", r#"{"name":"ask","arguments":{}}"#));
    let asked = server.hear().await;
    assert_eq!(asked["method"], "elicitation/create");
    let answer = json!({"jsonrpc":"2.0","id":asked["id"],"result":{"action":"accept","content":{"answer":"Ada"}}});
    server.process.say(format!("{answer}\n").as_bytes());
    let answered = server.hear().await;
    assert_eq!((&answered["id"], text(&answered)), (&"q".into(), "the answer was: Ada"));

    server.greet("2025-03-26", "{}").await;
    server
        .process
        .say(b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"x\"}]\n");
    let batch = server.hear().await;
    assert_eq!((&batch[0]["result"], &batch[1]["error"]["code"]), (&json!({}), &(-32601).into()));
    server.end().await;
}

#[tokio::test]
async fn lines_are_lines_however_they_come() {
    only_through_weir!();
    let mut server = Server::start();
    for (line, code) in [("{", -32700), ("[]", -32600), ("7", -32600)] {
        server.process.say(format!("{line}\n\r\n").as_bytes());
        assert_eq!(server.hear().await["error"]["code"], code, "{line}");
    }
    server.process.say(format!("{{{}\n", " ".repeat(1024 * 1024)).as_bytes());
    assert_eq!(server.hear().await["error"]["code"], -32600);
    let unserved = String::from_utf8_lossy(modern("1", "tools/list", "").text()).replace("2026-07-28", "2027-01-01");
    assert_eq!(server.ask(&Post::new(unserved)).await["error"]["code"], -32022);
    let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    assert_eq!(server.ask(&Post::new(bare)).await["error"]["code"], -32602);
    // Many in one write are answered in their order; the last one lacks its end.
    let many: Vec<_> = (0..500).map(|id| line(&call(&id.to_string(), "echo", r#"{"text":"x"}"#))).collect();
    server.process.say(many.concat().trim_end().as_bytes());
    server.process.hush();
    for id in 0..500 {
        assert_eq!(server.hear().await["id"], id);
    }
    server.ended().await;
}

#[tokio::test]
async fn it_leaves_nothing_behind_and_keeps_what_it_is_told_to() {
    only_through_weir!();
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let kept = place.path().join("kept");
    for data in [None, Some(kept.to_str().expect("the path is UTF-8"))] {
        let mut process = Demo::over_stdio(&data.map_or(Vec::new(), |data| vec!["--data", data]));
        let note = call("1", "note", r#"{"text":"a line"}"#);
        process.say(line(&note).as_bytes());
        let said: Value = serde_json::from_str(&process.line().await.expect("an answer")).expect("JSON");
        let path = text(&said).strip_prefix("written to ").expect("it says where").to_owned();
        assert!(std::path::Path::new(&path).exists());
        // As a supervisor that has run out of patience would.
        process.terminate();
        assert!(process.exit().await.success(), "{}", process.errors());
        assert_eq!(std::path::Path::new(&path).exists(), data.is_some());
    }
}

#[tokio::test]
async fn behind_weir_it_is_what_it_is_over_http() {
    only_through_weir!();
    let weir = Gateway::to_command(&Demo::command_line()).start().await;
    let mut client = weir.client().await;
    let said = client.ask(&call("\"a\"", "echo", r#"{"text":"hello"}"#)).await;
    assert_eq!((said.status(), &said.json()["id"], text(&said.json())), (200, &"a".into(), "hello"));
    client.post(&with_token(&call("2", "slow", r#"{"steps":2,"delay_ms":1}"#))).await;
    assert_eq!(client.head().await.status(), 200);
    let mut told = Vec::new();
    while let Some(message) = client.message().await {
        told.push(serde_json::from_str::<Value>(&message).expect("JSON"));
    }
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!((&told[0]["params"]["progressToken"], &told[2]["id"]), (&"t".into(), &2.into()));

    let opened = client.ask(&initialize("2025-11-25", r#"{"elicitation":{}}"#)).await;
    let session = opened.head.header("mcp-session-id").expect("Weir gives a session").to_owned();
    let initialized = notification("notifications/initialized", "{}").session(&session);
    assert_eq!(client.ask(&initialized).await.status(), 202);
    client.post(&legacy("5", "tools/call", r#"{"name":"ask","arguments":{}}"#).session(&session)).await;
    assert_eq!(client.head().await.status(), 200);
    let asked: Value = serde_json::from_str(&client.message().await.expect("a question")).expect("JSON");
    let answer = json!({"jsonrpc":"2.0","id":asked["id"],"result":{"action":"accept","content":{"answer":"Ada"}}});
    let posted = Post::new(answer.to_string()).header("MCP-Protocol-Version", "2025-11-25").session(&session);
    assert_eq!(Client::connect(weir.address()).await.ask(&posted).await.status(), 202);
    let answered: Value = serde_json::from_str(&client.message().await.expect("an answer")).expect("JSON");
    assert_eq!(text(&answered), "the answer was: Ada");
    weir.stop().await;
}

/// The sample server, spoken to in lines.
struct Server {
    process: Process,
}

impl Server {
    fn start() -> Self {
        Self { process: Demo::over_stdio(&[]) }
    }

    fn say(&mut self, post: &Post) {
        self.process.say(line(post).as_bytes());
    }

    async fn hear(&mut self) -> Value {
        let line = self.process.line().await.unwrap_or_else(|| panic!("it ended: {}", self.process.errors()));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    async fn ask(&mut self, post: &Post) -> Value {
        self.say(post);
        self.hear().await
    }

    /// Begins a session.
    async fn greet(&mut self, revision: &str, capabilities: &str) {
        let greeting = self.ask(&initialize(revision, capabilities)).await;
        assert_eq!(greeting["result"]["protocolVersion"], revision, "{greeting}");
        self.say(&notification("notifications/initialized", "{}"));
    }

    /// Ends its input, after which it ends without another word.
    async fn end(mut self) {
        self.process.hush();
        self.ended().await;
    }

    async fn ended(mut self) {
        assert_eq!(self.process.line().await, None);
        let status = self.process.exit().await;
        assert!(status.success() && self.process.errors().is_empty(), "{status}: {}", self.process.errors());
    }
}

fn initialize(revision: &str, capabilities: &str) -> Post {
    let client = r#""clientInfo":{"name":"t","version":"1"}"#;
    let params = format!(r#"{{"protocolVersion":"{revision}","capabilities":{capabilities},{client}}}"#);
    legacy("0", "initialize", &params)
}

/// What is posted, as a line.
fn line(post: &Post) -> String {
    format!("{}\n", String::from_utf8_lossy(post.text()))
}

fn with_token(post: &Post) -> Post {
    let text = String::from_utf8_lossy(post.text()).replace(r#""_meta":{"#, r#""_meta":{"progressToken":"t","#);
    post.clone().body(text)
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}
