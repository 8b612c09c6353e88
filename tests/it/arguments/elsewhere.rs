//! Answers that come another way than the call went: replayed on the session's own stream, and as what became of a task.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::answers::{FITS, TOOL, WRONG};
use super::{answered, config, session, until_counted};
use crate::sealing::{Callers, declaring};
use crate::support::{After, Client, Exchange, Gateway, Post, Scripted, legacy, modern, only_through_weir, result};
use crate::tokens::A;

/// What was asked for, in the order in which it came: the answers to calls, as calls say what they are to be.
type Asked = Arc<Mutex<Vec<String>>>;

fn asked(exchange: &Exchange) -> String {
    exchange.request.json()["params"]["arguments"]["answer"].as_str().unwrap_or_default().to_owned()
}

/// A server that closes the stream of each call before its answer, and has it on the session's own stream.
async fn polled() -> Scripted {
    let owed = Asked::default();
    Scripted::start(move |exchange| polling(exchange, Arc::clone(&owed))).await
}

async fn polling(exchange: Exchange, owed: Asked) -> After {
    let (id, method) = (exchange.request.id(), exchange.request.method());
    match (exchange.request.verb(), &*method) {
        ("GET", _) => {
            // In the name of whoever asks, where it is said; else all that was asked for.
            let texts: Vec<_> = match exchange.request.header("x-replayed") {
                Some(text) => vec![text.to_owned()],
                None => owed.lock().expect("nobody panics").drain(..).collect(),
            };
            let mut stream = exchange.stream().await;
            for text in texts {
                stream.send(format!("id: e2\ndata: {text}\n\n")).await;
            }
            stream.send("id: e3\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/end\"}\n\n").await;
            stream.end().await
        }
        (_, "initialize") => {
            let hello = r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
            let fields = "Content-Type: application/json\r\nMcp-Session-Id: theirs\r\n";
            exchange.answer("200 OK", fields, result(&id, hello)).await
        }
        (_, "tools/call") => {
            owed.lock().expect("nobody panics").push(result(&id, &asked(&exchange)));
            let mut stream = exchange.stream().await;
            stream.send("id: e1\nretry: 1\ndata:\n\n").await;
            stream.end().await
        }
        (_, "notifications/initialized") => exchange.accepted().await,
        _ => {
            let text = answered(&exchange.request, TOOL);
            exchange.json(text).await
        }
    }
}

fn calls(id: &str, tool: &str, answer: &str) -> Post {
    legacy(id, "tools/call", &json!({ "name": tool, "arguments": { "answer": answer } }).to_string())
}

/// Comes back for what is behind the first event: messages, and the ids of the events that came with them.
async fn comes_back(weir: &Gateway, session: &str, more: &str) -> (Vec<String>, Vec<String>) {
    let mut client = weir.client().await;
    let id = format!("Mcp-Session-Id: {session}");
    client.get("/mcp", &["Accept: text/event-stream", "Last-Event-ID: e1", &id, more]).await;
    assert_eq!(client.head().await.status(), 200);
    let (mut messages, mut ids) = (Vec::new(), Vec::new());
    while let Some(event) = client.event().await.expect("whole events") {
        messages.extend(event.data.filter(|data| !data.is_empty()));
        ids.extend(event.id);
    }
    (messages, ids)
}

async fn polls(client: &mut Client, post: &Post) {
    client.post(post).await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.message().await, None, "its answer is not there");
}

fn refused(text: &str) -> Value {
    let error: Value = serde_json::from_str(text).expect("a message");
    assert_eq!(error["error"]["data"]["reason"], "upstream_bad_response", "{error}");
    assert!(!text.contains("s3cret"), "{text}");
    error
}

#[tokio::test]
async fn what_a_session_replays_is_held_against_the_schema_of_its_call() {
    only_through_weir!();
    for (mode, refuses) in [("refuse", true), ("count", false)] {
        let server = polled().await;
        let weir = Gateway::config(&config(&server.url(), &format!("validate_answers = {mode:?}"))).start().await;
        let mut client = weir.client().await;
        let id = session(&mut client, "2025-11-25").await;
        for (tool, answer, fits) in
            [("weather", FITS, true), ("free", WRONG, true), ("weather", WRONG, false), ("weather", FITS, true)]
        {
            // An id in another spelling is the same one.
            polls(&mut client, &calls("\"\\u0061\"", tool, answer).session(&id)).await;
            let (messages, ids) = comes_back(&weir, &id, "X-Some: thing").await;
            match fits || !refuses {
                true => {
                    assert_eq!(messages[0], result("\"\\u0061\"", answer), "{mode} {tool}");
                    assert_eq!((messages.len(), ids), (2, vec!["e2".to_owned(), "e3".to_owned()]));
                }
                false => {
                    let error = refused(&messages[0]);
                    assert_eq!((&error["id"], messages.len()), (&json!("a"), 1), "it is whose call it was");
                    assert_eq!(ids, ["e2"], "whoever comes back comes for what is behind it");
                }
            }
        }
        until_counted(&weir, "weir_answers_unfit_total", 1.0).await;
        weir.stop().await;
    }
}

