//! Sessions of the 2025 era: the server's own id stays behind Weir, and whatever happens to Weir, the session goes on.

use std::{
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::support::{
    After, Answer, Exchange, Gateway, Post, Scripted, legacy, notification, only_through_weir, result,
};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;
/// Two keys nobody else has.
const RING: &str = "7pQ0l2bX3mA9w1Yk5fTgHs8uVdRzJcEiOoPnMxKqLaU=\nQ2v8sD4hG7kL1zX9cN5mB3wE6rT0yUiP8oA2fJqWxYs=\n";

#[tokio::test]
async fn the_client_never_sees_the_servers_id() {
    only_through_weir!();
    let server = session_server("alpha").await;
    let weir = Gateway::to(&server.url()).start().await;
    let session = open(&weir).await;
    assert!(!session.contains("alpha"), "{session}");
    assert_eq!(served_by(&weir, &session).await, "alpha-0");
    // Another client has another session.
    let other = open(&weir).await;
    assert_ne!(session, other);
    assert_eq!(served_by(&weir, &other).await, "alpha-1");
    assert_eq!(served_by(&weir, &session).await, "alpha-0");
    // Notifications, GET and DELETE carry it as well.
    server.waiting();
    let told = notification("notifications/initialized", "{}").session(&session);
    assert_eq!(weir.client().await.ask(&told).await.status(), 202);
    let mut client = weir.client().await;
    client
        .get("/mcp", &["Accept: text/event-stream", &format!("Mcp-Session-Id: {session}"), "Last-Event-ID: e~7"])
        .await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.message().await.as_deref(), Some(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#));
    let seen = server.waiting();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|request| request.header("mcp-session-id") == Some("alpha-0")), "{seen:?}");
    assert_eq!(seen[1].header("last-event-id"), Some("e~7"));
}

#[tokio::test]
async fn an_altered_or_foreign_id_is_not_found() {
    only_through_weir!();
    let server = session_server("alpha").await;
    let (weir, stranger) = (Gateway::to(&server.url()).start().await, Gateway::to(&server.url()).start().await);
    let session = open(&weir).await;
    let foreign = open(&stranger).await;
    server.waiting();
    let mut wrong: Vec<_> = ["alpha-0", "x", "../../etc", &"A".repeat(2_000), &foreign].map(str::to_owned).into();
    for at in [0, 1, session.len() / 2, session.len() - 1] {
        let other = if session.as_bytes()[at] == b'A' { "B" } else { "A" };
        wrong.push(format!("{}{other}{}", &session[..at], &session[at + 1..]));
    }
    wrong.push(session[..session.len() - 1].to_owned());
    wrong.push(format!("{session}A"));
    for id in wrong {
        let answer = ask(&weir, &id).await;
        assert_eq!(answer.status(), 404, "{id}: {answer:?}");
        assert_eq!((answer.refusal().0, answer.refusal().1.as_str()), (40401, "session_not_found"), "{id}");
        let mut client = weir.client().await;
        client.without_body("DELETE", "/mcp", &[&format!("Mcp-Session-Id: {id}")]).await;
        assert_eq!(client.answer().await.status(), 404, "DELETE {id}");
        client.get("/mcp", &["Accept: text/event-stream", &format!("Mcp-Session-Id: {id}")]).await;
        assert_eq!(client.answer().await.status(), 404, "GET {id}");
    }
    assert!(server.waiting().is_empty(), "none of it reached the server");
    assert_eq!(served_by(&weir, &session).await, "alpha-0");
}

#[tokio::test]
async fn a_session_outlives_a_restart() {
    only_through_weir!();
    let server = session_server("alpha").await;
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    let weir = Gateway::to(&server.url()).data(data.path()).start().await;
    let session = open(&weir).await;
    weir.stop().await;
    let weir = Gateway::to(&server.url()).data(data.path()).start().await;
    assert_eq!(served_by(&weir, &session).await, "alpha-0");
    weir.stop().await;
}

