//! `authorization = { header, value }`.

use super::{secret, server};
use crate::support::{After, Exchange, Gateway, Post, Scripted, call, legacy, notification, only_through_weir, until};

/// What clients show us; none of it may arrive.
const THEIRS: [(&str, &str); 9] = [
    ("Authorization", "Bearer theirs"),
    ("Cookie", "session=theirs"),
    ("X-API-Key", "theirs"),
    ("Api-Key", "theirs"),
    ("X-Auth-Token", "theirs"),
    ("Proxy-Authorization", "Basic theirs"),
    ("X-Team-Secret", "theirs"),
    ("Weir-Principal", "theirs"),
    ("Connection", "close, authorization, x-team-secret, theirs"),
];

fn config(url: &str, authorization: &str) -> String {
    format!("[[servers]]\nname = \"files\"\nendpoints = [{url:?}]\nauthorization = {authorization}\n")
}

fn in_file(file: &std::path::Path, more: &str) -> String {
    format!("{{ {more}value = {{ file = {file:?} }} }}")
}

#[tokio::test]
async fn every_request_has_our_field_and_none_a_clients() {
    only_through_weir!();
    let home = tempfile::tempdir().unwrap();
    let file = secret(home.path(), "token", "Bearer ours-hunter2\n");
    for (more, name) in [("", "authorization"), ("header = \"X-Team-Secret\", ", "x-team-secret")] {
        let server = server().await;
        let weir = Gateway::config(&config(&server.url(), &in_file(&file, more))).start().await;
        // Every combination but those of two that the same field makes one of.
        for chosen in 0..1_usize << THEIRS.len() {
            let theirs = THEIRS.iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0).map(|(_, field)| *field);
            // A field that nobody knows for a credential is one only where it is ours.
            let theirs = || theirs.clone().filter(|(field, _)| *field != "X-Team-Secret" || name == "x-team-secret");
            let with = |post: Post| theirs().fold(post, |post, (name, value)| post.header(name, value));
            let fields: Vec<_> = theirs().map(|(name, value)| format!("{name}: {value}")).collect();
            let fields: Vec<_> = fields.iter().map(String::as_str).collect();
            let mut client = weir.client().await;
            let mut requests = 1;
            // The whole of it for some; the call alone for all.
            if chosen % 37 == 0 {
                let opened = client.ask(&with(legacy("1", "initialize", INITIALIZE))).await;
                let session = opened.head.header("mcp-session-id").expect("a session").to_owned();
                let mut again = weir.client().await;
                again.ask(&with(notification("notifications/initialized", "{}")).session(&session)).await;
                let in_session = format!("Mcp-Session-Id: {session}");
                let heads = [&fields[..], &[&in_session, "Accept: text/event-stream"]].concat();
                let mut listening = weir.client().await;
                listening.get("/mcp", &heads).await;
                assert_eq!(listening.answer().await.status(), 200);
                let mut ending = weir.client().await;
                ending.without_body("DELETE", "/mcp", &heads).await;
                assert_eq!(ending.answer().await.status(), 200);
                requests += 4;
            }
            let answer = weir.client().await.ask(&with(call("1", "echo", "{}"))).await;
            assert_eq!(answer.status(), 200, "{answer:?}");
            for _ in 0..requests {
                let request = server.request().await;
                assert_eq!(request.header(name), Some("Bearer ours-hunter2"), "{request:?}");
                let head = String::from_utf8_lossy(&request.head.raw).to_lowercase();
                assert!(!head.contains("theirs"), "{chosen}: {head}");
            }
        }
        assert!(server.waiting().is_empty());
        let log = weir.log().await;
        assert!(!log.contains("hunter2") && !log.contains("theirs"), "{log}");
    }
}

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#;

