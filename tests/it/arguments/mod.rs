//! Arguments of calls against what the tool asks for: in both eras, for clients that have listed and those that have not,
//! with schemas and arguments that are made to hurt.

mod answers;
mod elsewhere;
mod hostile;
mod lookups;
mod paths;

use serde_json::Value;

use crate::support::{
    Answer, Client, Demo, Exchange, Exposition, Gateway, NodeServer, Post, Request, Scripted, call, legacy,
    notification, only_through_weir, result,
};

const SUM: &str = r#"{"name":"sum","inputSchema":{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"array","items":{"type":"number"}}},"required":["a"],"additionalProperties":false}}"#;

/// A server of both eras that offers these tools and checks nothing.
async fn offering(tools: &'static str) -> Scripted {
    Scripted::answering(move |request| answered(request, tools)).await
}

fn answered(request: &Request, tools: &str) -> String {
    let modern = request.header("mcp-protocol-version") == Some("2026-07-28");
    let kind = if modern { r#""resultType":"complete","ttlMs":0,"cacheScope":"private","# } else { "" };
    match request.method().as_str() {
        "tools/list" => result(&request.id(), &format!(r#"{{{kind}"tools":[{tools}]}}"#)),
        _ => result(&request.id(), &format!(r#"{{{kind}"content":[{{"type":"text","text":"done"}}]}}"#)),
    }
}

/// A gateway whose route checks, as `more` says.
fn config(url: &str, more: &str) -> String {
    format!(
        "[reload]\nwatch = false\n[auth.anonymous]\nenabled = true\n[[servers]]\nname = \"files\"\nendpoints = [\"{url}\"]\n\
         [[routes]]\npath = \"/mcp\"\nservers = [\"files\"]\n{more}\n"
    )
}

async fn checking(url: &str) -> Gateway {
    Gateway::config(&config(url, "validate_arguments = true")).start().await
}

/// What a metric of the server comes to.
async fn counted(weir: &Gateway, name: &str) -> f64 {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    Exposition::parse(admin.answer().await.text()).sum(name, &[("server", "files")])
}

/// Waits for a metric to come to so much: it is gathered once a second.
async fn until_counted(weir: &Gateway, name: &str, wanted: f64) {
    crate::support::until(name, async || counted(weir, name).await == wanted).await;
}

/// What the methods of the requests were that reached the server.
fn reached(server: &Scripted) -> Vec<String> {
    server.waiting().iter().map(Request::method).collect()
}

/// The text of a result with `isError`.
fn told(answer: &Answer) -> String {
    let answer = answer.json();
    let result = &answer["result"];
    assert_eq!(result["isError"], true, "{answer}");
    assert_eq!(result["content"][0]["type"], "text");
    result["content"][0]["text"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_model_is_told_all_that_is_wrong_and_no_value_of_its() {
    only_through_weir!();
    let server = offering(SUM).await;
    let weir = checking(&server.url()).await;
    let mut client = weir.client().await;
    let answer = client.ask(&call("7", "sum", r#"{"a":"s3cret","b":[1,"s3cret"],"c":1}"#)).await;
    assert_eq!((answer.status(), &answer.json()["id"]), (200, &7.into()));
    assert_eq!(answer.json()["result"]["resultType"], "complete");
    let text = told(&answer);
    for place in ["/a: ", "/b/1: ", "'c'"] {
        assert!(text.contains(place), "{place}: {text}");
    }
    assert!(text.contains("\"sum\"") && !answer.text().contains("s3cret"), "{text}");
    assert_eq!(reached(&server), ["tools/list"], "what is wrong was not passed on");
    for fits in [r#"{"a":1}"#, r#"{"a":1.0,"b":[1,2.5]}"#] {
        assert_eq!(client.ask(&call("8", "sum", fits)).await.json()["result"]["content"][0]["text"], "done");
    }
    assert_eq!(reached(&server), ["tools/call", "tools/call"], "and the list was read once");
    until_counted(&weir, "weir_arguments_refused_total", 1.0).await;
    until_counted(&weir, "weir_tool_lookups_total", 1.0).await;
    let log = weir.log().await;
    assert!(log.contains("do not fit the tool's inputSchema") && !log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn what_is_no_object_or_holds_no_number_of_64_bits_is_invalid() {
    only_through_weir!();
    let server = offering(SUM).await;
    let weir = checking(&server.url()).await;
    let mut client = weir.client().await;
    for arguments in ["[]", "null", "\"a\"", r#"{"a":1e400}"#, r#"{"a":36893488147419103232}"#] {
        let answer = client.ask(&call("1", "sum", arguments)).await;
        let (code, reason, accepted) = answer.refusal();
        assert_eq!((code, &*reason, &*accepted), (-32602, "invalid_params", "no"), "{arguments}: {answer:?}");
    }
    let many = format!(r#"{{"a":1,"b":[{}1]}}"#, "1,".repeat(20_000));
    assert_eq!(client.ask(&call("1", "sum", &many)).await.refusal().1, "invalid_params");
    assert_eq!(reached(&server), ["tools/list"]);
}

/// A session of the legacy era, of that revision.
async fn session(client: &mut Client, revision: &str) -> String {
    let hello =
        format!(r#"{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{{"name":"t","version":"1"}}}}"#);
    let opened = client.ask(&legacy("0", "initialize", &hello)).await;
    let id = opened.head.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}")).to_owned();
    let told = notification("notifications/initialized", "{}").header("MCP-Protocol-Version", revision).session(&id);
    assert_eq!(client.ask(&told).await.status(), 202);
    id
}

/// A server on the official SDK, in sessions of each revision: the list is asked for within the session.
#[tokio::test]
async fn sessions_are_told_as_their_revision_wants_it() {
    only_through_weir!();
    let server = NodeServer::reference(&["--era", "dual"]).await;
    let weir = checking(server.url()).await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = weir.client().await;
        let id = session(&mut client, revision).await;
        // Whoever named a revision when the session began need not name it again.
        let post = |arguments: &str| {
            let params = format!(r#"{{"name":"probe_echo","arguments":{arguments}}}"#);
            legacy("1", "tools/call", &params).header("MCP-Protocol-Version", revision).session(&id)
        };
        let fits = client.ask(&post(r#"{"text":"hello"}"#)).await;
        assert!(fits.text().contains("hello"), "{fits:?}");
        let wrong = client.ask(&post(r#"{"text":7}"#)).await;
        assert_eq!(wrong.status(), 200, "{wrong:?}");
        if revision == "2025-11-25" {
            assert!(told(&wrong).contains("/text: "), "{wrong:?}");
        } else {
            assert_eq!(wrong.refusal().1, "invalid_arguments");
            let error = &wrong.json()["error"];
            assert_eq!((error["code"].as_i64(), &error["data"]["faults"][0]["path"]), (Some(-32602), &"/text".into()));
        }
    }
    let mut client = weir.client().await;
    let modern = client.ask(&call("1", "probe_echo", r#"{"pad":1}"#)).await;
    assert!(told(&modern).contains("text"), "{modern:?}");
    let fits = client.ask(&call("2", "probe_echo", r#"{"text":"hello"}"#)).await;
    assert!(fits.text().contains("hello"), "{fits:?}");
    weir.stop().await;
}

/// In 2026-07-28 the list is asked for as a client of that revision would; here nobody has listed in any era before.
#[tokio::test]
async fn the_sample_server_is_asked_in_the_callers_era() {
    only_through_weir!();
    let demo = Demo::start(&["--server-only"]).await;
    let weir = checking(&format!("http://{}/mcp", demo.address())).await;
    let answer = weir.client().await.ask(&call("1", "echo", r#"{"txet":"hello"}"#)).await;
    assert!(told(&answer).contains("txet"), "{answer:?}");
    weir.stop().await;
}

#[tokio::test]
async fn each_message_of_a_batch_is_checked_on_its_own() {
    only_through_weir!();
    let server = Scripted::answering(|request| match request.method().as_str() {
        "tools/list" => answered(request, SUM),
        _ => r#"[{"jsonrpc":"2.0","id":1,"result":{"content":[]}},{"jsonrpc":"2.0","id":2,"result":{"content":[]}}]"#
            .into(),
    })
    .await;
    let weir = checking(&server.url()).await;
    let mut client = weir.client().await;
    let one = |id: u8, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"sum","arguments":{arguments}}}}}"#
        )
    };
    let batch = |second: &str| Post::new(format!("[{},{}]", one(1, r#"{"a":1}"#), one(2, second)));
    let refused = client.ask(&batch(r#"{"a":true}"#)).await.json();
    assert_eq!(refused[0]["error"]["data"]["reason"], "policy_denied", "{refused}");
    assert_eq!((&refused[1]["id"], &refused[1]["error"]["code"]), (&2.into(), &(-32602).into()), "{refused}");
    assert_eq!(reached(&server), ["tools/list"]);
    let passed = client.ask(&batch(r#"{"a":2}"#)).await.json();
    assert!(passed[0]["result"].is_object() && passed[1]["result"].is_object(), "{passed}");
    // Without an id it calls as well.
    let silent = Post::new(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"sum","arguments":{}}}"#);
    assert_eq!(client.ask(&silent).await.status(), 202);
    assert_eq!(reached(&server).len(), 1, "the batch alone");
}

#[tokio::test]
async fn bounds_hold_by_method_and_name() {
    only_through_weir!();
    let server = offering(SUM).await;
    let more = r#"bounds = [{ methods = ["tools/call"], tools = ["se*"], body = "1KiB", depth = 4, values = 20 }]"#;
    let weir = Gateway::config(&config(&server.url(), more)).start().await;
    let mut client = weir.client().await;
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(1000));
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(30));
    for (name, arguments, reason) in [
        ("search", &*long, Some("too_large")),
        ("search", r#"{"a":[[1]]}"#, Some("invalid_params")),
        ("search", &*many, Some("invalid_params")),
        ("search", r#"{"a":[1]}"#, None),
        ("other", &*long, None),
        ("other", &*many, None),
    ] {
        let answer = client.ask(&call("1", name, arguments)).await;
        let found = answer.json()["error"]["data"]["reason"].as_str().map(str::to_owned);
        assert_eq!(found.as_deref(), reason, "{name}: {answer:?}");
    }
    assert_eq!(reached(&server).len(), 3);
    weir.stop().await;
}

#[tokio::test]
async fn a_reload_checks_from_then_on_and_no_longer() {
    only_through_weir!();
    let server = offering(SUM).await;
    let weir = Gateway::config(&config(&server.url(), "")).start().await;
    let wrong = call("1", "sum", r#"{"a":"x"}"#);
    let is_refused = async || weir.client().await.ask(&wrong).await.json()["result"]["isError"] == true;
    assert!(!is_refused().await);
    for (more, refused) in [("validate_arguments = true", true), ("", false), ("validate_arguments = true", true)] {
        weir.write(&config(&server.url(), more));
        weir.hang_up();
        crate::support::until("the reload", async || is_refused().await == refused).await;
    }
    // What was known stays known.
    drop(server.waiting());
    let fits = weir.client().await.ask(&call("2", "sum", r#"{"a":1}"#)).await;
    assert_eq!(fits.json()["result"]["content"][0]["text"], "done");
    assert_eq!(reached(&server), ["tools/call"]);
    weir.stop().await;
}

#[tokio::test]
async fn the_example_checks_what_it_says() {
    only_through_weir!();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/checked-arguments.toml");
    let text = std::fs::read_to_string(file).expect("it is there");
    let server = offering(SUM).await;
    let weir = Gateway::config(&text.replace("http://127.0.0.1:3000/mcp", &server.url())).start().await;
    let mut client = weir.client().await;
    assert!(told(&client.ask(&call("1", "sum", "{}")).await).contains("\"a\""));
    let long = format!(r#"{{"a":1,"b":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(client.ask(&call("1", "sum", &long)).await.refusal().1, "too_large");
    assert_eq!(client.ask(&call("1", "sum", r#"{"a":1}"#)).await.json()["result"]["content"][0]["text"], "done");
    weir.stop().await;
}

/// The value of a member of a request that reached the server.
fn member(request: &Request, pointer: &str) -> Value {
    request.json().pointer(pointer).cloned().unwrap_or(Value::Null)
}

/// Answers one exchange as [`answered`] does.
async fn plain(exchange: Exchange, tools: &str) -> crate::support::After {
    let text = answered(&exchange.request, tools);
    exchange.json(text).await
}