#[tokio::test]
async fn two_gateways_with_one_ring_serve_one_session() {
    only_through_weir!();
    let server = session_server("alpha").await;
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let ring = folder.path().join("ring");
    std::fs::write(&ring, RING).expect("a temporary directory can be written");
    std::fs::set_permissions(&ring, std::fs::Permissions::from_mode(0o600)).expect("our own file");
    let keys = format!("[keys]\nring = {{ file = {:?} }}\n{}", ring.display().to_string(), servers(&[&server]));
    let (one, other) = (Gateway::config(&keys).start().await, Gateway::config(&keys).start().await);
    let session = open(&one).await;
    assert_eq!(served_by(&other, &session).await, "alpha-0");
    assert_eq!(served_by(&one, &session).await, "alpha-0");
}

#[tokio::test]
async fn each_session_stays_with_its_endpoint() {
    only_through_weir!();
    let (alpha, beta) = (session_server("alpha").await, session_server("beta").await);
    let weir = Gateway::config(&servers(&[&alpha, &beta])).start().await;
    let mut homes = Vec::new();
    for _ in 0..8 {
        let session = open(&weir).await;
        let home = served_by(&weir, &session).await;
        homes.push((session, home));
    }
    for (session, home) in &homes {
        assert_eq!(&served_by(&weir, session).await, home);
    }
    for name in ["alpha-", "beta-"] {
        assert_eq!(homes.iter().filter(|(_, home)| home.starts_with(name)).count(), 4, "taken in turn: {homes:?}");
    }
}

#[tokio::test]
async fn a_session_whose_endpoint_was_taken_away_is_not_found() {
    only_through_weir!();
    let (alpha, beta) = (session_server("alpha").await, session_server("beta").await);
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    let weir = Gateway::config(&servers(&[&alpha])).data(data.path()).start().await;
    let session = open(&weir).await;
    weir.stop().await;
    let weir = Gateway::config(&servers(&[&beta])).data(data.path()).start().await;
    let answer = ask(&weir, &session).await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (404, "session_not_found"), "{answer:?}");
    assert!(beta.waiting().is_empty(), "another server knows nothing of this session");
}

#[tokio::test]
async fn a_session_whose_endpoint_is_down_waits_for_it() {
    only_through_weir!();
    let (alpha, beta) = (session_server("alpha").await, session_server("beta").await);
    let weir = Gateway::config(&servers(&[&alpha, &beta])).start().await;
    let sessions = [open(&weir).await, open(&weir).await];
    let homes = [served_by(&weir, &sessions[0]).await, served_by(&weir, &sessions[1]).await];
    let lost = homes.iter().position(|home| home.starts_with("alpha")).expect("the endpoints are taken in turn");
    alpha.stop().await;
    let answer = ask(&weir, &sessions[lost]).await;
    // A legacy message that was read: 200, and the refusal in the message (security, "Which status a client sees").
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.refusal(), (50301, "upstream_unavailable".into(), "no".into()), "{answer:?}");
    assert!(answer.head.header("retry-after").is_some());
    assert_eq!(served_by(&weir, &sessions[1 - lost]).await, homes[1 - lost]);
    // A new session goes where a server is.
    let session = open(&weir).await;
    assert!(served_by(&weir, &session).await.starts_with("beta"));
}

#[tokio::test]
async fn delete_ends_the_servers_session() {
    only_through_weir!();
    let server = session_server("alpha").await;
    let weir = Gateway::to(&server.url()).start().await;
    let session = open(&weir).await;
    server.waiting();
    let mut client = weir.client().await;
    client.without_body("DELETE", "/mcp", &[&format!("Mcp-Session-Id: {session}")]).await;
    assert_eq!(client.answer().await.status(), 200);
    let ended = server.request().await;
    assert_eq!((ended.verb(), ended.header("mcp-session-id")), ("DELETE", Some("alpha-0")));
}

