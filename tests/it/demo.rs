//! `weir demo`: what it prints works, its tools work in both eras through Weir, and it leaves nothing behind.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Client, Demo, Post, call, count, legacy, modern, node_lines, notification, only_through_weir};

const SUITE: &str = "node_modules/conformance-modern/dist/index.js";

/// The scenarios of the official suite that need no tools, resources or prompts by the suite's own names.
const SCENARIOS: &[(&str, &[&str])] = &[
    ("2025-06-18", &["server-initialize", "server-session-lifecycle", "ping", "tools-list", "resources-list"]),
    (
        "2025-11-25",
        &[
            "server-initialize",
            "server-session-lifecycle",
            "ping",
            "tools-list",
            "resources-list",
            "dns-rebinding-protection",
            "server-sse-multiple-streams",
        ],
    ),
    (
        "2026-07-28",
        &[
            "tools-list",
            "resources-list",
            "dns-rebinding-protection",
            "http-header-validation",
            "sep-2164-resource-not-found",
            "server-sse-multiple-streams",
            "input-required-result-unsupported-methods",
            "input-required-result-validate-input",
        ],
    ),
];

/// What `demo-checks.mjs` reports in every era, so that a check cannot vanish.
const CHECKS: [&str; 9] = [
    "connect",
    "tools/list",
    "tools/call",
    "progress",
    "failures",
    "elicitation",
    "resources",
    "resource subscription",
    "cancellation",
];

#[tokio::test]
async fn the_printed_curl_says_hello() {
    only_through_weir!();
    let demo = Demo::start(&[]).await;
    let screen = demo.screen();
    let curl = screen.split_once("  curl ").expect("there is a curl").1;
    let curl = curl.lines().take(2).collect::<Vec<_>>().join("\n");
    let ran = Command::new("sh").arg("-c").arg(format!("curl -sS --noproxy '*' {curl}")).output().expect("sh runs");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{curl}: {ran:?}");
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(answer["result"]["content"][0]["text"], "hello");
    demo.stop().await;
}

