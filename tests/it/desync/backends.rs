//! Servers on four HTTP stacks, each of which tells every request that it saw.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use axum::{
    body::to_bytes,
    extract::{Request, State},
    http::header::CONTENT_TYPE,
    response::IntoResponse,
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use super::shapes::plain;
use crate::support::{Client, Process, node, python};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stack {
    Node,
    Hyper,
    Uvicorn,
    Go,
}

pub(super) const STACKS: [Stack; 4] = [Stack::Node, Stack::Hyper, Stack::Uvicorn, Stack::Go];

/// A request as a server saw it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// A server that runs as long as this is held.
pub(super) struct Backend {
    pub(super) stack: Stack,
    address: SocketAddr,
    from: From,
}

enum From {
    Process(Box<Process>),
    Task(JoinHandle<()>, Arc<Mutex<Vec<Seen>>>),
}

impl Backend {
    pub(super) async fn start(stack: Stack) -> Self {
        let mut command = match stack {
            Stack::Hyper => return Self::hyper().await,
            Stack::Node => node("desync-server.mjs"),
            Stack::Uvicorn => python("present", "desync_server.py"),
            Stack::Go => go(),
        };
        let mut process = Process::start(&format!("{stack:?}"), &mut command);
        let url = process.line_after("desync on http://").await;
        let address = url.trim_end_matches("/mcp").parse().expect("a server says its address");
        Self { stack, address, from: From::Process(Box::new(process)) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Everything that it has seen, to the end: nothing may be on its way to it any more.
    pub(super) async fn seen(mut self) -> Vec<Seen> {
        let answer = Client::connect(self.address).await.ask(&plain("marker")).await;
        assert_eq!(answer.status(), 200);
        let mut all = Vec::new();
        match &mut self.from {
            From::Task(task, seen) => {
                task.abort();
                all.append(&mut seen.lock().expect("no panic while the lock is held"));
            }
            From::Process(process) => {
                while !all.last().is_some_and(is_marker) {
                    let line = process.line().await.expect("a server that runs");
                    all.push(Seen::parse(&line));
                }
                assert_eq!(process.errors(), "", "{:?} found fault with something", self.stack);
            }
        }
        all.retain(|seen| !is_marker(seen));
        all
    }

    async fn hyper() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server on loopback serves");
        });
        Self { stack: Stack::Hyper, address, from: From::Task(task, seen) }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let From::Task(task, _) = &self.from {
            task.abort();
        }
    }
}

impl Seen {
    fn parse(line: &str) -> Self {
        let seen: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
        assert!(seen["fault"].is_null(), "a server could not read what Weir sent: {line}");
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("not a request: {line}")).to_owned();
        let headers = seen["headers"].as_array().expect("headers").iter();
        Self {
            method: text(&seen["method"]),
            target: text(&seen["target"]),
            headers: headers.map(|pair| (text(&pair[0]).to_ascii_lowercase(), text(&pair[1]))).collect(),
            body: text(&seen["body"]).chars().map(|byte| u8::try_from(byte).expect("a byte a character")).collect(),
        }
    }

    /// The id of the message, if it is one.
    pub(super) fn nonce(&self) -> String {
        let message: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        message["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether it is framed once and plainly, and carries nothing that is between Weir and its client.
    pub(super) fn is_plain(&self) -> bool {
        let values = |wanted: &str| {
            let all = self.headers.iter().filter(|(name, _)| name.replace('_', "-") == wanted);
            all.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let never = ["transfer-encoding", "upgrade", "expect", "te", "trailer", "keep-alive", "http2-settings"];
        self.method == "POST"
            && self.target == "/mcp"
            && values("host").len() == 1
            && values("content-length") == [self.body.len().to_string()]
            && never.iter().all(|name| values(name).is_empty())
    }
}

fn is_marker(seen: &Seen) -> bool {
    seen.nonce() == "marker"
}

async fn answer(State(all): State<Arc<Mutex<Vec<Seen>>>>, request: Request) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole body").to_vec();
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str().into(), text(value))).collect();
    let seen = Seen { method: parts.method.to_string(), target: parts.uri.to_string(), headers, body };
    let id = serde_json::Value::from(seen.nonce());
    all.lock().expect("no panic while the lock is held").push(seen);
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[]}}}}"#);
    ([(CONTENT_TYPE, "application/json")], body)
}

fn go() -> Command {
    let binary = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/go/bin/desync-server");
    assert!(
        binary.exists(),
        "{} is missing: run tests/install.sh, which builds it with Go 1.19 or newer (Debian: apt-get install golang-go)",
        binary.display()
    );
    Command::new(binary)
}
