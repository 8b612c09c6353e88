//! The log as its readers meet it: one line a request, ids that tie it to errors and servers, no secret.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::sync::watch;

use crate::support::{Exposition, Gateway, Scripted, call, legacy, only_through_weir, result, until};

fn config(log: &str, url: &str) -> String {
    format!("[telemetry]\nlog = {{ {log} }}\n[[servers]]\nname = \"files\"\nendpoints = [{url:?}]\n")
}

/// The lines of the log that belong to requests, each as JSON.
fn requests(errors: &str) -> Vec<Value> {
    let lines =
        errors.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    lines.filter(|line| line["route"].is_string()).collect()
}

async fn answering() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

async fn lines(weir: &Gateway, wanted: usize) -> Vec<Value> {
    until("the lines are written", async || requests(&weir.said()).len() >= wanted).await;
    requests(&weir.said())
}

#[tokio::test]
async fn one_line_a_request_and_one_id_on_all_sides() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config("format = \"json\"", &server.url())).start().await;
    let mut client = weir.client().await;
    client.ask(&call("1", "echo", "{}").header("X-Request-Id", "the-clients")).await;
    let reached = server.request().await;
    let refused = client.ask(&call("\"two\"", "echo", "{}").header("Mcp-Name", "other")).await;
    let nowhere = client.ask(&call("3", "echo", "{}").path("/nowhere")).await;
    let lines = lines(&weir, 3).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    let said =
        |line: &Value, keys: &[&str]| keys.iter().map(|key| line[*key].to_string()).collect::<Vec<_>>().join(" ");
    let keys = ["level", "message", "route", "server", "method", "name", "caller", "status", "reason"];
    assert_eq!(said(&lines[0], &keys), r#""info" "answered" "/mcp" "files" "tools/call" "echo" "anonymous" 200 null"#);
    assert_eq!(
        said(&lines[1], &keys),
        r#""info" "refused" "/mcp" "files" "unread" null "anonymous" 400 "header_mismatch""#
    );
    assert_eq!(said(&lines[2], &keys), r#""info" "refused" "" "" "unread" null "" 404 "route_not_found""#);
    assert_eq!(reached.header("x-request-id"), lines[0]["id"].as_str(), "not the client's own");
    for (answer, line) in [(refused, &lines[1]), (nowhere, &lines[2])] {
        assert_eq!(answer.json()["error"]["data"]["requestId"], line["id"], "{answer:?} {line}");
    }
    let first = &lines[0];
    for key in ["ms", "server_ms", "added_ms", "received", "sent"] {
        assert!(first[key].as_f64().is_some_and(|value| value >= 0.0), "{key} of {first}");
    }
    assert!(first["ms"].as_f64() >= first["server_ms"].as_f64());
    weir.stop().await;
}

#[tokio::test]
async fn each_way_to_end_has_its_line() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        match exchange.request.header("mcp-name") {
            Some("gone") => exchange.silence().await,
            Some("cut") => {
                let mut stream = exchange.stream().await;
                stream
                    .event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#)
                    .await;
                stream.cut()
            }
            _ => exchange.answer("503 Service Unavailable", "", "").await,
        }
    })
    .await;
    let weir = Gateway::config(&config("format = \"json\"", &server.url())).start().await;
    let mut left = weir.client().await;
    left.post(&call("1", "gone", "{}")).await;
    server.request().await;
    drop(left);
    lines(&weir, 1).await;
    let mut client = weir.client().await;
    client.post(&call("2", "cut", "{}")).await;
    client.head().await;
    while let Ok(Some(_)) = client.event().await {}
    lines(&weir, 2).await;
    weir.client().await.ask(&call("3", "down", "{}")).await;
    let lines = lines(&weir, 3).await;
    let ended: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap_or("")).collect();
    assert_eq!(ended, ["client_left", "failed", "server_status"], "{lines:?}");
    assert_eq!((&lines[1]["level"], &lines[2]["status"]), (&"warn".into(), &503.into()));
}

/// Weir's own lines with that beginning, as JSON.
fn events(weir: &Gateway, begin: &str) -> Vec<Value> {
    let said = weir.said();
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"].as_str().is_some_and(|message| message.starts_with(begin))).collect()
}