#[tokio::test]
async fn ctrl_c_ends_it_cleanly_with_open_streams() {
    only_through_weir!();
    let demo = Demo::start(&[]).await;
    let directory = demo.directory();
    assert!(directory.join("keys/ring").exists());
    let address = demo.address();
    let (mut listening, mut working, mut got) =
        (Client::connect(address).await, Client::connect(address).await, Client::connect(address).await);
    listening
        .post(&modern("1", "subscriptions/listen", r#""notifications":{"resourceSubscriptions":["demo://notes"]}"#))
        .await;
    assert_eq!(listening.head().await.status(), 200);
    let first = listening.message().await.expect("an acknowledgement comes first");
    assert!(first.contains("notifications/subscriptions/acknowledged") && first.contains("demo://notes"), "{first}");
    let (mut session, id) = session(address, "{}").await;
    got.get("/mcp", &["Accept: text/event-stream", &format!("Mcp-Session-Id: {id}")]).await;
    assert_eq!(got.head().await.status(), 200);
    let slow = r#"{"name":"slow","arguments":{"steps":100,"delay_ms":10000},"_meta":{"progressToken":1}}"#;
    session.post(&legacy("7", "tools/call", slow).session(&id)).await;
    assert_eq!(session.head().await.status(), 200);
    working.post(&call("9", "slow", r#"{"steps":100,"delay_ms":10000}"#)).await;
    assert_eq!(working.head().await.status(), 200);
    let said = demo.stop().await;
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    assert!(!directory.exists(), "{} is still there", directory.display());
    for client in [&mut session, &mut working] {
        let last = client.message().await.expect("a call has its answer");
        assert!(last.contains("is stopping"), "{last}");
    }
    while listening.message().await.is_some() {}
    while got.message().await.is_some() {}
}

#[tokio::test]
async fn a_signal_at_any_moment_leaves_nothing_behind() {
    only_through_weir!();
    let place = tempfile::tempdir().expect("a temporary directory");
    let left = || std::fs::read_dir(place.path()).expect("it can be listed").count();
    // Under nohup a hangup ends nobody who has not asked for it yet: the program would be waited for in vain.
    let signals: &[Signal] = match hangups_are_ignored() {
        true => &[Signal::INT, Signal::TERM],
        false => &[Signal::INT, Signal::TERM, Signal::HUP],
    };
    for number in 0..count(800) {
        let (alone, signal) = (number % 4 == 3, signals[number % signals.len()]);
        let demo = Demo::begin(if alone { &["--server-only"] } else { &[] }, place.path());
        // What comes before the signals are taken ends it where it is; the later ones find it starting, and running.
        tokio::time::sleep(Duration::from_micros(number as u64 % 20 * 1500)).await;
        let (_, said) = demo.signalled(signal).await;
        assert_eq!(left(), 0, "after {signal:?}, alone: {alone}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// Whether this process, and so what it starts, ignores SIGHUP.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("there is one");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("it has the mask");
    let mask = u64::from_str_radix(ignored.trim(), 16).expect("it is hexadecimal");
    mask & 1 << (Signal::HUP.as_raw() - 1) != 0
}

#[tokio::test]
async fn every_tool_in_the_era_without_sessions() {
    only_through_weir!();
    let demo = Demo::start(&[]).await;
    let mut client = Client::connect(demo.address()).await;
    let found = client.ask(&modern("1", "server/discover", "")).await.json();
    assert_eq!(found["result"]["supportedVersions"][0], "2026-07-28");
    let list = client.ask(&modern("2", "tools/list", "")).await.json();
    let names = |list: &Value| {
        list["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&list).len(), 7);
    assert_eq!((&list["result"]["resultType"], &list["result"]["cacheScope"]), (&"complete".into(), &"public".into()));

    let said = client.ask(&call("3", "echo", r#"{"text":"gr\u00fc\u00dfe \"x\""}"#)).await;
    assert!(said.text().contains(r#"gr\u00fc\u00dfe \"x\""#), "to the byte: {said:?}");
    assert_eq!(text(&said.json()), "grüße \"x\"");
    let events = progress(&mut client, with_token("4", "slow", r#"{"steps":3,"delay_ms":1}"#)).await;
    assert_eq!(events, [1, 2, 3]);
    let events = progress(&mut client, with_token("5", "stream", r#"{"events":5}"#)).await;
    assert_eq!(events, [1, 2, 3, 4, 5]);
    let failed = client.ask(&call("6", "fail", "{}")).await.json();
    assert_eq!(failed["result"]["isError"], true);
    let failed = client.ask(&call("7", "fail", r#"{"how":"error"}"#)).await.json();
    assert_eq!(failed["error"]["code"], -32603);
    let failed = client.ask(&call("8", "fail", r#"{"how":"http"}"#)).await;
    assert_eq!(failed.status(), 503);
    let noted = client.ask(&call("9", "note", r#"{"text":"a line"}"#)).await.json();
    assert!(text(&noted).ends_with("notes.txt"), "{noted}");
    let notes =
        client.ask(&modern("10", "resources/read", r#""uri":"demo://notes""#).header("Mcp-Name", "demo://notes")).await;
    assert_eq!(notes.json()["result"]["contents"][0]["text"], "a line\n");
    let listed = client.ask(&call("11", "catalog", r#"{"first":199}"#)).await.json();
    assert_eq!(listed["result"]["structuredContent"]["entries"][1]["uri"], "demo://catalog/200");
    for (arguments, word) in
        [(r#"{"steps":0}"#, "steps"), (r#"{"delay_ms":-1}"#, "delay_ms"), (r#"{"steps":"x"}"#, "steps")]
    {
        let refused = client.ask(&call("12", "slow", arguments)).await.json();
        assert!(refused["result"]["isError"] == true && text(&refused).contains(word), "{refused}");
    }
    let unknown = client.ask(&call("13", "nothing", "{}")).await.json();
    assert_eq!(unknown["error"]["code"], -32602);
    demo.stop().await;
}

#[tokio::test]
async fn a_question_without_sessions_is_a_round_trip() {
    only_through_weir!();
    let demo = Demo::start(&[]).await;
    let mut client = Client::connect(demo.address()).await;
    let undeclared = client.ask(&call("1", "ask", "{}")).await;
    assert_eq!((undeclared.status(), &undeclared.json()["error"]["code"]), (400, &(-32021).into()));
    let ask = |id: &str, question: &str, more: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"ask","arguments":{{"question":"{question}"}}{more},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{"elicitation":{{}}}}}}}}}}"#
        );
        call(id, "ask", "{}").body(body)
    };
    let asked = client.ask(&ask("2", "Who?", "")).await.json();
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert_eq!(asked["result"]["inputRequests"]["answer"]["params"]["message"], "Who?");
    let state = asked["result"]["requestState"].as_str().unwrap().to_owned();
    let said = |action: &str| format!(r#","requestState":"{state}","inputResponses":{{"answer":{action},"more":1}}"#);
    let accepted = said(r#"{"action":"accept","content":{"answer":"Ada"}}"#);
    assert_eq!(text(&client.ask(&ask("3", "Who?", &accepted)).await.json()), "the answer was: Ada");
    let declined = said(r#"{"action":"decline"}"#);
    assert_eq!(text(&client.ask(&ask("4", "Who?", &declined)).await.json()), "there is no answer (decline)");
    assert_eq!(client.ask(&ask("5", "What?", &accepted)).await.json()["error"]["code"], -32602, "another question");
    let again = client.ask(&ask("6", "Who?", &said("{}"))).await.json();
    assert_eq!(again["result"]["resultType"], "input_required", "what is no answer is asked again");
    demo.stop().await;
}

#[tokio::test]
async fn a_session_with_a_question_news_and_an_end() {
    only_through_weir!();
    let demo = Demo::start(&[]).await;
    let (mut client, id) = session(demo.address(), r#"{"elicitation":{}}"#).await;
    let mut news = Client::connect(demo.address()).await;
    let subscribed = client.ask(&legacy("2", "resources/subscribe", r#"{"uri":"demo://notes"}"#).session(&id)).await;
    assert_eq!(subscribed.json()["result"], serde_json::json!({}));
    news.get("/mcp", &["Accept: text/event-stream", &format!("Mcp-Session-Id: {id}")]).await;
    assert_eq!(news.head().await.status(), 200);
    let note = legacy("3", "tools/call", r#"{"name":"note","arguments":{"text":"x"}}"#).session(&id);
    client.ask(&note).await;
    let told = news.message().await.expect("the notes have changed");
    assert!(told.contains("notifications/resources/updated") && told.contains("demo://notes"), "{told}");

    client.post(&legacy("\"q\"", "tools/call", r#"{"name":"ask","arguments":{}}"#).session(&id)).await;
    assert_eq!(client.head().await.status(), 200);
    let asked: Value = serde_json::from_str(&client.message().await.expect("a question")).unwrap();
    assert_eq!(asked["method"], "elicitation/create");
    let answer = |id: &Value| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"action":"accept","content":{{"answer":"Ada"}}}}}}"#)
    };
    let mut other = Client::connect(demo.address()).await;
    let posted = Post::new(answer(&asked["id"])).header("MCP-Protocol-Version", "2025-11-25").session(&id);
    assert_eq!(other.ask(&posted).await.status(), 202);
    let answered: Value = serde_json::from_str(&client.message().await.expect("an answer")).unwrap();
    assert_eq!((&answered["id"], text(&answered)), (&"q".into(), "the answer was: Ada"));
    assert!(client.message().await.is_none(), "the stream ends with the answer");
    assert_eq!(other.ask(&posted).await.status(), 400, "nobody asks any more");

    let slow = r#"{"name":"slow","arguments":{"steps":100,"delay_ms":10000}}"#;
    client.post(&legacy("5", "tools/call", slow).session(&id)).await;
    assert_eq!(client.head().await.status(), 200);
    let cancelled = notification("notifications/cancelled", r#"{"requestId":5}"#).session(&id);
    assert_eq!(other.ask(&cancelled).await.status(), 202);
    while client.message().await.is_some() {}

    let mut ended = Client::connect(demo.address()).await;
    ended.without_body("DELETE", "/mcp", &[&format!("Mcp-Session-Id: {id}")]).await;
    assert_eq!(ended.head().await.status(), 204);
    while news.message().await.is_some() {}
    let gone = Client::connect(demo.address()).await.ask(&legacy("6", "ping", "{}").session(&id)).await;
    assert_eq!(gone.status(), 404);
    demo.stop().await;
}

#[tokio::test]
async fn the_catalog_has_pages_of_resources_and_of_tools() {
    only_through_weir!();
    let server = Demo::start(&["--server-only"]).await;
    for (path, method, key) in [("/mcp", "resources/list", "resources"), ("/catalog/mcp", "tools/list", "tools")] {
        let mut client = Client::connect(server.address()).await;
        let (mut seen, mut cursor) = (0, String::new());
        loop {
            let page = client.ask(&modern("1", method, &cursor).path(path)).await.json();
            seen += page["result"][key].as_array().expect("a list").len();
            let Some(next) = page["result"]["nextCursor"].as_str() else { break };
            cursor = format!(r#""cursor":"{next}""#);
        }
        assert_eq!(seen, 200, "{path}");
        let wrong = client.ask(&modern("1", method, r#""cursor":"x""#).path(path)).await.json();
        assert_eq!(wrong["error"]["code"], -32602);
    }
    let mut client = Client::connect(server.address()).await;
    let entry = client.ask(&call("1", "entry_200", "{}").path("/catalog/mcp")).await.json();
    assert!(text(&entry).contains("demo://catalog/200"), "{entry}");
    server.stop().await;
}

#[tokio::test]
async fn the_server_alone_is_strict() {
    only_through_weir!();
    let server = Demo::start(&["--server-only"]).await;
    let mut client = Client::connect(server.address()).await;
    for (post, status, code) in [
        (Post::new("{"), 400, -32700),
        (Post::new("[]"), 400, -32600),
        (call("1", "echo", "{}").header("Mcp-Name", "slow"), 400, -32020),
        (call("1", "echo", "{}").header("Origin", "https://evil.example"), 403, -32600),
        (call("1", "echo", "{}").header("Host", "evil.example"), 403, -32600),
        (call("1", "echo", "{}").path("/other"), 404, -32600),
        (modern("1", "initialize", ""), 404, -32601),
        (legacy("1", "tools/list", "{}").session("x"), 404, -32001),
        (legacy("1", "nothing", "{}"), 200, -32601),
    ] {
        let answer = client.ask(&post).await;
        let error = &answer.json()["error"]["code"];
        assert_eq!((answer.status(), error), (status, &code.into()), "{}", String::from_utf8_lossy(post.text()));
        if answer.head.header("connection").is_some() {
            client = Client::connect(server.address()).await;
        }
    }
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"slow"}}]"#;
    let batch = client.ask(&Post::new(batch)).await.json();
    assert_eq!((&batch[0]["result"], &batch[1]["error"]["code"]), (&serde_json::json!({}), &(-32600).into()));
    server.stop().await;
}

#[tokio::test]
async fn a_named_directory_keeps_the_notes() {
    only_through_weir!();
    let kept = tempfile::tempdir().expect("a temporary directory can be made");
    let data = kept.path().to_str().expect("the path is UTF-8");
    for line in ["one", "two"] {
        let demo = Demo::start(&["--data", data]).await;
        let note = call("1", "note", &format!(r#"{{"text":"{line}"}}"#));
        Client::connect(demo.address()).await.ask(&note).await;
        demo.stop().await;
    }
    assert_eq!(std::fs::read_to_string(kept.path().join("notes.txt")).expect("it is kept"), "one\ntwo\n");
}

#[tokio::test]
async fn what_it_cannot_do_it_refuses() {
    only_through_weir!();
    for (arguments, code, word) in [
        (&["--stdio"][..], 2, "--server-only"),
        (&["--server-only", "--stdio", "--listen", "127.0.0.1:0"], 2, "--listen"),
        (&["--server-only", "--stdio", "--cores", "2"], 2, "--cores"),
        (&["--server-only", "--stdio", "--admin", "127.0.0.1:1"], 2, "--admin"),
        (&["--server-only", "--stdio", "--data", "/dev/null/x"], 1, "/dev/null/x"),
        (&["--server-only", "--listen", "0.0.0.0:0"], 2, "loopback"),
        (&["--server-only", "--admin", "127.0.0.1:1"], 2, "--admin"),
        (&["--listen", "0.0.0.0:0"], 2, "loopback"),
        (&["--server-only", "--data", "/dev/null/x"], 1, "/dev/null/x"),
    ] {
        let (ended, said) = Demo::refused(arguments).await;
        assert!(ended == Some(code) && said.contains(word), "{arguments:?}: {ended:?} {said}");
    }
}

#[tokio::test]
async fn the_official_suite_finds_no_fault_with_the_server() {
    only_through_weir!();
    let server = Demo::start(&["--server-only"]).await;
    let url = format!("http://{}/mcp", server.address());
    let out = tempfile::tempdir().expect("a temporary directory can be made");
    for (revision, scenarios) in SCENARIOS {
        // Its own verdict is no use: it misses the tools that it knows by name.
        let folder = out.path().join(revision);
        let folder = folder.to_str().expect("the path is UTF-8");
        let run = ["server", "--url", &url, "--spec-version", revision, "--suite", "all", "-o", folder];
        node_lines(SUITE, &run, true).await;
        let run: Vec<_> =
            std::fs::read_dir(folder).expect("the suite wrote here").map(|entry| entry.unwrap().path()).collect();
        for scenario in *scenarios {
            let named =
                |path: &&PathBuf| path.to_str().is_some_and(|path| path.contains(&format!("/server-{scenario}-20")));
            let path = run.iter().find(named).unwrap_or_else(|| panic!("{revision}: {scenario} was not run"));
            let checks = std::fs::read_to_string(path.join("checks.json")).expect("a scenario has checks");
            let checks: Vec<Value> = serde_json::from_str(&checks).expect("the suite writes JSON");
            let ended = |how: &str| checks.iter().filter(|check| check["status"] == how).count();
            let faults = ended("FAILURE") + ended("WARNING");
            assert!(faults == 0 && ended("SUCCESS") > 0, "{revision} {scenario}: {checks:#?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn the_official_clients_do_all_they_can() {
    only_through_weir!();
    let demo = Demo::start(&[]).await;
    let url = format!("http://{}/mcp", demo.address());
    for (sdk, revision) in [("1", "2025-11-25"), ("2", "2025-03-26"), ("2", "2026-07-28")] {
        let arguments = ["--url", &url, "--sdk", sdk, "--revision", revision, "--server", "demo"];
        let lines = node_lines("client.mjs", &arguments, false).await;
        let reports: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert!(reports.iter().all(|report| report["ok"] == true), "{sdk} {revision}: {}", lines.join("\n"));
        let made: Vec<_> = reports.iter().map(|report| report["check"].as_str().unwrap_or("")).collect();
        let ended: &[_] = if revision == "2026-07-28" { &[] } else { &["termination"] };
        assert_eq!(made, [&CHECKS, ended].concat(), "{sdk} {revision}");
    }
    demo.stop().await;
}

/// A session with these capabilities, on a connection of its own.
async fn session(address: std::net::SocketAddr, capabilities: &str) -> (Client, String) {
    let mut client = Client::connect(address).await;
    let initialize = format!(
        r#"{{"protocolVersion":"2025-11-25","capabilities":{capabilities},"clientInfo":{{"name":"t","version":"1"}}}}"#
    );
    let answer = client.ask(&legacy("1", "initialize", &initialize)).await;
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-11-25");
    let id = answer.head.header("mcp-session-id").expect("it gives a session").to_owned();
    let initialized = notification("notifications/initialized", "{}").session(&id);
    assert_eq!(client.ask(&initialized).await.status(), 202);
    (client, id)
}

/// The progress that comes before the result.
async fn progress(client: &mut Client, post: Post) -> Vec<i64> {
    client.post(&post).await;
    assert_eq!(client.head().await.status(), 200);
    let mut told = Vec::new();
    while let Some(message) = client.message().await {
        let message: Value = serde_json::from_str(&message).expect("a message is JSON");
        match message["params"]["progress"].as_i64() {
            Some(progress) => told.push(progress),
            None => assert!(message["result"]["content"].is_array(), "{message}"),
        }
    }
    told
}

fn with_token(id: &str, name: &str, arguments: &str) -> Post {
    let post = call(id, name, arguments);
    let text = String::from_utf8_lossy(post.text()).replace(r#""_meta":{"#, r#""_meta":{"progressToken":"t","#);
    post.body(text)
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}
