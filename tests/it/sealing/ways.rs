//! The same on every way that a message takes: in a batch, on the pair of 2024-11-05, and to a command.

use super::*;
use crate::support::within;

fn element(id: u8, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

/// A server that answers each message of a batch as [`server`] does one.
async fn batching() -> Scripted {
    Scripted::start(|exchange: Exchange| async move {
        let body = exchange.request.json();
        let answer = |one: &Value| {
            let text = match (one["method"].as_str(), one["params"].get("cursor")) {
                (Some("tools/list"), None) => format!(r#"{{"tools":[], "nextCursor":{CURSOR} }}"#),
                (Some("tools/call"), _) => json!({ "task": { "taskId": TASK, "status": "working" } }).to_string(),
                _ => r#"{"tools":[]}"#.to_owned(),
            };
            result(&one["id"].to_string(), &text)
        };
        let all: Vec<_> =
            body.as_array().expect("a batch").iter().filter(|one| one["id"].is_u64()).map(answer).collect();
        exchange.json(format!("[{}]", all.join(" , "))).await
    })
    .await
}

#[tokio::test]
async fn in_a_batch_each_message_has_its_own_and_nobody_elses() {
    only_through_weir!();
    let (server, callers) = (batching().await, Callers::new());
    let [ann, namesake, bob] = callers.all();
    let weir = Gateway::config(&callers.config(&[("files", &server.url())], "")).start().await;
    let mut client = weir.client().await;
    let lists = format!(
        "[{}, {},{}]",
        element(1, "tools/list", "{}"),
        r#"{"jsonrpc":"2.0","method":"notifications/x"}"#,
        element(2, "tools/call", r#"{"name":"echo","task":{"ttl":1}}"#)
    );
    let first = ask(&mut client, &ann, Post::new(lists)).await;
    let (cursor, id) =
        (text(&first.json()[0]["result"]["nextCursor"]), text(&first.json()[1]["result"]["task"]["taskId"]));
    assert!(!first.text().contains(SHOWN) && !first.text().contains("task-"), "{first:?}");
    let made = json!({ "task": { "taskId": id, "status": "working" } }).to_string();
    let page = format!(r#"{{"tools":[], "nextCursor":"{cursor}" }}"#);
    assert_eq!(first.text(), format!("[{} , {}]", result("1", &page), result("2", &made)), "to the byte");
    let _ = server.waiting();
    let back = |cursor: &str, id: &str| {
        let (page, of_task) = (format!(r#"{{ "cursor" : "{cursor}" }}"#), format!(r#"{{"taskId": "{id}"}}"#));
        Post::new(format!("[{},\n{}]", element(1, "tools/list", &page), element(2, "tasks/get", &of_task)))
    };
    assert_eq!(ask(&mut client, &ann, back(&cursor, &id)).await.status(), 200);
    let sent = String::from_utf8(server.request().await.body.to_vec()).unwrap();
    let (page, of_task) = (format!(r#"{{ "cursor" : {CURSOR} }}"#), format!(r#"{{"taskId": {}}}"#, json!(TASK)));
    let own = format!("[{},\n{}]", element(1, "tools/list", &page), element(2, "tasks/get", &of_task));
    assert_eq!(sent, own, "each in its place, and the rest to the byte");
    // One of two that is not theirs refuses both: it is named, and what stands beside it was not sent.
    for (who, cursor, id, culprit) in [
        (&ann, "page 2", &*id, 0),
        (&ann, &*cursor, TASK, 1),
        (&ann, &*cursor, &*cursor, 1),
        (&namesake, &*cursor, &*id, 0),
        (&bob, &*cursor, &*id, 0),
    ] {
        let answer = ask(&mut client, who, back(cursor, id)).await;
        let errors = answer.json();
        let reason = |at: usize| errors[at]["error"]["data"]["reason"].clone();
        assert_eq!(
            (reason(culprit), reason(1 - culprit)),
            (json!("unknown_value"), json!("policy_denied")),
            "{errors}"
        );
    }
    assert!(server.waiting().is_empty(), "nothing of it reached the server");
    weir.stop().await;
}

/// A stream of the pair, and where its client posts.
struct Old {
    stream: Client,
    endpoint: String,
    who: String,
}

impl Old {
    async fn open(weir: &Gateway, who: &str) -> Self {
        let mut stream = weir.client().await;
        stream.get("/sse", &["Accept: text/event-stream", &format!("Authorization: {who}")]).await;
        assert_eq!(stream.head().await.status(), 200);
        let first = stream.event().await.expect("a whole event").expect("an event");
        Self { stream, endpoint: first.data.expect("where to post"), who: who.to_owned() }
    }

    async fn ask(&mut self, weir: &Gateway, body: &str) -> Value {
        let post = Post::new(body).path(&self.endpoint);
        assert_eq!(ask(&mut weir.client().await, &self.who, post).await.status(), 202);
        let message = within("a message on the stream", self.stream.message()).await.expect("a message");
        serde_json::from_str(&message).expect("JSON")
    }
}

#[tokio::test]
async fn on_the_pair_they_are_sealed_for_whose_stream_it_is() {
    only_through_weir!();
    let (server, callers) = (server().await, Callers::new());
    let [ann, namesake, bob] = callers.all();
    let route = "[[routes]]\npath = \"/mcp\"\nservers = [\"files\"]\nlegacy_sse = \"/sse\"\n";
    let config = format!("{}{route}", callers.config(&[("files", &server.url())], ""));
    let weir = Gateway::config(&config).start().await;
    let mut old = Old::open(&weir, &ann).await;
    let first = old.ask(&weir, &element(1, "tools/list", "{}")).await;
    let cursor = text(&first["result"]["nextCursor"]);
    let made = old.ask(&weir, &element(2, "tools/call", r#"{"name":"echo","task":{"ttl":1}}"#)).await;
    let id = text(&made["result"]["task"]["taskId"]);
    assert!(!cursor.contains(SHOWN) && id != TASK);
    let page = |cursor: &str| element(3, "tools/list", &format!(r#"{{ "cursor" : "{cursor}" }}"#));
    let of_task = |id: &str| element(4, "tasks/get", &format!(r#"{{"taskId":"{id}"}}"#));
    let _ = server.waiting();
    assert!(old.ask(&weir, &page(&cursor)).await["result"].is_object());
    let sent = String::from_utf8(server.request().await.body.to_vec()).unwrap();
    assert!(sent.ends_with(&format!(r#"{{ "cursor" : {CURSOR} }}}}"#)), "{sent}");
    assert_eq!(old.ask(&weir, &of_task(&id)).await["result"]["taskId"], id.as_str(), "the same every time");
    assert_eq!(server.request().await.json()["params"]["taskId"], TASK);
    for who in [&namesake, &bob] {
        let mut other = Old::open(&weir, who).await;
        for body in [page(&cursor), of_task(&id), of_task(TASK)] {
            let refused = other.ask(&weir, &body).await;
            assert_eq!(refused["error"]["data"]["reason"], "unknown_value", "{refused}");
        }
    }
    // What was given on the stream counts on the route as well: it is one.
    assert_eq!(ask(&mut weir.client().await, &ann, super::page(&cursor)).await.status(), 200);
    server.request().await;
    assert!(server.waiting().is_empty());
    weir.stop().await;
}

/// What it gives, it takes: anything else it does not know.
const COMMAND: &str = r#"
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
  *'"initialize"'*) text='{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}' ;;
  *'"cursor":"p\u0061ge 2"'*) text='{"resultType":"complete","tools":[],"came":"back"}' ;;
  *'"taskId":"task 1"'*) text='{"resultType":"complete","taskId":"task 1","status":"working"}' ;;
  *'"cursor"'* | *'"taskId"'*) text='{"came":"foreign"}' ;;
  *'"tools/list"'*) text='{"resultType":"complete","tools":[], "nextCursor":"p\u0061ge 2" }' ;;
  *'"tools/call"'*) text='{"task":{"taskId":"task 1","status":"working"}}' ;;
  *) text='{}' ;;
  esac
  [ -z "$id" ] || printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$text"
done
"#;

#[tokio::test]
async fn a_command_gives_and_takes_its_own_for_each_caller() {
    only_through_weir!();
    let callers = Callers::new();
    let [ann, namesake, bob] = callers.all();
    let config = callers.config(&[("files", "COMMAND")], "");
    let config = config.replace("endpoints = [\"COMMAND\"]", &format!("command = [\"sh\", \"-c\", {COMMAND:?}]"));
    let weir = Gateway::config(&config).start().await;
    let mut client = weir.client().await;
    let mut sessions = Vec::new();
    for who in [&ann, &namesake, &bob] {
        let opened = ask(&mut client, who, legacy("0", "initialize", INITIALIZE)).await;
        let session = opened.head.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}")).to_owned();
        let initialized = notification("notifications/initialized", "{}").session(&session);
        assert_eq!(ask(&mut client, who, initialized).await.status(), 202);
        sessions.push(session);
    }
    let page = |cursor: &str, session: &str| {
        legacy("7", "tools/list", &format!(r#"{{"cursor":"{cursor}"}}"#)).session(session)
    };
    let of_task =
        |id: &str, session: &str| legacy("8", "tasks/get", &format!(r#"{{"taskId":"{id}"}}"#)).session(session);
    let listed = ask(&mut client, &ann, legacy("1", "tools/list", "{}").session(&sessions[0])).await;
    let cursor = text(&listed.json()["result"]["nextCursor"]);
    assert!(!listed.text().contains("ge 2"), "{listed:?}");
    let call = legacy("2", "tools/call", r#"{"name":"echo","task":{"ttl":1}}"#).session(&sessions[0]);
    let id = text(&ask(&mut client, &ann, call).await.json()["result"]["task"]["taskId"]);
    assert_ne!(id, "task 1");
    let back = ask(&mut client, &ann, page(&cursor, &sessions[0])).await;
    assert_eq!(back.json()["result"]["came"], "back", "{back:?}");
    assert_eq!(ask(&mut client, &ann, of_task(&id, &sessions[0])).await.json()["result"]["taskId"], id.as_str());
    for (who, session) in [(&namesake, &sessions[1]), (&bob, &sessions[2])] {
        for post in [page(&cursor, session), of_task(&id, session), of_task("task 1", session)] {
            unknown(&ask(&mut client, who, post).await);
        }
        // A session is its caller's, too.
        assert_eq!(ask(&mut client, who, page(&cursor, &sessions[0])).await.status(), 404);
    }
    // In 2026-07-28, where each message stands alone.
    let listed = ask(&mut client, &bob, modern("1", "tools/list", "")).await;
    let cursor = text(&listed.json()["result"]["nextCursor"]);
    let page = |cursor: &str| modern("2", "tools/list", &format!(r#""cursor":"{cursor}""#));
    assert_eq!(ask(&mut client, &bob, page(&cursor)).await.json()["result"]["came"], "back");
    unknown(&ask(&mut client, &ann, page(&cursor)).await);
    weir.stop().await;
}