#[tokio::test]
async fn what_happens_to_a_request_names_it() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        if exchange.request.method() == "held" {
            return exchange.silence().await;
        }
        let answer = result(&exchange.request.id(), "{}");
        let mut stream = exchange.stream().await;
        stream.event(&result("\"another's\"", "{}")).await;
        stream.event(&answer).await;
        stream.end().await
    })
    .await;
    let servers = config("format = \"json\"", &server.url());
    let down = Scripted::nobody().await;
    let servers = format!("{servers}[[servers]]\nname = \"down\"\nendpoints = [{down:?}]\n");
    let weir = Gateway::config(&format!("[http]\nabandoned = 0\n{servers}")).start().await;
    let mut client = weir.client().await;
    client.ask(&legacy("1", "x", "{}").path("/files/mcp")).await;
    client.ask(&legacy("2", "x", "{}").path("/down/mcp")).await;
    server.request().await;
    client.post(&legacy("3", "held", "{}").path("/files/mcp")).await;
    server.request().await;
    drop(client);
    let lines = lines(&weir, 3).await;
    for (line, begin) in lines.iter().zip([
        "a message of a server was dropped",
        "an endpoint took no request",
        "a client left and its call is cut",
    ]) {
        until(begin, async || !events(&weir, begin).is_empty()).await;
        let told = events(&weir, begin);
        assert!(line["id"].is_string(), "{line}");
        assert_eq!((told.len(), &told[0]["id"]), (1, &line["id"]), "{told:?} {line}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn what_never_becomes_a_message_has_its_line() {
    only_through_weir!();
    let config = config("format = \"json\"", &Scripted::nobody().await);
    // The lines of one core come in their order.
    let weir = Gateway::config(&format!("[listen]\ncores = 1\n{config}")).start().await;
    let mut asked = weir.client().await;
    asked.without_body("OPTIONS", "/mcp", &["Origin: http://localhost"]).await;
    assert_eq!(asked.answer().await.status(), 204);
    let many = "HUSH: HUSH\r\n".repeat(65);
    let chunked = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let heads = [
        ("GET /HUSH HTTP/1.1\r\n\r\n".to_owned(), 400, ""),
        ("POST /mcp HTTP/1.1\nHUSH\n\n".to_owned(), 400, ""),
        (format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), 431, ""),
        (format!("{chunked}HUSH\r\n"), 400, "/mcp"),
    ];
    for (head, status, _) in &heads {
        let mut client = weir.client().await;
        client.bytes(head.as_bytes()).await;
        assert_eq!(client.answer().await.status(), *status, "{head}");
        client.closed().await;
    }
    let lines = lines(&weir, 5).await;
    let said =
        |line: &Value| ["message", "route", "method", "status", "reason"].map(|key| line[key].to_string()).join(" ");
    assert_eq!(said(&lines[0]), r#""answered" "/mcp" "OPTIONS" 204 null"#);
    for (line, (head, status, route)) in lines[1..].iter().zip(&heads) {
        assert_eq!(said(line), format!(r#""refused" "{route}" "unread" {status} null"#), "{head:?}");
        assert!(line["why"].as_str().is_some_and(|why| !why.is_empty()) && line["id"].is_string(), "{line}");
    }
    let mut admin = weir.admin().await;
    until("all of it is counted", async || {
        admin.get("/metrics", &[]).await;
        let page = Exposition::parse(admin.answer().await.text());
        let counted = |labels: &[(&str, &str)]| page.sum("weir_requests_total", labels);
        let below = [("method", "unread"), ("outcome", "refused"), ("reason", "")];
        counted(&below) == 4.0 && counted(&[("method", "OPTIONS"), ("route", "/mcp"), ("outcome", "answered")]) == 1.0
    })
    .await;
    let said = weir.log().await;
    assert!(!said.contains("HUSH"), "{said}");
}

#[tokio::test]
async fn levels_change_while_it_runs_and_access_lines_can_be_turned_off() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config("format = \"json\", level = \"warn\"", &server.url())).start().await;
    let mut client = weir.client().await;
    client.ask(&call("1", "quiet", "{}")).await;
    let mut admin = weir.admin().await;
    let put = |body: &str| weir.order("PUT", "/api/v1/log", body);
    admin.bytes(&put("{\"level\":\"info\"}")).await;
    let answer = admin.answer().await;
    assert_eq!((answer.status(), answer.text()), (200, "{\"level\":\"info\",\"before\":\"warn\"}\n"));
    client.ask(&call("2", "loud", "{}")).await;
    let lines = lines(&weir, 1).await;
    assert_eq!((lines.len(), &lines[0]["name"]), (1, &"loud".into()), "{lines:?}");
    for (body, status, code) in [
        ("{\"level\":\"verbose\"}", 422, "not_a_level"),
        ("level=debug", 400, "invalid_body"),
        ("{}", 400, "invalid_body"),
    ] {
        admin.bytes(&put(body)).await;
        let answer = admin.answer().await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status(), error["code"].as_str()), (status, Some(code)), "{answer:?}");
        assert!(answer.json()["requestId"].is_string() && answer.json()["timestamp"].is_string());
    }
    weir.write(&config("format = \"json\", access = false", &server.url()));
    weir.hang_up();
    until("it is reloaded", async || weir.said().contains("was reloaded")).await;
    client.ask(&call("3", "silent", "{}")).await;
    client.ask(&call("4", "silent", "{}")).await;
    let said = weir.said();
    weir.stop().await;
    assert!(!said.contains("silent"), "{said}");
}

