//! What a rule asks of a tool that nobody has listed is looked up before it decides: once, in the caller's name, and not
//! for whoever may not know of the tool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::Notify;

use super::*;
use crate::support::{Client, Demo, Exchange, Exposition};

/// Refuses what its server calls destructive; what it says nothing of is.
pub(super) const RULE: &str = r#"
[auth.anonymous]
enabled = true
[[rules]]
name = "no destruction"
methods = ["tools/call"]
when = '!message.name.startsWith("free_") && message.tool.annotations.destructiveHint'
then = "refuse"
code = 4711
"#;

const TOOLS: &str = r#"{"name":"rm","inputSchema":{},"annotations":{"destructiveHint":true}},{"name":"read","inputSchema":{},"annotations":{"destructiveHint":false}},{"name":"unsaid","inputSchema":{}}"#;

pub(super) fn listed(request: &Request, tools: &str) -> String {
    match request.method().as_str() {
        "tools/list" => result(
            &request.id(),
            &format!(r#"{{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{tools}]}}"#),
        ),
        _ => answers(request),
    }
}

pub(super) fn reached(server: &Scripted) -> Vec<String> {
    server.waiting().iter().map(Request::method).collect()
}

async fn lookups(weir: &Gateway) -> f64 {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    Exposition::parse(admin.answer().await.text()).sum("weir_tool_lookups_total", &[])
}

pub(super) fn code(answer: &Answer) -> Option<i64> {
    answer.json()["error"]["code"].as_i64()
}

#[tokio::test]
async fn the_first_call_is_decided_by_what_the_server_says_of_its_tool() {
    only_through_weir!();
    // Whichever is called first is the first of a catalog that is empty.
    for first in ["rm", "read", "unsaid"] {
        for modern in [true, false] {
            let server = Scripted::answering(|request| listed(request, TOOLS)).await;
            let weir = Gateway::config(&config(RULE, &[("files", &server)])).start().await;
            let post = |name: &str| if modern { call("1", name, "{}") } else { old_call(name) };
            let refused = first != "read";
            assert_eq!(code(&ask(&weir, post(first)).await), refused.then_some(4711), "{first} {modern}");
            let reach = reached(&server);
            assert_eq!(reach[0], "tools/list");
            assert_eq!(reach.len(), if refused { 1 } else { 2 }, "{reach:?}");
            assert_eq!(code(&ask(&weir, post("rm")).await), Some(4711));
            assert_eq!(code(&ask(&weir, post("read")).await), None);
            assert_eq!(reached(&server), ["tools/call"], "and it is known from then on");
            until("one is counted", async || lookups(&weir).await == 1.0).await;
        }
    }
}

#[tokio::test]
async fn no_call_waits_whose_rules_do_not_ask() {
    only_through_weir!();
    let server = Scripted::answering(|request| listed(request, TOOLS)).await;
    let weir = Gateway::config(&config(RULE, &[("files", &server)])).start().await;
    // Decided by the name; no call; refused before.
    assert_eq!(code(&ask(&weir, call("1", "free_x", "{}")).await), None);
    assert_eq!(code(&ask(&weir, modern("1", "prompts/list", "")).await), None);
    assert_eq!(reached(&server), ["tools/call", "prompts/list"]);
    let before = format!("[[rules]]\nname = \"first\"\ntools = [\"files:x*\"]\nthen = \"refuse\"\n{RULE}");
    let weir = Gateway::config(&config(&before, &[("files", &server)])).start().await;
    assert_eq!(code(&ask(&weir, call("1", "xy", "{}")).await), Some(40301));
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"xy"}},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"rm"}}]"#;
    assert_eq!(ask(&weir, Post::new(batch)).await.json()[0]["error"]["code"], 40301);
    assert!(reached(&server).is_empty());
}

