//! Cursors, `requestState` and task ids of authenticated callers: bound to them, and the server's own to the byte.

mod ways;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Answer, Client, Exchange, Gateway, Post, Scripted, legacy, modern, notification, only_through_weir, result, until,
};
use crate::tokens::{A, B, Issuer, bearer, header, key_sets, now};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;
/// What the server gives, with escapes as nobody here writes them.
const CURSOR: &str = r#""p\u0061ge \"2\" \/ \ud83d\ude00""#;
/// What of the cursor would show, however it is spelt: with a space, which nothing that is sealed has.
const SHOWN: &str = "ge ";
const STATE: &str = r#""\u0073tate\n""#;
const TASK: &str = "task-\u{fc} 1";

/// Two issuers, each of which knows an ann.
pub(crate) struct Callers {
    keys: TempDir,
    a: Issuer,
    b: Issuer,
}

impl Callers {
    pub(crate) fn new() -> Self {
        let (keys, a, b) = key_sets();
        Self { keys, a, b }
    }

    pub(crate) fn token(&self, issuer: &str, subject: &str) -> String {
        let to = |path: &str| format!("http://gateway.test{path}");
        let audience = [to("/mcp"), to("/files/mcp"), to("/other/mcp")];
        let claims = json!({ "iss": issuer, "sub": subject, "aud": audience, "exp": now() + 600, "roles": ["user"] });
        let key = if issuer == A { &self.a } else { &self.b };
        bearer(&key.token(header(), &claims))
    }

    /// ann of the first issuer, her namesake of the other one, and her colleague.
    fn all(&self) -> [String; 3] {
        [self.token(A, "ann"), self.token(B, "ann"), self.token(A, "bob")]
    }

    pub(crate) fn config(&self, servers: &[(&str, &str)], more: &str) -> String {
        let issuer = |name: &str, file: &str| {
            format!("[[auth.jwt]]\nissuer = {name:?}\njwks = {{ file = {:?} }}\n", self.keys.path().join(file))
        };
        let server =
            |(name, url): &(&str, &str)| format!("[[servers]]\nname = {name:?}\nendpoints = [{url:?}]\n{more}\n");
        format!(
            "{}{}[listen]\npublic_url = \"http://gateway.test\"\n[telemetry]\nlog = {{ format = \"json\" }}\n\
             [reload]\nwatch = false\n{}",
            issuer(A, "a.json"),
            issuer(B, "b.json"),
            servers.iter().map(server).collect::<String>(),
        )
    }
}