#[tokio::test]
async fn no_secret_is_written_and_arguments_only_where_they_are_asked_for() {
    only_through_weir!();
    let server = answering().await;
    let post = || {
        call("1", "login", r#"{"user":"ADA","password":"HUSH-1","deep":[{"apiToken":"HUSH-2"}]}"#)
            .header("Authorization", "Bearer HUSH-3")
            .header("X-Api-Key", "HUSH-4")
            .header("Cookie", "a=HUSH-5")
    };
    for (log, shown) in [
        ("level = \"trace\", format = \"json\"", false),
        ("format = \"json\", arguments = true, redact = [\"arguments.password\", \"arguments.deep.*token*\"]", true),
    ] {
        let mut weir = Gateway::config(&config(log, &server.url())).start().await;
        weir.client().await.ask(&post()).await;
        weir.terminate();
        weir.exit().await;
        let said = weir.said();
        assert!(!said.contains("HUSH"), "{said}");
        assert_eq!(said.contains("ADA"), shown, "{said}");
        if shown {
            let line = requests(&said).pop().expect("a line");
            let expected = r#"{"user":"ADA","password":"[redacted]","deep":[{"apiToken":"[redacted]"}]}"#;
            assert_eq!(line["arguments"], serde_json::from_str::<Value>(expected).expect("JSON"));
        }
    }
}

#[tokio::test]
async fn a_drain_that_cuts_loses_no_line() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        if exchange.request.header("mcp-name").is_some_and(|name| name.starts_with("held")) {
            return exchange.silence().await;
        }
        let mut stream = exchange.stream().await;
        stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
        stream.gone().await
    })
    .await;
    let config = config("format = \"json\"", &server.url());
    let mut weir = Gateway::config(&format!("{config}[drain]\ntimeout = \"100ms\"\n")).start().await;
    let (mut clients, mut names) = (Vec::new(), BTreeSet::new());
    for number in 0..30 {
        for kind in ["held", "streams"] {
            let name = format!("{kind}-{number}");
            let mut client = weir.client().await;
            client.post(&call("1", &name, "{}")).await;
            server.request().await;
            if kind == "streams" {
                client.head().await;
            }
            clients.push(client);
            names.insert(name);
        }
    }
    weir.terminate();
    let clients = clients.into_iter().map(|client| tokio::spawn(client.closed())).collect::<Vec<_>>();
    assert_eq!(weir.exit().await.code(), Some(0));
    let lines = requests(&weir.said());
    let told: BTreeSet<_> = lines.iter().map(|line| line["name"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!((told, lines.len()), (names, clients.len()));
    assert!(lines.iter().all(|line| line["reason"] == "draining"), "{lines:?}");
}

#[tokio::test]
async fn a_reload_that_wants_no_arguments_any_more_holds_for_calls_that_run() {
    only_through_weir!();
    let (go, wait) = watch::channel(false);
    let server = Scripted::start(move |exchange| {
        let mut wait = wait.clone();
        async move {
            let _ = wait.wait_for(|go| *go).await;
            let id = exchange.request.id();
            exchange.json(result(&id, r#"{"resultType":"complete","content":[]}"#)).await
        }
    })
    .await;
    let log = "format = \"json\", arguments = true, redact = [\"arguments.password\"]";
    let weir = Gateway::config(&config(log, &server.url())).start().await;
    let mut client = weir.client().await;
    client.post(&call("1", "login", r#"{"user":"ADA","password":"HUSH"}"#)).await;
    server.request().await;
    weir.write(&config("format = \"json\", redact = []", &server.url()));
    weir.hang_up();
    until("it is reloaded", async || weir.said().contains("was reloaded")).await;
    go.send_replace(true);
    assert_eq!(client.answer().await.status(), 200);
    let said = weir.log().await;
    let line = requests(&said).pop().expect("a line");
    assert!(line["name"] == "login" && line["arguments"].is_null(), "{line}");
}

#[tokio::test]
async fn requests_do_not_wait_for_whoever_reads_the_log() {
    only_through_weir!();
    let server = answering().await;
    let (unread, errors) = std::io::pipe().expect("a pipe can be made");
    let mut weir = Gateway::config(&config("format = \"json\"", &server.url())).errors(errors).start().await;
    let mut client = weir.client().await;
    // Several times what a pipe holds.
    for _ in 0..1000 {
        assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 200);
    }
    // Now it is closed: lines are lost, and nothing else.
    drop(unread);
    assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 200);
    until("lost lines are counted", async || {
        let mut admin = weir.admin().await;
        admin.get("/metrics", &[]).await;
        Exposition::parse(admin.answer().await.text()).sum("weir_log_lines_lost_total", &[]) > 0.0
    })
    .await;
    assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 200);
    weir.terminate();
    assert_eq!(weir.exit().await.code(), Some(0));
}