/// All of them at once, over all cores: the list is asked for by one, and the others wait for it.
#[tokio::test]
async fn fifty_first_calls_cause_one_look_up() {
    only_through_weir!();
    let go = Arc::new(Notify::new());
    let goes = Arc::clone(&go);
    let server = Scripted::start(move |exchange| {
        let goes = Arc::clone(&goes);
        async move {
            if exchange.request.method() == "tools/list" {
                goes.notified().await;
            }
            let text = listed(&exchange.request, TOOLS);
            exchange.json(text).await
        }
    })
    .await;
    let text = format!("[listen]\ncores = 2\n{}", config(RULE, &[("files", &server)]));
    let weir = Gateway::config(&text).start().await;
    let mut clients = Vec::new();
    for at in 0..50 {
        let mut client = weir.client().await;
        client.post(&call("1", if at % 2 == 0 { "rm" } else { "read" }, "{}").path("/a")).await;
        clients.push(client);
    }
    assert_eq!(server.request().await.method(), "tools/list");
    go.notify_one();
    for (at, client) in clients.iter_mut().enumerate() {
        assert_eq!(code(&client.answer().await), (at % 2 == 0).then_some(4711));
    }
    let reach = reached(&server);
    assert_eq!((reach.len(), reach.iter().any(|method| method == "tools/list")), (25, false));
    until("one is counted", async || lookups(&weir).await == 1.0).await;
}

#[tokio::test]
async fn made_up_names_are_denied_and_do_not_make_the_server_work() {
    only_through_weir!();
    let server = Scripted::answering(|request| listed(request, TOOLS)).await;
    let weir = Gateway::config(&config(RULE, &[("files", &server)])).start().await;
    for at in 0..60 {
        let answer = ask(&weir, call("1", &format!("made_up_{at}"), "{}")).await;
        assert_eq!((code(&answer), answer.status()), (Some(40301), 403));
        let told = answer.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(told.contains("the server's list does not have"), "{told}");
        assert_eq!(answer.json()["error"]["data"]["retryable"], false);
    }
    let lists = reached(&server);
    // One in five seconds, on a machine that takes longer for sixty calls.
    assert!(lists.len() <= 12 && lists.iter().all(|method| method == "tools/list"), "{lists:?}");
    let said = weir.log().await;
    assert!(said.contains("rule=\"no destruction\"") && said.contains("the server has not listed this tool"), "{said}");
}

/// Whoever leaves as soon as they have asked makes it no worse.
#[tokio::test]
async fn callers_that_leave_do_not_make_the_server_work_either() {
    only_through_weir!();
    let server = Scripted::start(|exchange| exchange.silence()).await;
    let weir = Gateway::config(&config(RULE, &[("files", &server)])).start().await;
    let (began, mut asked) = (Instant::now(), 0);
    loop {
        let mut client = weir.client().await;
        client.post(&call("1", &format!("made_up_{asked}"), "{}").path("/a")).await;
        tokio::select! {
            list = server.request() => {
                assert_eq!(list.method(), "tools/list");
                asked += 1;
            }
            answer = client.answer() => {
                assert!(code(&answer) == Some(40301) && answer.text().contains("too often"), "{answer:?}");
                break;
            }
        }
    }
    assert!(asked <= 32 * (began.elapsed().as_secs() / 5 + 1), "{asked}");
    assert!(server.waiting().is_empty());
}

