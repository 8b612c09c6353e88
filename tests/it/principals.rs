//! Callers that must never see each other's: sessions, streams, cursors, `requestState` and tasks of several, shuffled.
//!
//! Every request says in a header of its own whose it is. The server writes that owner into all that it gives, and
//! notes whatever comes back under another one; the client checks every answer. Two of the callers are namesakes at
//! different issuers.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::sealing::{Callers, declaring};
use crate::support::{
    After, Answer, Client, Dice, Exchange, Gateway, Post, Scripted, count, legacy, modern, only_through_weir, result,
};
use crate::tokens::{A, B};

const STEPS: usize = 100_000;
const WORKERS: usize = 4;
/// What is kept of each kind, so that what is tried is sometimes old and sometimes new.
const KEPT: usize = 200;

const NAMES: [(&str, &str); 6] =
    [(A, "ann"), (B, "ann"), (A, "bob"), (B, "bob"), (A, "ann "), (B, "https://a.example/:ann")];
const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;

#[derive(Clone, Copy)]
enum Kind {
    Session,
    Cursor,
    State,
    Task,
}

const KINDS: [Kind; 4] = [Kind::Session, Kind::Cursor, Kind::State, Kind::Task];

/// What was given to whom, as they saw it.
type Hoard = [Vec<(usize, String)>; 4];

struct Worker {
    dice: Dice,
    tokens: Arc<Vec<String>>,
    clients: Vec<Client>,
    weir: std::net::SocketAddr,
    hoard: Arc<Mutex<Hoard>>,
}

