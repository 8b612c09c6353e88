//! The log as its readers meet it: one line a request, ids that tie it to errors and servers, no secret.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::sync::watch;

use crate::support::{Exposition, Gateway, Scripted, call, only_through_weir, result, until};

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

#[tokio::test]
async fn levels_change_while_it_runs_and_access_lines_can_be_turned_off() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config("format = \"json\", level = \"warn\"", &server.url())).start().await;
    let mut client = weir.client().await;
    client.ask(&call("1", "quiet", "{}")).await;
    let mut admin = weir.admin().await;
    let put = |body: &str| {
        format!("PUT /api/v1/log HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    admin.bytes(put("{\"level\":\"info\"}").as_bytes()).await;
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
        admin.bytes(put(body).as_bytes()).await;
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