/// Down, slow, with an error, without an end, for somebody else: the call is denied, and nothing of it is sent.
#[tokio::test]
async fn a_list_that_cannot_be_had_denies_and_says_when_to_come_back() {
    only_through_weir!();
    async fn lies(exchange: Exchange, how: &'static str) -> crate::support::After {
        let id = exchange.request.id();
        match how {
            "silent" => exchange.silence().await,
            "status" => exchange.answer("500 Internal Server Error", "", "no").await,
            "foreign" => exchange.json(result("\"other\"", r#"{"tools":[]}"#)).await,
            "error" => {
                let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32603,"message":"s3cret"}}}}"#);
                exchange.json(text).await
            }
            "endless" => exchange.json(result(&id, r#"{"tools":[],"nextCursor":"more"}"#)).await,
            "twice" => {
                let tool = r#"{"name":"read","inputSchema":{},"annotations":{"destructiveHint":false}}"#;
                exchange.json(result(&id, &format!(r#"{{"tools":[{tool},{tool}]}}"#))).await
            }
            _ => exchange.json("[").await,
        }
    }
    for how in ["silent", "status", "foreign", "error", "endless", "twice", "torn", "nobody"] {
        let server = Scripted::start(move |exchange| lies(exchange, how)).await;
        let mut text = config(RULE, &[("files", &server)]);
        if how == "nobody" {
            text = text.replace(&server.url(), &Scripted::nobody().await);
        }
        let text = text.replace("[[routes]]", "first_byte = \"300ms\"\n[[routes]]");
        let weir = Gateway::config(&text).start().await;
        for _ in 0..3 {
            let answer = ask(&weir, call("1", "read", "{}")).await;
            assert_eq!(answer.refusal(), (40301, "policy_denied".into(), "no".into()), "{how}: {answer:?}");
            let error = &answer.json()["error"];
            assert_eq!(error["data"]["retryable"], how != "twice", "{how}: {answer:?}");
            let told = error["message"].as_str().expect("a message");
            assert!(told.contains("a rule asks for") && !told.contains("s3cret"), "{how}: {told}");
        }
        let reach = reached(&server);
        let most = if how == "endless" { 100 } else { 1 };
        assert!(reach.len() <= most && reach.iter().all(|method| method == "tools/list"), "{how}: {reach:?}");
        let log = weir.log().await;
        assert_eq!(
            log.contains("a tool's definition that a rule asks for cannot be had"),
            how != "twice",
            "{how}: {log}"
        );
    }
}

#[tokio::test]
async fn a_shadow_is_told_of_what_it_asks_and_stops_nothing() {
    only_through_weir!();
    let shadow = RULE.replace("[[rules]]", "[[rules]]\nshadow = true");
    let server = Scripted::answering(|request| listed(request, TOOLS)).await;
    let weir = Gateway::config(&config(&shadow, &[("files", &server)])).start().await;
    assert_eq!(code(&ask(&weir, call("1", "rm", "{}")).await), None);
    assert_eq!(reached(&server), ["tools/list", "tools/call"]);
    until("it would have", async || matches(&weir, "no destruction", "shadow").await == 1.0).await;
    let server = Scripted::start(|exchange| async move {
        match exchange.request.method().as_str() {
            "tools/list" => exchange.answer("500 Internal Server Error", "", "no").await,
            _ => {
                let text = answers(&exchange.request);
                exchange.json(text).await
            }
        }
    })
    .await;
    let weir = Gateway::config(&config(&shadow, &[("files", &server)])).start().await;
    assert_eq!(code(&ask(&weir, call("1", "rm", "{}")).await), None);
    assert_eq!(reached(&server), ["tools/list", "tools/call"]);
}

/// What a caller may not know of is not there, and nothing at the server tells that it was asked for.
#[tokio::test]
async fn a_hidden_tool_is_like_an_unknown_one_and_is_not_looked_up() {
    only_through_weir!();
    let roles = "roles = [\"reader\"]\n[[roles]]\nname = \"reader\"\ntools = [\"files:read\"]\n";
    let rules = RULE.replace("enabled = true\n", &format!("enabled = true\n{roles}"));
    let server = Scripted::answering(|request| listed(request, TOOLS)).await;
    let weir = Gateway::config(&config(&rules, &[("files", &server)])).start().await;
    let (hidden, unknown) = (ask(&weir, call("1", "rm", "{}")).await, ask(&weir, call("1", "made_up", "{}")).await);
    for answer in [&hidden, &unknown] {
        assert_eq!(answer.refusal(), (-32602, "unknown_name".into(), "no".into()));
    }
    assert!(reached(&server).is_empty());
    assert_eq!(code(&ask(&weir, call("1", "read", "{}")).await), None);
    assert_eq!(reached(&server), ["tools/list", "tools/call"]);
    // The list is known now, and tells nobody more.
    assert_eq!(ask(&weir, call("1", "rm", "{}")).await.refusal(), hidden.refusal());
}

/// Two tools on two pages, one right after the other.
#[tokio::test]
async fn what_stands_on_a_later_page_is_found_at_once() {
    only_through_weir!();
    let server = Scripted::answering(|request| {
        let page = |tool: &str, more: &str| result(&request.id(), &format!(r#"{{"tools":[{tool}]{more}}}"#));
        match (request.method().as_str(), request.json()["params"]["cursor"].as_str()) {
            ("tools/list", None) => page(r#"{"name":"rm","inputSchema":{}}"#, r#","nextCursor":"2""#),
            ("tools/list", Some(_)) => {
                page(r#"{"name":"read","inputSchema":{},"annotations":{"destructiveHint":false}}"#, "")
            }
            _ => answers(request),
        }
    })
    .await;
    let weir = Gateway::config(&config(RULE, &[("files", &server)])).start().await;
    assert_eq!(code(&ask(&weir, old_call("rm")).await), Some(4711));
    assert_eq!(reached(&server), ["tools/list"], "no further than it has to be read");
    assert_eq!(code(&ask(&weir, old_call("read")).await), None);
    assert_eq!(reached(&server), ["tools/list", "tools/list", "tools/call"]);
    assert_eq!(code(&ask(&weir, old_call("none")).await), Some(40301));
    assert!(reached(&server).is_empty(), "all of it was read just now");
}

/// Opens a session of the legacy era.
pub(super) async fn session(client: &mut Client) -> String {
    let opened = client.ask(&legacy("0", "initialize", INITIALIZE).path("/a")).await;
    opened.head.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}")).to_owned()
}

/// A server that shows each session its own list, and ends one of them.
#[tokio::test]
async fn a_session_is_asked_itself_and_keeps_no_other_from_asking() {
    only_through_weir!();
    let opened = Arc::new(AtomicUsize::new(0));
    let server = Scripted::start(move |exchange| {
        let opened = Arc::clone(&opened);
        async move {
            let (text, session) = (listed(&exchange.request, TOOLS), exchange.request.header("mcp-session-id"));
            match (exchange.request.method().as_str(), session) {
                ("initialize", _) => {
                    let hello =
                        r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
                    let text = result(&exchange.request.id(), hello);
                    let id = opened.fetch_add(1, Ordering::Relaxed);
                    let fields = format!("Content-Type: application/json\r\nMcp-Session-Id: s{id}\r\n");
                    exchange.answer("200 OK", &fields, text).await
                }
                ("tools/list", Some("s0")) => {
                    let text = listed(&exchange.request, "");
                    exchange.json(text).await
                }
                ("tools/list", Some("s1")) => exchange.answer("404 Not Found", "", "").await,
                ("tools/list", None) => exchange.answer("400 Bad Request", "", "").await,
                _ => exchange.json(text).await,
            }
        }
    })
    .await;
    let weir = Gateway::config(&config(RULE, &[("files", &server)])).start().await;
    let mut client = weir.client().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(session(&mut client).await);
    }
    let read = |id: &str| old_call("read").path("/a").session(id);
    assert_eq!(code(&client.ask(&read(&ids[0])).await), Some(40301), "its list is empty");
    let ended = client.ask(&read(&ids[1])).await;
    assert_eq!((ended.status(), &*ended.refusal().1), (404, "session_not_found"), "it begins anew");
    assert_eq!(code(&client.ask(&old_call("read").path("/a")).await), Some(40301), "without a session it has no list");
    assert_eq!(code(&client.ask(&read(&ids[2])).await), None);
    let sessions: Vec<_> = server
        .waiting()
        .iter()
        .filter(|request| request.method() == "tools/list")
        .map(|request| request.header("mcp-session-id").map(str::to_owned))
        .collect();
    assert_eq!(sessions, [Some("s0".to_owned()), Some("s1".to_owned()), None, Some("s2".to_owned())]);
}

/// The sample server as a command: in one message, and in a session.
#[tokio::test]
async fn a_command_is_asked_alike() {
    only_through_weir!();
    let line = Demo::command_line();
    let words: Vec<_> = line.split(' ').map(|word| format!("{word:?}")).collect();
    let rule = r#"[[rules]]
name = "reading alone"
methods = ["tools/call"]
when = '!message.tool.annotations.readOnlyHint'
then = "refuse"
code = 4711
"#;
    for is_session in [false, true] {
        let text = format!("{rule}[[servers]]\nname = \"files\"\ncommand = [{}]\n", words.join(", "));
        let weir = Gateway::config(&text).start().await;
        let mut client = weir.client().await;
        let mut id = None;
        if is_session {
            let opened = client.ask(&legacy("0", "initialize", INITIALIZE)).await;
            id = opened.head.header("mcp-session-id").map(str::to_owned);
            assert!(id.is_some(), "{opened:?}");
        }
        let post = |name: &str| match &id {
            None => call("1", name, r#"{"text":"x"}"#),
            Some(id) => {
                let params = format!(r#"{{"name":"{name}","arguments":{{"text":"x"}}}}"#);
                legacy("1", "tools/call", &params).session(id)
            }
        };
        assert_eq!(code(&client.ask(&post("note")).await), Some(4711), "{is_session}");
        assert!(client.ask(&post("echo")).await.text().contains("\"x\""), "{is_session}");
        assert_eq!(code(&client.ask(&post("made_up")).await), Some(40301), "{is_session}");
        weir.stop().await;
    }
}
