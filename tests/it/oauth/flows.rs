//! The OAuth clients of the official SDKs, each in every era it speaks, against a real authorization server: they find it
//! through Weir, are registered or called by their own URL, prove themselves (PKCE), ask for this resource, refresh, and
//! step up.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::route;
use crate::support::{Client, Gateway, NodeServer, Process, node, only_through_weir, python};

const SCOPES: &str = "mcp:tools mcp:write";
const MODERN: &str = "2026-07-28";

/// What a client goes through.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Story {
    /// It registers itself.
    Registers,
    /// It is called by the URL of its metadata.
    Document,
    /// It gets a new token with what it was given for that.
    Refreshes,
    /// It is given too few scopes at first.
    Stingy,
}

const STORIES: [Story; 4] = [Story::Registers, Story::Document, Story::Refreshes, Story::Stingy];

impl Story {
    fn name(self) -> &'static str {
        match self {
            Self::Registers => "registers",
            Self::Document => "document",
            Self::Refreshes => "refreshes",
            Self::Stingy => "stingy",
        }
    }

    /// What the authorization server does for it.
    fn done(self) -> &'static [&'static str] {
        match self {
            Self::Registers => &["register", "authorize", "authorization_code"],
            Self::Document => &["authorize", "authorization_code"],
            Self::Refreshes => &["register", "authorize", "authorization_code", "refresh_token"],
            Self::Stingy => &["register", "authorize", "authorization_code", "authorize", "authorization_code"],
        }
    }
}

struct AuthorizationServer {
    _process: Process,
    keys: tempfile::TempDir,
    issuer: String,
}

impl AuthorizationServer {
    async fn start() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let mut command = node("authorization-server.mjs");
        let file = keys.path().join("keys.json");
        let mut process = Process::start("the authorization server", command.arg("--keys").arg(file));
        let issuer = process.line_after("authorization server on ").await;
        Self { _process: process, keys, issuer }
    }

    /// What it did for this client.
    async fn log(&self, client: &str) -> Vec<Value> {
        let address = self.issuer.strip_prefix("http://").and_then(|address| address.parse().ok());
        let mut asking = Client::connect(address.expect("an address")).await;
        asking.get("/log", &[]).await;
        let all = asking.answer().await.json();
        let all = all.as_array().expect("a list").iter();
        all.filter(|entry| entry["client"] == client).cloned().collect()
    }
}

#[tokio::test]
async fn the_typescript_clients_get_their_tokens_by_themselves() {
    only_through_weir!();
    let clients = [("1", "legacy"), ("2", "legacy"), ("2", "auto"), ("2", MODERN)];
    all_stories("the OAuth clients of TypeScript", node("oauth.mjs"), &clients).await;
}

#[tokio::test]
async fn the_python_client_of_the_generation_before_gets_its_tokens_by_itself() {
    only_through_weir!();
    all_stories("the OAuth client of Python before", python("before", "oauth.py"), &[("mcp", "legacy")]).await;
}

#[tokio::test]
async fn the_python_client_gets_its_tokens_by_itself() {
    only_through_weir!();
    let clients = [("mcp", "legacy"), ("mcp", "auto"), ("mcp", MODERN)];
    all_stories("the OAuth client of Python", python("present", "oauth.py"), &clients).await;
}

async fn all_stories(program: &str, mut command: std::process::Command, clients: &[(&str, &str)]) {
    let (server, authorization) = (NodeServer::reference(&["--era", "dual"]).await, AuthorizationServer::start().await);
    // What clients call it has to be known before it starts.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let public = format!("http://{}", listener.local_addr().unwrap());
    let text = format!(
        "[listen]\naddress = \"fd:weir\"\npublic_url = {public:?}\n[auth]\ndefault_roles = [\"user\"]\n[[auth.jwt]]\n\
         issuer = {:?}\njwks = {{ file = {:?} }}\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n{}",
        authorization.issuer,
        authorization.keys.path().join("keys.json"),
        server.url(),
        route("/mcp", "scopes = [\"mcp:tools\", \"mcp:write\"]"),
    );
    let weir = Gateway::config(&text).listen("fd:weir").hand_over("weir", listener).start().await;
    let url = format!("{public}/mcp");

    let runs: Vec<_> = clients.iter().flat_map(|client| STORIES.map(|story| (*client, story))).collect();
    let told = runs.iter().map(|((client, mode), story)| {
        let name = name(client, mode, *story);
        let document = (*story == Story::Document).then(|| format!("https://clients.test/{name}"));
        json!({
            "run": name, "client": client, "mode": mode, "url": url, "issuer": authorization.issuer,
            "document": document, "refreshes": *story == Story::Refreshes,
        })
    });
    let mut process = Process::listening(program, &mut command);
    process.say(told.collect::<Value>().to_string().as_bytes());
    process.hush();
    for ((client, mode), story) in &runs {
        let name = name(client, mode, *story);
        let line = process.line().await.unwrap_or_else(|| panic!("{name}: nothing\n{}", process.errors()));
        let line: Value = serde_json::from_str(&line).unwrap();
        let seen = line["result"].as_array().unwrap_or_else(|| panic!("{line}\n{}", weir.said()));
        assert_eq!((&line["run"], seen.len()), (&json!(name), 1 + usize::from(*story == Story::Refreshes)), "{line}");
        assert!(seen.iter().all(|tools| *tools == seen[0] && tools.as_u64() > Some(10)), "{line}");
        check(&name, *story, &url, &authorization.log(&name).await);
    }
    assert!(process.exit().await.success(), "{}", process.errors());
    weir.stop().await;
}

/// Holds what the authorization server did against what the client's story asks for.
fn check(name: &str, story: Story, url: &str, log: &[Value]) {
    let done: Vec<_> = log.iter().filter_map(|entry| entry["did"].as_str()).collect();
    assert_eq!(done, story.done(), "{name}: {log:?}");
    for entry in log {
        match entry["did"].as_str() {
            Some("authorize") => {
                assert_eq!((&entry["resource"], &entry["challenge"]), (&json!(url), &json!("S256")), "{entry}");
                // Who asks for `offline_access` does so on its own.
                let scopes: Vec<_> = entry["scope"].as_str().unwrap_or("").split(' ').collect();
                assert!(SCOPES.split(' ').all(|scope| scopes.contains(&scope)), "all at once: {entry}");
                let by_url = entry["id"].as_str().is_some_and(|id| id.starts_with("https://clients.test/"));
                assert_eq!(by_url, story == Story::Document, "{entry}");
            }
            Some("authorization_code") => {
                assert_eq!((&entry["resource"], &entry["verified"]), (&json!(url), &json!(true)))
            }
            Some("refresh_token") => assert_eq!(entry["resource"], json!(url)),
            _ => {}
        }
    }
}

fn name(client: &str, mode: &str, story: Story) -> String {
    format!("{client}-{mode}-{}", story.name())
}