/// Of another node, of before a start, or older than what is remembered.
#[tokio::test]
async fn what_nobody_knows_of_passes_where_there_is_nothing_to_check() {
    only_through_weir!();
    for (mode, refuses) in [("refuse", true), ("count", false)] {
        let server = polled().await;
        let weir = Gateway::config(&config(&server.url(), &format!("validate_answers = {mode:?}"))).start().await;
        let id = session(&mut weir.client().await, "2025-11-25").await;
        for (answer, fits) in [
            (r#"{"content":[],"isError":true}"#, true),
            (r#"{"tools":[]}"#, true),
            (r#"{"content":[]}"#, true),
            (FITS, false),
        ] {
            let (messages, _) = comes_back(&weir, &id, &format!("X-Replayed: {}", result("7", answer))).await;
            match fits || !refuses {
                true => assert_eq!(messages[0], result("7", answer)),
                false => assert_eq!(refused(&messages[0])["id"], 7),
            }
        }
        until_counted(&weir, "weir_answers_unfit_total", 1.0).await;
        // Where nothing is asked of answers nothing is read in them.
        let weir = Gateway::config(&config(&server.url(), "validate_arguments = true")).start().await;
        let id = session(&mut weir.client().await, "2025-11-25").await;
        let (messages, _) = comes_back(&weir, &id, &format!("X-Replayed: {}", result("7", WRONG))).await;
        assert_eq!(messages[0], result("7", WRONG));
    }
}

/// A server that makes a task of each call.
async fn tasking() -> Scripted {
    let owed = Asked::default();
    Scripted::start(move |exchange| {
        let owed = Arc::clone(&owed);
        async move {
            let (id, method) = (exchange.request.id(), exchange.request.method());
            let is_modern = exchange.request.header("mcp-protocol-version") == Some("2026-07-28");
            let task = exchange.request.json()["params"]["taskId"].as_str().unwrap_or_default().to_owned();
            let of_task = || {
                let place = task.strip_prefix("task ").and_then(|number| number.parse::<usize>().ok());
                let known = place.and_then(|place| owed.lock().expect("nobody panics").get(place).cloned());
                known.unwrap_or_else(|| WRONG.to_owned())
            };
            let text = match &*method {
                "tools/call" => {
                    let mut owed = owed.lock().expect("nobody panics");
                    owed.push(asked(&exchange));
                    let made = format!("task {}", owed.len() - 1);
                    match is_modern {
                        true => json!({ "resultType": "task", "taskId": made, "status": "working" }).to_string(),
                        false => json!({ "task": { "taskId": made, "status": "working" } }).to_string(),
                    }
                }
                "tasks/result" => of_task(),
                "tasks/get" if is_modern => {
                    let (task, answer) = (json!(task), of_task());
                    format!(
                        r#"{{"resultType":"complete","taskId":{task},"status":"completed","ttlMs":null,"result":{answer}}}"#
                    )
                }
                "tasks/get" => json!({ "taskId": task, "status": "working" }).to_string(),
                _ => {
                    let text = answered(&exchange.request, TOOL);
                    return exchange.json(text).await;
                }
            };
            exchange.json(result(&id, &text)).await
        }
    })
    .await
}

/// By their own ids for anybody, and sealed for a caller with a credential.
#[tokio::test]
async fn what_becomes_of_a_task_is_held_against_the_schema_of_its_call() {
    only_through_weir!();
    let callers = Callers::new();
    let route = "[[routes]]\npath = \"/mcp\"\nservers = [\"files\"]\nvalidate_answers = \"refuse\"\n";
    for who in [None, Some(callers.token(A, "ann"))] {
        let server = tasking().await;
        let text = match who {
            None => config(&server.url(), r#"validate_answers = "refuse""#),
            Some(_) => format!("{}{route}", callers.config(&[("files", &server.url())], "")),
        };
        let weir = Gateway::config(&text).start().await;
        let mut client = weir.client().await;
        let by = |post: Post| match &who {
            None => post,
            Some(token) => post.header("Authorization", token),
        };
        for (tool, answer, fits) in [("weather", FITS, true), ("weather", WRONG, false), ("free", WRONG, true)] {
            let arguments = json!({ "answer": answer });
            let params = json!({ "name": tool, "arguments": arguments, "task": {} });
            let made = client.ask(&by(legacy("1", "tools/call", &params.to_string()))).await.json();
            let task = made["result"]["task"]["taskId"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
            assert_eq!(task.starts_with("task "), who.is_none(), "{task}");
            let of_task = json!({ "taskId": task }).to_string();
            let got = client.ask(&by(legacy("2", "tasks/get", &of_task))).await;
            assert!(got.json()["result"].is_object(), "{got:?}");
            let came = client.ask(&by(legacy("3", "tasks/result", &of_task))).await;
            match fits {
                true => assert_eq!(came.text(), result("3", answer)),
                false => assert_eq!(refused(came.text())["id"], 3),
            }
            // The revision in which the answer stands in what is said of the task.
            let params = format!(r#""name":{},"arguments":{}"#, json!(tool), arguments);
            let made = client.ask(&by(declaring(modern("4", "tools/call", &params).header("Mcp-Name", tool)))).await;
            let task = made.json()["result"]["taskId"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
            let get = modern("5", "tasks/get", &format!(r#""taskId":{}"#, json!(task))).header("Mcp-Name", &task);
            let came = client.ask(&by(declaring(get))).await;
            match fits {
                true => assert!(came.text().contains(&format!(r#""result":{answer}"#)), "{came:?}"),
                false => assert_eq!(refused(came.text())["id"], 5),
            }
        }
        if who.is_none() {
            // Nobody here has seen it made.
            let came = client.ask(&legacy("6", "tasks/result", r#"{"taskId":"another"}"#)).await;
            assert!(
                refused(came.text())["error"]["message"].as_str().unwrap().contains("nothing is known"),
                "{came:?}"
            );
        }
        until_counted(&weir, "weir_answers_unfit_total", if who.is_none() { 3.0 } else { 2.0 }).await;
    }
}

/// The messages of a stream until its answer, and the ids of its events.
async fn told(client: &mut Client) -> (Vec<String>, Vec<String>) {
    assert_eq!(client.head().await.status(), 200);
    let (mut messages, mut ids) = (Vec::<String>::new(), Vec::new());
    while !messages.last().is_some_and(|last| last.contains("\"id\":2")) {
        let event = client.event().await.expect("a whole event").expect("an event");
        messages.extend(event.data.filter(|data| !data.is_empty()));
        ids.extend(event.id);
    }
    (messages, ids)
}

fn held(message: &str, fits: bool) {
    match fits {
        true => assert!(message.contains("21.5"), "{message}"),
        false => assert_eq!(refused(message)["id"], 2),
    }
}

/// A command whose answers do not fit: alone, and replayed in its session.
#[tokio::test]
async fn a_commands_answers_are_held_against_it_too() {
    only_through_weir!();
    const SCRIPT: &str = r#"
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
  *'"initialize"'*) text='{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}' ;;
  *'"tools/list"'*) text='{"resultType":"complete","tools":[TOOLS]}' ;;
  *'"wrong"'*) text='{"resultType":"complete","content":[],"structuredContent":{"degrees":"s3cret"}}' ;;
  *) text='{"resultType":"complete","content":[],"structuredContent":{"degrees":21.5}}' ;;
  esac
  token=$(printf '%s' "$line" | sed -n 's/.*"progressToken":\("[^"]*"\|[0-9]*\).*/\1/p')
  [ -z "$token" ] || printf '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":1}}\n' "$token"
  [ -z "$id" ] || printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$text"
done
"#;
    let mut server = std::process::Command::new("sh");
    server.args(["-c", &SCRIPT.replace("TOOLS", TOOL)]);
    let routes = "[auth.anonymous]\nenabled = true\n[[routes]]\npath = \"/mcp\"\nservers = [\"server\"]\nvalidate_answers = \"refuse\"";
    let weir = Gateway::command(&server, routes).start().await;
    let mut client = weir.client().await;
    // What tells of its progress is answered by a stream.
    let calling = |how: &str| {
        let params = json!({ "name": "weather", "arguments": { "how": how }, "_meta": { "progressToken": "t" } });
        legacy("2", "tools/call", &params.to_string())
    };
    let id = session(&mut client, "2025-11-25").await;
    for (how, fits) in [("right", true), ("wrong", false)] {
        let params = format!(r#""name":"weather","arguments":{{"how":{how:?}}}"#);
        let came = client.ask(&modern("1", "tools/call", &params).header("Mcp-Name", "weather")).await;
        match fits {
            true => assert!(came.text().contains("21.5"), "{came:?}"),
            false => assert_eq!(refused(came.text())["id"], 1),
        }
        let mut caller = weir.client().await;
        caller.post(&calling(how).session(&id)).await;
        let (messages, ids) = told(&mut caller).await;
        held(messages.last().expect("an answer"), fits);
        // From its beginning: the session replays what the command has said.
        let mut again = weir.client().await;
        let (first, id) = (format!("Last-Event-ID: {}", ids[0]), format!("Mcp-Session-Id: {id}"));
        again.get("/mcp", &["Accept: text/event-stream", &first, &id]).await;
        let (messages, _) = told(&mut again).await;
        held(messages.last().expect("an answer"), fits);
    }
    weir.stop().await;
}