#[tokio::test]
async fn a_secret_is_read_again_at_a_reload_and_what_is_none_changes_nothing() {
    only_through_weir!();
    let (home, server) = (tempfile::tempdir().unwrap(), server().await);
    let file = secret(home.path(), "token", "Bearer one");
    let weir = Gateway::config(&config(&server.url(), &in_file(&file, ""))).start().await;
    let shown = async || {
        assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
        server.request().await.header("authorization").map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(shown().await, "Bearer one");
    // Files that it names are watched.
    secret(home.path(), "token", "Bearer two");
    until("the new secret is shown", async || shown().await == "Bearer two").await;
    secret(home.path(), "token", "Bearer hunter2\r\nHost: evil\r\n");
    until("it is refused", async || weir.said().contains("is no value of a header field")).await;
    assert_eq!(shown().await, "Bearer two");
    std::fs::remove_file(&file).unwrap();
    weir.hang_up();
    until("it is missed", async || weir.said().contains("cannot read the secret in")).await;
    assert_eq!(shown().await, "Bearer two");
    let log = weir.log().await;
    assert!(!log.contains("hunter2") && !log.contains("Bearer"), "{log}");
}

#[tokio::test]
async fn a_server_that_does_not_take_it_is_told_of_as_such() {
    only_through_weir!();
    let home = tempfile::tempdir().unwrap();
    let file = secret(home.path(), "token", "Bearer hunter2");
    let server = Scripted::start(|exchange: Exchange| async move {
        let challenge = "WWW-Authenticate: Bearer resource_metadata=\"https://evil.example/\"\r\n";
        exchange.answer("401 Unauthorized", challenge, "").await
    })
    .await;
    let weir = Gateway::config(&config(&server.url(), &in_file(&file, ""))).start().await;
    let answer = weir.client().await.ask(&call("1", "echo", "{}")).await;
    assert_eq!(answer.status(), 502, "{answer:?}");
    assert_eq!(answer.refusal(), (50201, "upstream_bad_response".into(), "no".into()));
    assert_eq!(answer.head.header("www-authenticate"), None, "it is no matter of the client's");
    until("the log says what to do", async || weir.said().contains("correct `authorization` of that server")).await;
    weir.stop().await;
}

#[tokio::test]
async fn the_pair_of_2024_11_05_is_shown_it_on_its_stream_and_on_every_post() {
    only_through_weir!();
    let home = tempfile::tempdir().unwrap();
    let file = secret(home.path(), "token", "Bearer ours");
    let server = Scripted::start(pair).await;
    let config = config(&server.url(), &in_file(&file, "")) + "transport = \"sse\"\n";
    let weir = Gateway::config(&config).start().await;
    let post = legacy("1", "initialize", INITIALIZE).header("Authorization", "Bearer theirs");
    let answer = weir.client().await.ask(&post).await;
    // What it is answered with is of no account here: the POST is refused.
    assert!(answer.json()["error"].is_object(), "{answer:?}");
    for (verb, path) in [("GET", "/mcp"), ("POST", "/messages")] {
        let request = server.request().await;
        assert_eq!((request.verb(), request.path()), (verb, path));
        assert_eq!(request.header("authorization"), Some("Bearer ours"));
    }
    weir.stop().await;
}

async fn pair(exchange: Exchange) -> After {
    if exchange.request.verb() == "GET" {
        let mut stream = exchange.stream().await;
        stream.send("event: endpoint\ndata: /messages\n\n").await;
        return stream.gone().await;
    }
    exchange.answer("500 Oh", "", "").await
}

#[tokio::test]
async fn the_doctor_shows_it_and_says_where_it_is_wanted() {
    only_through_weir!();
    let home = tempfile::tempdir().unwrap();
    let file = secret(home.path(), "token", "Bearer ours");
    let server = Scripted::start(|exchange: Exchange| async move {
        match exchange.request.header("authorization") {
            Some("Bearer ours") => super::both_eras(exchange).await,
            _ => exchange.answer("401 Unauthorized", "", "").await,
        }
    })
    .await;
    for (authorization, code, says) in [
        (format!("authorization = {}\n", in_file(&file, "")), 0, "legacy (2025-11-25)"),
        (String::new(), 1, "asks for credentials (401)"),
    ] {
        let text = format!("[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n{authorization}", server.url());
        let config = secret(home.path(), "weir.toml", &text);
        let told = super::doctor(&config).await;
        assert!(told.1.lines().any(|line| line.contains(says)), "{told:?}");
        assert!(code == 0 || told.0 == Some(code), "{told:?}");
    }
}