#[tokio::test]
async fn where_the_server_gives_no_session_none_is_invented() {
    let server = Scripted::answering(|request| result(&request.id(), r#"{"protocolVersion":"2025-11-25"}"#)).await;
    let weir = Gateway::to(&server.url()).start().await;
    let answer = weir.client().await.ask(&legacy("1", "initialize", INITIALIZE)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.head.header("mcp-session-id"), None);
    let answer = weir.client().await.ask(&legacy("2", "tools/list", "{}")).await;
    assert_eq!(answer.status(), 200);
    let mut client = weir.client().await;
    client.get("/mcp", &["Accept: text/event-stream"]).await;
    assert_eq!(client.answer().await.status(), 200, "the server's own answer to a GET comes back");
}

#[tokio::test]
async fn the_servers_own_word_about_a_lost_session_comes_back() {
    only_through_weir!();
    // Servers in the field answer this with an id of their own invention.
    for id in [r#""id":null,"#, r#""id":"server-error","#, ""] {
        let body = format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32001,"message":"Session not found"}}}}"#);
        let sent = body.clone();
        let server = Scripted::start(move |exchange| {
            let body = sent.clone();
            async move {
                if exchange.request.method() == "initialize" {
                    return session_answer(exchange, "alpha-0").await;
                }
                exchange.answer("404 Not Found", "Content-Type: application/json\r\n", body).await
            }
        })
        .await;
        let weir = Gateway::to(&server.url()).start().await;
        let session = open(&weir).await;
        let answer = ask(&weir, &session).await;
        assert_eq!((answer.status(), answer.text()), (404, body.as_str()), "{answer:?}");
    }
}

/// A server that gives a session `NAME-NUMBER` at each `initialize`, and tells in every result which session it saw.
async fn session_server(name: &'static str) -> Scripted {
    let count = Arc::new(AtomicUsize::new(0));
    Scripted::start(move |exchange| {
        let count = Arc::clone(&count);
        async move {
            let request = &exchange.request;
            let session = request.header("mcp-session-id").unwrap_or("none").to_owned();
            match (request.verb(), request.method().as_str()) {
                (_, "initialize") => {
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    session_answer(exchange, &format!("{name}-{number}")).await
                }
                ("POST", method) if method.starts_with("notifications/") => exchange.accepted().await,
                ("GET", _) => {
                    let mut stream = exchange.stream().await;
                    stream.event(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#).await;
                    stream.gone().await
                }
                ("DELETE", _) => exchange.answer("200 OK", "", "").await,
                _ => {
                    let text = result(&request.id(), &format!(r#"{{"session":"{session}"}}"#));
                    exchange.json(text).await
                }
            }
        }
    })
    .await
}

async fn session_answer(exchange: Exchange, session: &str) -> After {
    let text = result(&exchange.request.id(), r#"{"protocolVersion":"2025-11-25","capabilities":{}}"#);
    let headers = format!("Content-Type: application/json\r\nMcp-Session-Id: {session}\r\n");
    exchange.answer("200 OK", &headers, text).await
}

/// A configuration with one server behind these endpoints.
fn servers(endpoints: &[&Scripted]) -> String {
    let urls: Vec<_> = endpoints.iter().map(|endpoint| format!("{:?}", endpoint.url())).collect();
    format!("[[servers]]\nname = \"files\"\nendpoints = [{}]\n", urls.join(", "))
}

/// Opens a session and gives its id as the client sees it.
async fn open(weir: &Gateway) -> String {
    let answer = weir.client().await.ask(&legacy("1", "initialize", INITIALIZE)).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.head.header("mcp-session-id").expect("a session id").to_owned()
}

async fn ask(weir: &Gateway, session: &str) -> Answer {
    let post: Post = legacy("2", "tools/list", "{}").session(session);
    weir.client().await.ask(&post).await
}

/// The session id that the server saw.
async fn served_by(weir: &Gateway, session: &str) -> String {
    let answer = ask(weir, session).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.json()["result"]["session"].as_str().unwrap_or_else(|| panic!("no result: {answer:?}")).to_owned()
}