#[tokio::test]
async fn no_caller_reaches_what_is_anothers_however_they_are_shuffled() {
    only_through_weir!();
    let (callers, wrongs) = (Callers::new(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&wrongs);
    let server = Scripted::start(move |exchange| serve(exchange, Arc::clone(&noted))).await;
    let config = callers.config(&[("files", &server.url())], "");
    let weir = Gateway::config(&config).start().await;
    let tokens = Arc::new(NAMES.iter().map(|(issuer, subject)| callers.token(issuer, subject)).collect::<Vec<_>>());
    let hoard = Arc::new(Mutex::new(Hoard::default()));
    let (mut dice, mut workers) = (Dice::new(), JoinSet::new());
    for _ in 0..WORKERS {
        let mut clients = Vec::new();
        for _ in NAMES {
            clients.push(weir.client().await);
        }
        let (tokens, hoard) = (Arc::clone(&tokens), Arc::clone(&hoard));
        let mut worker = Worker { dice: dice.another(), tokens, clients, weir: weir.address(), hoard };
        workers.spawn(async move {
            let mut refused = 0;
            for _ in 0..count(STEPS) / WORKERS {
                refused += usize::from(worker.step().await);
            }
            refused
        });
    }
    let mut refused = 0;
    while let Some(ended) = workers.join_next().await {
        refused += ended.expect("a worker has found something wrong");
    }
    assert!(refused > count(STEPS) / 10, "{refused} attempts at what is another's were refused");
    assert_eq!(*wrongs.lock().expect("no panic while it is held"), [""; 0]);
    weir.stop().await;
}

impl Worker {
    /// Somebody does something; whether it was at another's, and refused.
    async fn step(&mut self) -> bool {
        let (who, kind) = (self.dice.below(NAMES.len()), KINDS[self.dice.below(KINDS.len())]);
        let found = if self.dice.below(4) == 0 { None } else { self.find(who, kind) };
        let Some((owner, text)) = found else {
            let given = self.get(who, kind).await;
            self.keep(who, kind, given);
            return false;
        };
        match kind {
            Kind::Session if self.dice.below(8) == 0 => self.stream(who, owner, &text).await,
            Kind::Task if self.dice.below(8) == 0 => self.listen(who, owner, &text).await,
            kind => self.bring_back(who, owner, kind, &text).await,
        }
        owner != who
    }

    /// What is theirs or another's, as often.
    fn find(&mut self, who: usize, kind: Kind) -> Option<(usize, String)> {
        let theirs = self.dice.below(2) == 0;
        let hoard = self.hoard.lock().expect("no panic while it is held");
        let fit: Vec<_> = hoard[kind as usize].iter().filter(|(owner, _)| (*owner == who) == theirs).collect();
        (!fit.is_empty()).then(|| fit[self.dice.below(fit.len())].clone())
    }

    fn keep(&mut self, who: usize, kind: Kind, text: String) {
        let place = self.dice.below(KEPT);
        let mut hoard = self.hoard.lock().expect("no panic while it is held");
        let kept = &mut hoard[kind as usize];
        if kept.len() < KEPT { kept.push((who, text)) } else { kept[place] = (who, text) }
    }

    fn of(&self, who: usize, post: Post) -> Post {
        post.header("Authorization", &self.tokens[who]).header("X-Owner", &who.to_string())
    }

    async fn ask(&mut self, who: usize, post: Post) -> Answer {
        let post = self.of(who, post);
        self.clients[who].ask(&post).await
    }

    /// Gets something of that kind from the server.
    async fn get(&mut self, who: usize, kind: Kind) -> String {
        let is_modern = self.dice.below(2) == 0;
        let post = match kind {
            Kind::Session => legacy("1", "initialize", INITIALIZE),
            Kind::Cursor if is_modern => modern("1", "tools/list", ""),
            Kind::Cursor => legacy("1", "tools/list", "{}"),
            Kind::State => modern("1", "tools/call", r#""name":"ask""#).header("Mcp-Name", "ask"),
            Kind::Task if is_modern => modern("1", "tools/call", r#""name":"task""#).header("Mcp-Name", "task"),
            Kind::Task => legacy("1", "tools/call", r#"{"name":"task","task":{}}"#),
        };
        let answer = self.ask(who, post).await;
        let found = answer.json()["result"].clone();
        assert_eq!((answer.status(), &found["owner"]), (200, &json!(who)), "{answer:?}");
        let text = match kind {
            Kind::Session => answer.head.header("mcp-session-id"),
            Kind::Cursor => found["nextCursor"].as_str(),
            Kind::State => found["requestState"].as_str(),
            Kind::Task => found["taskId"].as_str().or(found["task"]["taskId"].as_str()),
        };
        text.unwrap_or_else(|| panic!("nothing was given: {answer:?}")).to_owned()
    }

    /// Brings back what was given to `owner`.
    async fn bring_back(&mut self, who: usize, owner: usize, kind: Kind, text: &str) {
        let (is_modern, ends) = (self.dice.below(2) == 0, self.dice.below(6) == 0);
        let answer = match kind {
            Kind::Session if ends => {
                let (owns, shows) = (format!("X-Owner: {who}"), format!("Authorization: {}", self.tokens[who]));
                let names = format!("Mcp-Session-Id: {text}");
                let client = &mut self.clients[who];
                client.without_body("DELETE", "/mcp", &[&owns, &shows, &names]).await;
                client.answer().await
            }
            Kind::Session => self.ask(who, legacy("2", "ping", "{}").session(text)).await,
            Kind::Cursor if is_modern => {
                self.ask(who, modern("2", "tools/list", &format!(r#""cursor":"{text}""#))).await
            }
            Kind::Cursor => self.ask(who, legacy("2", "tools/list", &format!(r#"{{"cursor":"{text}"}}"#))).await,
            Kind::State => {
                let params = format!(r#""name":"ask","requestState":"{text}","inputResponses":{{}}"#);
                self.ask(who, modern("2", "tools/call", &params).header("Mcp-Name", "ask")).await
            }
            Kind::Task => {
                let method = ["tasks/get", "tasks/cancel"][self.dice.below(2)];
                let post = match is_modern {
                    true => declaring(modern("2", method, &format!(r#""taskId":"{text}""#)).header("Mcp-Name", text)),
                    false => legacy("2", method, &format!(r#"{{"taskId":"{text}"}}"#)),
                };
                self.ask(who, post).await
            }
        };
        match (who == owner, kind) {
            (true, _) => {
                assert_eq!((answer.status(), &answer.json()["result"]["owner"]), (200, &json!(who)), "{answer:?}");
                // A task is called the same by everything that is said of it.
                let id = &answer.json()["result"]["taskId"];
                assert!(id.is_null() || id == text, "{answer:?}");
            }
            (false, Kind::Session) => {
                assert_eq!((answer.status(), answer.refusal().1.as_str()), (404, "session_not_found"))
            }
            (false, _) => assert_eq!(answer.refusal().1, "unknown_value", "{answer:?}"),
        }
    }

    /// Opens, or comes back to, the stream of a session.
    async fn stream(&mut self, who: usize, owner: usize, session: &str) {
        let mut client = Client::connect(self.weir).await;
        let mut headers = vec![
            format!("Authorization: {}", self.tokens[who]),
            format!("X-Owner: {who}"),
            format!("Mcp-Session-Id: {session}"),
            "Accept: text/event-stream".to_owned(),
        ];
        if self.dice.below(2) == 0 {
            headers.push(format!("Last-Event-ID: e-{owner}-1"));
        }
        client.get("/mcp", &headers.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let head = client.head().await;
        if who != owner {
            assert_eq!(head.status(), 404, "{head:?}");
            return;
        }
        assert_eq!(head.status(), 200, "{head:?}");
        let told: Value = serde_json::from_str(&client.message().await.expect("an event")).expect("JSON");
        assert_eq!(told["params"]["owner"], who, "{told}");
    }

    /// Listens to a task.
    async fn listen(&mut self, who: usize, owner: usize, task: &str) {
        let mut client = Client::connect(self.weir).await;
        let filter = format!(r#""notifications":{{"taskIds":["{task}"]}}"#);
        client.post(&self.of(who, declaring(modern("3", "subscriptions/listen", &filter)))).await;
        if who != owner {
            assert_eq!(client.answer().await.refusal().1, "unknown_value");
            return;
        }
        assert_eq!(client.head().await.status(), 200);
        for key in ["/params/notifications/taskIds/0", "/params/taskId"] {
            let told: Value = serde_json::from_str(&client.message().await.expect("an event")).expect("JSON");
            assert_eq!(told.pointer(key), Some(&json!(task)), "{told}");
        }
    }
}

/// Gives everything under the name of whoever asks, and notes what comes back under another one.
async fn serve(exchange: Exchange, wrongs: Arc<Mutex<Vec<String>>>) -> After {
    let (request, id) = (exchange.request.clone(), exchange.request.id());
    let owner = request.header("x-owner").unwrap_or("nobody").to_owned();
    let params = request.json()["params"].clone();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (cursor, state, task) = (text(&params["cursor"]), text(&params["requestState"]), text(&params["taskId"]));
    let listened = text(&params["notifications"]["taskIds"][0]);
    let session = request.header("mcp-session-id").map(str::to_owned);
    let last = request.header("last-event-id").map(str::to_owned);
    let back = [("c", &cursor), ("r", &state), ("t", &task), ("t", &listened), ("s", &session), ("e", &last)];
    for (kind, value) in back.into_iter().filter_map(|(kind, value)| Some((kind, value.as_deref()?))) {
        if !value.starts_with(&format!("{kind}-{owner}-")) {
            wrongs.lock().expect("no panic while it is held").push(format!("{owner} came with {value}"));
        }
    }
    let number: Value = owner.parse::<u64>().map_or(Value::Null, Value::from);
    let task_of = |id: String| json!({ "taskId": id, "status": "working", "owner": number });
    let answer = match request.method().as_str() {
        "" if request.verb() == "GET" => {
            let told = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "owner": number } });
            let mut stream = exchange.stream().await;
            stream.send(format!("id: e-{owner}-1\ndata: {told}\n\n")).await;
            return stream.gone().await;
        }
        "" => json!({ "owner": number }),
        "initialize" => {
            let text = json!({
                "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": { "name": "s", "version": "1" },
                "owner": number
            });
            let headers = format!("Content-Type: application/json\r\nMcp-Session-Id: s-{owner}-1\r\n");
            return exchange.answer("200 OK", &headers, result(&id, &text.to_string())).await;
        }
        "tools/list" => json!({ "tools": [], "nextCursor": format!("c-{owner}-1"), "owner": number }),
        "tools/call" if params["name"] == "task" && !params["task"].is_null() => {
            json!({ "task": task_of(format!("t-{owner}-1")), "owner": number })
        }
        "tools/call" if params["name"] == "task" => task_of(format!("t-{owner}-1")),
        "tools/call" => json!({ "requestState": format!("r-{owner}-1"), "owner": number }),
        "subscriptions/listen" => {
            let mut stream = exchange.stream().await;
            let told = |method: &str, params: &Value| json!({ "jsonrpc": "2.0", "method": method, "params": params });
            let filter = json!({ "notifications": { "taskIds": [listened] } });
            stream.event(&told("notifications/subscriptions/acknowledged", &filter).to_string()).await;
            let news = task_of(listened.unwrap_or_default());
            stream.event(&told("notifications/tasks", &news).to_string()).await;
            return stream.gone().await;
        }
        _ => task.map_or_else(|| json!({ "owner": number }), task_of),
    };
    exchange.json(result(if id == "null" { "2" } else { &id }, &answer.to_string())).await
}
