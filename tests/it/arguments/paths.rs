//! Arguments and answers where several messages go together, and on the pair of 2024-11-05: each is told as its revision
//! wants it.

use serde_json::{Value, json};

use super::answers::{FITS, TOOL, WRONG};
use super::{SUM, answered, config, reached, session, until_counted};
use crate::support::{Client, Gateway, NodeServer, Post, Scripted, only_through_weir, result, within};

fn one(id: &str, name: &str, arguments: &Value) -> String {
    let params = json!({ "name": name, "arguments": arguments });
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
}

/// In a session of the one revision that has them, over a server on the official SDK.
#[tokio::test]
async fn a_batch_of_a_session_is_told_by_errors() {
    only_through_weir!();
    let server = NodeServer::reference(&["--era", "dual"]).await;
    let weir = Gateway::config(&config(server.url(), "validate_arguments = true")).start().await;
    let mut client = weir.client().await;
    let id = session(&mut client, "2025-03-26").await;
    let batch = |second: Value| {
        let body = format!(
            r#"[{},{{"jsonrpc":"2.0","method":"notifications/x"}},{}]"#,
            one("1", "probe_echo", &json!({ "text": "first" })),
            one("\"b\"", "probe_echo", &second)
        );
        Post::new(body).header("MCP-Protocol-Version", "2025-03-26").session(&id)
    };
    let answer = client.ask(&batch(json!({ "text": 7 }))).await;
    let errors = answer.json();
    assert_eq!((answer.status(), errors.as_array().map(Vec::len)), (200, Some(2)), "{answer:?}");
    assert_eq!((&errors[0]["id"], &errors[0]["error"]["data"]["reason"]), (&json!(1), &json!("policy_denied")));
    let error = &errors[1]["error"];
    assert_eq!((&errors[1]["id"], &error["code"]), (&json!("b"), &json!(-32602)), "{errors}");
    assert_eq!(
        (&error["data"]["reason"], &error["data"]["faults"][0]["path"]),
        (&json!("invalid_arguments"), &json!("/text"))
    );
    client.post(&batch(json!({ "text": "second" }))).await;
    assert_eq!(client.head().await.status(), 200);
    let mut said = String::new();
    while let Some(message) = within("the answers", client.message()).await {
        said += &message;
    }
    assert!(said.contains("first") && said.contains("second"), "{said}");
    weir.stop().await;
}

/// Both of a batch are faulty: the first one is told of. A session of a revision without batches has none.
#[tokio::test]
async fn the_first_fault_of_a_batch_refuses_it_and_other_revisions_have_none() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        let text = match &*exchange.request.method() {
            "initialize" => {
                let hello = json!({ "protocolVersion": exchange.request.json()["params"]["protocolVersion"],
                    "capabilities": {}, "serverInfo": { "name": "s", "version": "1" } });
                let text = result(&exchange.request.id(), &hello.to_string());
                let fields = "Content-Type: application/json\r\nMcp-Session-Id: theirs\r\n";
                return exchange.answer("200 OK", fields, text).await;
            }
            "notifications/initialized" => return exchange.accepted().await,
            _ => answered(&exchange.request, SUM),
        };
        exchange.json(text).await
    })
    .await;
    let weir = Gateway::config(&config(&server.url(), "validate_arguments = true")).start().await;
    let mut client = weir.client().await;
    let body = format!("[{},{}]", one("1", "sum", &json!({ "a": "x" })), one("2", "sum", &json!({ "b": 1 })));
    let id = session(&mut client, "2025-03-26").await;
    let errors = client.ask(&Post::new(&*body).session(&id)).await.json();
    let reasons = [0, 1].map(|at| errors[at]["error"]["data"]["reason"].clone());
    assert_eq!(reasons, ["invalid_arguments", "policy_denied"].map(Value::from), "{errors}");
    assert_eq!(errors[0]["error"]["data"]["faults"][0]["path"], "/a");
    let _ = reached(&server);
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let id = session(&mut client, revision).await;
        let _ = reached(&server);
        let answer = client.ask(&Post::new(&*body).session(&id)).await;
        assert_eq!(answer.json()["error"]["data"]["reason"], "invalid_request", "{revision}: {answer:?}");
        assert!(reached(&server).is_empty());
    }
}