/// A server that gives all of them, and knows them when they come back.
async fn server() -> Scripted {
    Scripted::start(|exchange: Exchange| async move {
        let (request, id) = (exchange.request.clone(), exchange.request.id());
        let task = json!({ "taskId": TASK, "status": "working" });
        let of = |key: &str| request.json()["params"][key].clone();
        let related = json!({ "io.modelcontextprotocol/related-task": { "taskId": TASK } });
        let text = match request.method().as_str() {
            "" if request.verb() == "GET" => {
                let mut stream = exchange.stream().await;
                stream.event(&told("notifications/tasks/status", &task)).await;
                return stream.gone().await;
            }
            "initialize" => {
                let text = result(
                    &id,
                    r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#,
                );
                return exchange
                    .answer("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n", text)
                    .await;
            }
            "notifications/initialized" => return exchange.accepted().await,
            "tools/list" if of("cursor").is_null() => format!(r#"{{"tools":[], "nextCursor":{CURSOR} }}"#),
            "tools/call" if of("name") == "long" => {
                let filler = "x".repeat(100_000);
                format!(r#"{{"requestState":{STATE},"resultType":"input_required","filler":"{filler}"}}"#)
            }
            "tools/call" if of("name") == "late" => {
                let filler = "x".repeat(100_000);
                format!(r#"{{"filler":"{filler}","requestState":{STATE}}}"#)
            }
            "tools/call" if of("name") == "task" => json!({ "resultType": "task", "taskId": TASK }).to_string(),
            "tools/call" if !of("task").is_null() => json!({ "task": task, "_meta": related }).to_string(),
            "tools/call" if of("requestState").is_null() => {
                format!(r#"{{"resultType":"input_required","inputRequests":{{}},"requestState":{STATE}}}"#)
            }
            "resources/list" => {
                let filler = "x".repeat(100_000);
                format!(r#"{{"resources":[{{"uri":"x:","name":"{filler}"}}],"nextCursor":{CURSOR}}}"#)
            }
            "tasks/list" => json!({ "tasks": [task] }).to_string(),
            "tasks/result" => json!({ "content": [], "_meta": related }).to_string(),
            method if method.starts_with("tasks/") => task.to_string(),
            "subscriptions/listen" => {
                let mut stream = exchange.stream().await;
                let ids = of("notifications")["taskIds"].clone();
                let filter = json!({ "notifications": { "taskIds": ids } });
                stream.event(&told("notifications/subscriptions/acknowledged", &filter)).await;
                stream.event(&told("notifications/tasks", &task)).await;
                return stream.gone().await;
            }
            _ => r#"{"resultType":"complete","content":[]}"#.into(),
        };
        exchange.json(result(&id, &text)).await
    })
    .await
}

fn told(method: &str, params: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}

/// Asks as whoever has this token.
async fn ask(client: &mut Client, who: &str, post: Post) -> Answer {
    client.ask(&post.header("Authorization", who)).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// What nobody knows.
fn unknown(answer: &Answer) {
    assert_eq!((answer.status(), answer.refusal()), (200, (-32602, "unknown_value".into(), "no".into())), "{answer:?}");
}

/// Of a sealed text, what is not ours.
fn forged(sealed: &str) -> [String; 4] {
    let (head, last) = sealed.split_at(sealed.len() - 1);
    let other = if last == "A" { "B" } else { "A" };
    [head.to_owned(), format!("{head}{other}"), format!("{sealed}AAAA"), "AQAAAA".to_owned()]
}

fn page(cursor: &str) -> Post {
    legacy("7", "tools/list", &format!(r#"{{ "cursor" : "{cursor}" }}"#))
}

fn retry(state: &str) -> Post {
    modern("8", "tools/call", &format!(r#""name":"echo","inputResponses":{{}}, "requestState":"{state}""#))
        .header("Mcp-Name", "echo")
}

fn task(method: &str, id: &str) -> Post {
    declaring(modern("9", method, &format!(r#""taskId":"{id}""#)).header("Mcp-Name", id))
}

/// The same from a client that knows tasks.
pub(crate) fn declaring(post: Post) -> Post {
    let text = String::from_utf8(post.text().to_vec()).expect("a message is UTF-8");
    let declared = r#"clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
    post.body(text.replace(r#"clientCapabilities":{}"#, declared))
}

#[tokio::test]
async fn a_cursor_is_its_callers_alone_and_comes_back_to_the_byte() {
    only_through_weir!();
    let (server, callers) = (server().await, Callers::new());
    let [ann, namesake, bob] = callers.all();
    let weir = Gateway::config(&callers.config(&[("files", &server.url())], "")).start().await;
    let mut client = weir.client().await;
    let first = ask(&mut client, &ann, legacy("1", "tools/list", "{}")).await;
    let cursor = text(&first.json()["result"]["nextCursor"]);
    assert!(!first.text().contains(SHOWN), "{first:?}");
    assert_eq!(first.text(), result("1", &format!(r#"{{"tools":[], "nextCursor":"{cursor}" }}"#)), "to the byte");
    server.request().await;
    assert_eq!(ask(&mut client, &ann, page(&cursor)).await.status(), 200);
    let request = server.request().await;
    let sent = String::from_utf8(request.body.to_vec()).unwrap();
    assert!(sent.ends_with(&format!(r#"{{ "cursor" : {CURSOR} }}}}"#)), "{sent}");
    for other in [&namesake, &bob] {
        unknown(&ask(&mut client, other, page(&cursor)).await);
    }
    for forged in forged(&cursor).into_iter().chain(["page 2".to_owned()]) {
        unknown(&ask(&mut client, &ann, page(&forged)).await);
    }
    // What is sealed as one thing is not another.
    unknown(&ask(&mut client, &ann, retry(&cursor)).await);
    unknown(&ask(&mut client, &ann, task("tasks/get", &cursor)).await);
    assert!(server.waiting().is_empty(), "nothing of it reached the server");
    let counted = async || {
        let mut admin = weir.admin().await;
        admin.get("/metrics", &[]).await;
        admin.answer().await.text().contains(r#"reason="unknown_value""#)
    };
    until("it is counted", counted).await;
    until("it is noted", async || weir.said().contains("a cursor that was not given to this caller here")).await;
    // A list that is longer than what is read before its head goes out.
    let long = ask(&mut client, &ann, legacy("1", "resources/list", "{}")).await;
    assert!(long.text().len() > 100_000 && !long.text().contains(SHOWN));
    let cursor = text(&long.json()["result"]["nextCursor"]);
    server.request().await;
    assert_eq!(ask(&mut client, &ann, page(&cursor)).await.status(), 200);
    weir.stop().await;
}

#[tokio::test]
async fn a_request_state_outlives_reload_and_restart_and_stays_on_its_route() {
    only_through_weir!();
    let (server, callers, data) = (server().await, Callers::new(), tempfile::tempdir().unwrap());
    let [ann, namesake, _] = callers.all();
    let config = callers.config(&[("files", &server.url()), ("other", &server.url())], "");
    let mut weir = Gateway::config(&config).data(data.path()).start().await;
    let mut client = weir.client().await;
    let call = || modern("1", "tools/call", r#""name":"echo""#).header("Mcp-Name", "echo").path("/files/mcp");
    let asked = ask(&mut client, &ann, call()).await;
    let state = text(&asked.json()["result"]["requestState"]);
    assert!(!state.contains("state"));
    server.request().await;
    let accepted = async |weir: &Gateway| {
        let mut client = weir.client().await;
        let answer = ask(&mut client, &ann, retry(&state).path("/files/mcp")).await;
        assert_eq!(answer.json()["result"]["resultType"], "complete", "{answer:?}");
        let sent = String::from_utf8(server.request().await.body.to_vec()).unwrap();
        assert!(sent.contains(&format!(r#""inputResponses":{{}}, "requestState":{STATE},"#)), "{sent}");
        unknown(&ask(&mut client, &namesake, retry(&state).path("/files/mcp")).await);
        unknown(&ask(&mut client, &ann, retry(&state).path("/other/mcp")).await);
        for forged in forged(&state) {
            unknown(&ask(&mut client, &ann, retry(&forged).path("/files/mcp")).await);
        }
        assert!(server.waiting().is_empty());
    };
    accepted(&weir).await;
    weir.write(&format!("{config}\n[drain]\n"));
    weir.hang_up();
    until("it is reloaded", async || weir.said().contains("reloaded")).await;
    accepted(&weir).await;
    weir.terminate();
    weir.exit().await;
    let weir = Gateway::config(&config).data(data.path()).start().await;
    accepted(&weir).await;
    weir.stop().await;
}

#[tokio::test]
async fn a_task_of_2026_07_28_has_one_name_for_its_caller_and_none_for_others() {
    only_through_weir!();
    let (server, callers) = (server().await, Callers::new());
    let [ann, namesake, bob] = callers.all();
    let weir = Gateway::config(&callers.config(&[("files", &server.url())], "")).start().await;
    let mut client = weir.client().await;
    let call = || modern("1", "tools/call", r#""name":"task""#).header("Mcp-Name", "task");
    let id = text(&ask(&mut client, &ann, call()).await.json()["result"]["taskId"]);
    assert_eq!(text(&ask(&mut client, &ann, call()).await.json()["result"]["taskId"]), id, "the same every time");
    assert_ne!(text(&ask(&mut client, &namesake, call()).await.json()["result"]["taskId"]), id);
    server.waiting();
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let answer = ask(&mut client, &ann, task(method, &id)).await;
        assert_eq!(answer.json()["result"]["taskId"], id.as_str(), "{answer:?}");
        let request = server.request().await;
        assert_eq!(request.json()["params"]["taskId"], TASK);
        assert_eq!(request.header("mcp-name"), Some("=?base64?dGFzay3DvCAx?="), "as the body says");
        for other in [&namesake, &bob] {
            unknown(&ask(&mut client, other, task(method, &id)).await);
        }
        for forged in forged(&id) {
            unknown(&ask(&mut client, &ann, task(method, &forged)).await);
        }
        let differs = ask(&mut client, &ann, task(method, &id).header("Mcp-Name", TASK_IN_ASCII)).await;
        assert_eq!(differs.refusal().0, -32020, "the header is held against the body as the client sent it");
    }
    let listen = |id: &str| {
        let filter = format!(r#""notifications":{{"taskIds":["{id}"]}}"#);
        declaring(modern("2", "subscriptions/listen", &filter))
    };
    unknown(&ask(&mut client, &bob, listen(&id)).await);
    assert!(server.waiting().is_empty());
    client.post(&listen(&id).header("Authorization", &ann)).await;
    assert_eq!(client.head().await.status(), 200);
    let acknowledged: Value = serde_json::from_str(&client.message().await.unwrap()).unwrap();
    assert_eq!(acknowledged["params"]["notifications"]["taskIds"], json!([id]));
    let news: Value = serde_json::from_str(&client.message().await.unwrap()).unwrap();
    assert_eq!(news["params"]["taskId"], id.as_str());
    assert_eq!(server.request().await.json()["params"]["notifications"]["taskIds"], json!([TASK]));
    drop(client);
    weir.stop().await;
}

const TASK_IN_ASCII: &str = "task-1";

#[tokio::test]
async fn a_task_of_2025_11_25_likewise_on_every_stream_of_its_session() {
    only_through_weir!();
    let (server, callers) = (server().await, Callers::new());
    let [ann, namesake, _] = callers.all();
    let weir = Gateway::config(&callers.config(&[("files", &server.url())], "")).start().await;
    let mut client = weir.client().await;
    let mut sessions = Vec::new();
    for who in [&ann, &namesake] {
        let opened = ask(&mut client, who, legacy("0", "initialize", INITIALIZE)).await;
        let session = opened.head.header("mcp-session-id").expect("a session").to_owned();
        let initialized = notification("notifications/initialized", "{}").session(&session);
        assert_eq!(ask(&mut client, who, initialized).await.status(), 202);
        sessions.push(session);
    }
    let call = legacy("1", "tools/call", r#"{"name":"echo","task":{"ttl":1}}"#).session(&sessions[0]);
    let made = ask(&mut client, &ann, call).await.json()["result"].clone();
    let id = text(&made["task"]["taskId"]);
    let related = |of: &Value| of["_meta"]["io.modelcontextprotocol/related-task"]["taskId"].clone();
    assert_eq!(related(&made), id.as_str());
    server.waiting();
    let about = |method: &str, id: &str| legacy("2", method, &format!(r#"{{"taskId":"{id}"}}"#));
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let answer = ask(&mut client, &ann, about(method, &id).session(&sessions[0])).await.json()["result"].clone();
        let named = if method == "tasks/result" { related(&answer) } else { answer["taskId"].clone() };
        assert_eq!(named, id.as_str(), "{method}");
        assert_eq!(server.request().await.json()["params"]["taskId"], TASK);
        unknown(&ask(&mut client, &namesake, about(method, &id).session(&sessions[1])).await);
        unknown(&ask(&mut client, &namesake, about(method, TASK).session(&sessions[1])).await);
    }
    let listed = ask(&mut client, &ann, legacy("3", "tasks/list", "{}").session(&sessions[0])).await;
    assert_eq!(listed.json()["result"]["tasks"][0]["taskId"], id.as_str());
    server.request().await;
    // What a client says of its own tasks is its own.
    let own = r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"mine"}},"progressToken":1,"progress":1}"#;
    let told = notification("notifications/progress", own).session(&sessions[0]);
    ask(&mut client, &ann, told).await;
    assert!(String::from_utf8_lossy(&server.request().await.body).contains("\"mine\""));
    let headers = [format!("Authorization: {ann}"), format!("Mcp-Session-Id: {}", sessions[0])];
    client.get("/mcp", &[&headers[0], &headers[1], "Accept: text/event-stream"]).await;
    assert_eq!(client.head().await.status(), 200);
    let news: Value = serde_json::from_str(&client.message().await.unwrap()).unwrap();
    assert_eq!(news["params"]["taskId"], id.as_str());
    drop(client);
    weir.stop().await;
}

#[tokio::test]
async fn a_long_answer_is_sealed_where_it_begins_so_and_cut_where_it_ends_so() {
    only_through_weir!();
    let (server, callers) = (server().await, Callers::new());
    let ann = callers.token(A, "ann");
    let weir = Gateway::config(&callers.config(&[("files", &server.url())], "")).start().await;
    let call = |name: &str| {
        let post = modern("1", "tools/call", &format!(r#""name":"{name}""#)).header("Mcp-Name", name);
        post.header("Authorization", &ann)
    };
    let mut client = weir.client().await;
    let long = client.ask(&call("long")).await;
    assert_eq!(
        client.ask(&retry(&text(&long.json()["result"]["requestState"])).header("Authorization", &ann)).await.status(),
        200
    );
    client.post(&call("late")).await;
    assert_eq!(client.head().await.status(), 200);
    let cut = client.body().await.expect_err("it is cut");
    assert!(!String::from_utf8_lossy(&cut.0).contains("requestState\":"), "nothing that is not sealed passes");
    until("it is noted", async || weir.said().contains("cannot be sealed")).await;
    weir.stop().await;
}

#[tokio::test]
async fn nothing_is_sealed_where_it_is_turned_off_or_for_the_anonymous_caller() {
    only_through_weir!();
    let (server, callers) = (server().await, Callers::new());
    let ann = callers.token(A, "ann");
    let plain = |more: &str| callers.config(&[("files", &server.url())], more);
    let anonymous = format!("{}[auth.anonymous]\nenabled = true\nroles = [\"user\"]\n", plain(""));
    for (config, who) in [(plain("seal = false"), Some(&ann)), (anonymous, None)] {
        let weir = Gateway::config(&config).start().await;
        let mut client = weir.client().await;
        let with = |post: Post| who.map_or(post.clone(), |who| post.header("Authorization", who));
        let first = client.ask(&with(legacy("1", "tools/list", "{}"))).await;
        assert_eq!(first.text(), result("1", &format!(r#"{{"tools":[], "nextCursor":{CURSOR} }}"#)));
        server.waiting();
        let get = with(task("tasks/get", "anything"));
        assert_eq!(client.ask(&get).await.json()["result"]["taskId"], TASK);
        let request = server.request().await;
        assert_eq!((request.header("mcp-name"), &request.body[..]), (Some("anything"), get.text()));
        weir.stop().await;
    }
}