/// The answers to a batch: one that does not fit takes the others with it in one body, and the stream where they come alone.
#[tokio::test]
async fn an_answer_of_a_batch_is_held_against_its_own_tool() {
    only_through_weir!();
    for is_stream in [false, true] {
        let server = Scripted::start(move |exchange| async move {
            if exchange.request.method() == "tools/list" {
                let text = answered(&exchange.request, TOOL);
                return exchange.json(text).await;
            }
            let body = exchange.request.json();
            let answer = |one: &Value| {
                result(&one["id"].to_string(), one["params"]["arguments"]["answer"].as_str().expect("an answer"))
            };
            let all: Vec<_> = body.as_array().expect("a batch").iter().map(answer).collect();
            if !is_stream {
                return exchange.json(format!("[{}]", all.join(","))).await;
            }
            let mut stream = exchange.stream().await;
            for text in all {
                stream.event(&text).await;
            }
            stream.end().await
        })
        .await;
        let weir = Gateway::config(&config(&server.url(), r#"validate_answers = "refuse""#)).start().await;
        let batch = |first: (&str, &str), second: (&str, &str)| {
            let text = |id: &str, (tool, answer): (&str, &str)| one(id, tool, &json!({ "answer": answer }));
            Post::new(format!("[{},{}]", text("1", first), text("2", second)))
        };
        let mut client = weir.client().await;
        for (first, second, wrong) in [
            (("weather", FITS), ("free", WRONG), false),
            (("free", WRONG), ("weather", FITS), false),
            (("free", WRONG), ("weather", WRONG), true),
        ] {
            client.post(&batch(first, second)).await;
            let head = client.head().await;
            let mut messages = Vec::new();
            if is_stream {
                while let Some(message) = client.message().await {
                    messages.push(message);
                }
            } else {
                messages.push(String::from_utf8(client.body().await.expect("whole").to_vec()).expect("UTF-8"));
            }
            let said = messages.join("\n");
            assert_eq!(said.contains("upstream_bad_response"), wrong, "{is_stream} {head:?} {said}");
            if wrong && is_stream {
                let error: Value = serde_json::from_str(&messages[1]).expect("a message");
                assert_eq!((messages.len(), &error["id"]), (2, &json!(2)), "{said}");
            }
        }
        until_counted(&weir, "weir_answers_unfit_total", 1.0).await;
    }
}

/// A client of the pair of 2024-11-05: its stream, and where it posts.
struct Old {
    stream: Client,
    endpoint: String,
}

impl Old {
    async fn open(weir: &Gateway, revision: &str) -> Self {
        let mut stream = weir.client().await;
        stream.get("/sse", &["Accept: text/event-stream"]).await;
        assert_eq!(stream.head().await.status(), 200);
        let first = stream.event().await.expect("a whole event").expect("an event");
        let mut old = Self { stream, endpoint: first.data.expect("where to post") };
        let hello =
            json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let opened =
            old.ask(weir, &format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{hello}}}"#)).await;
        assert_eq!(opened["result"]["protocolVersion"], revision, "{opened}");
        old.post(weir, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        old
    }

    async fn post(&self, weir: &Gateway, body: &str) {
        let answer = weir.client().await.ask(&Post::new(body).path(&self.endpoint)).await;
        assert_eq!(answer.status(), 202, "{answer:?}");
    }

    /// Posts, and waits for what comes of it on the stream.
    async fn ask(&mut self, weir: &Gateway, body: &str) -> Value {
        self.post(weir, body).await;
        let message = within("a message on the stream", self.stream.message()).await.expect("a message");
        serde_json::from_str(&message).expect("JSON")
    }
}

/// A server with or without sessions, whose answers are what their calls say.
async fn of_sessions(has_sessions: bool) -> Scripted {
    Scripted::start(move |exchange| async move {
        let (id, body) = (exchange.request.id(), exchange.request.json());
        let text = match &*exchange.request.method() {
            "initialize" => {
                let hello = json!({ "protocolVersion": body["params"]["protocolVersion"], "capabilities": {},
                    "serverInfo": { "name": "s", "version": "1" } });
                let more = if has_sessions { "Mcp-Session-Id: theirs\r\n" } else { "" };
                let fields = format!("Content-Type: application/json\r\n{more}");
                return exchange.answer("200 OK", &fields, result(&id, &hello.to_string())).await;
            }
            "tools/call" => match body["params"]["arguments"]["answer"].as_str() {
                Some(answer) => result(&id, answer),
                None => answered(&exchange.request, SUM),
            },
            method if method.starts_with("notifications/") => return exchange.accepted().await,
            _ => answered(&exchange.request, &format!("{SUM},{TOOL}")),
        };
        exchange.json(text).await
    })
    .await
}

#[tokio::test]
async fn the_pair_is_told_as_the_revision_of_its_beginning_wants_it() {
    only_through_weir!();
    for has_sessions in [true, false] {
        let server = of_sessions(has_sessions).await;
        let checks = "legacy_sse = \"/sse\"\nvalidate_arguments = true\nvalidate_answers = \"refuse\"";
        let weir = Gateway::config(&config(&server.url(), checks)).start().await;
        for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
            let mut old = Old::open(&weir, revision).await;
            let wrong = old.ask(&weir, &one("1", "sum", &json!({ "a": "s3cret" }))).await;
            assert!(!wrong.to_string().contains("s3cret"));
            // Without a session nobody tells what was agreed on, and a client of the pair sends no header that does.
            if has_sessions && revision == "2025-11-25" {
                assert_eq!((&wrong["id"], &wrong["result"]["isError"]), (&json!(1), &json!(true)), "{wrong}");
                let text = wrong["result"]["content"][0]["text"].as_str().expect("a text");
                assert!(text.contains("/a: "), "{text}");
            } else {
                let error = &wrong["error"];
                assert_eq!(
                    (&wrong["id"], &error["code"]),
                    (&json!(1), &json!(-32602)),
                    "{has_sessions} {revision} {wrong}"
                );
                assert_eq!(error["data"]["faults"][0]["path"], "/a");
            }
            let fits = old.ask(&weir, &one("2", "sum", &json!({ "a": 1 }))).await;
            assert_eq!(fits["result"]["content"][0]["text"], "done", "{fits}");
            let no_object = old.ask(&weir, &one("3", "sum", &json!([1]))).await;
            assert_eq!(no_object["error"]["data"]["reason"], "invalid_params", "{no_object}");
            // Answers as well.
            let fits = old.ask(&weir, &one("4", "weather", &json!({ "answer": FITS }))).await;
            assert_eq!(fits["result"]["structuredContent"]["degrees"], 21.5, "{fits}");
            let wrong = old.ask(&weir, &one("5", "weather", &json!({ "answer": WRONG }))).await;
            assert_eq!((&wrong["id"], &wrong["error"]["data"]["reason"]), (&json!(5), &json!("upstream_bad_response")));
        }
        let calls = reached(&server).iter().filter(|method| *method == "tools/call").count();
        assert_eq!(calls, 12, "what is wrong was not passed on");
    }
}
