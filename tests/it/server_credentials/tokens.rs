//! `authorization = { client_credentials }`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Checker, basic, both_eras, doctor, granted, secret, server, token_endpoint, token_url};
use crate::support::{Client, Exchange, Gateway, Process, Scripted, call, legacy, node, only_through_weir, until};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#;

/// A server that is shown a token of our own.
fn config(name: &str, server: &str, terms: &str, secret: &Path) -> String {
    format!(
        "[[servers]]\nname = {name:?}\nendpoints = [{server:?}]\n[servers.authorization.client_credentials]\n{terms}\n\
         client = {{ id = \"weir\", secret = {{ file = {secret:?} }} }}\n"
    )
}

fn at(endpoint: &Scripted) -> String {
    format!("url = {:?}", token_url(endpoint, "token"))
}

async fn shown(weir: &Gateway, server: &Scripted) -> String {
    let answer = weir.client().await.ask(&call("1", "echo", "{}")).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    server.request().await.header("authorization").map(str::to_owned).unwrap_or_default()
}

#[tokio::test]
async fn a_token_of_a_real_authorization_server_is_shown_with_every_request() {
    only_through_weir!();
    let (home, mut jose) = (tempfile::tempdir().unwrap(), Checker::start());
    // What needs coding, once in a header and once in a form.
    let (file, said) = (secret(home.path(), "secret", "hunter2 +%&=:\n"), "hunter2 +%&=:");
    let mut process = Process::start("the authorization server", node("client-credentials.mjs").arg(said));
    let issuer = process.line_after("authorization server on ").await;
    let terms = "scopes = [\"files:read\", \"files:write\"]\nresource = \"https://files.internal/mcp\"\n";
    let by_form = "client = { id = \"weir-form\", authenticate = \"form\", ";
    for (place, client) in [("issuer", ""), ("url", by_form)] {
        let (server, url) = (server().await, if place == "url" { format!("{issuer}/token") } else { issuer.clone() });
        let mut text = config("files", &server.url(), &format!("{terms}{place} = {url:?}"), &file);
        if !client.is_empty() {
            text = text.replace("client = { id = \"weir\", ", client);
        }
        let weir = Gateway::config(&text).start().await;
        let mut client = weir.client().await;
        let opened = client.ask(&legacy("1", "initialize", INITIALIZE).header("Authorization", "Bearer theirs")).await;
        let session = format!("Mcp-Session-Id: {}", opened.head.header("mcp-session-id").expect("a session"));
        for (verb, more) in [("GET", "Accept: text/event-stream"), ("DELETE", "X-A: b")] {
            let mut client = weir.client().await;
            client.without_body(verb, "/mcp", &[&session, more]).await;
            client.head().await;
        }
        assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
        let mut seen = Vec::new();
        for verb in ["POST", "GET", "DELETE", "POST"] {
            let request = server.request().await;
            assert_eq!(request.verb(), verb);
            seen.push(
                request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap().to_owned(),
            );
        }
        assert!(seen.iter().all(|token| *token == seen[0]), "one token for all of it");
        let checked = jose
            .ask(&json!({
                "token": seen[0], "jwks": format!("{issuer}/jwks"), "issuer": issuer, "typ": "at+jwt",
                "audience": "https://files.internal/mcp", "algorithm": "RS256",
            }))
            .await;
        assert_eq!(checked["claims"]["scope"], "files:read files:write", "{checked}");
        assert_eq!(checked["claims"]["client_id"], if place == "url" { "weir-form" } else { "weir" });
        let log = weir.log().await;
        assert!(!log.contains("hunter2") && !log.contains(&seen[0][..40]), "{log}");

        // The doctor is given one of its own.
        let file = secret(home.path(), "weir.toml", &text);
        let (_, told) = doctor(&file).await;
        assert!(told.contains("legacy (2025-11-25), s 1"), "{told}");
        assert!(server.waiting().iter().all(|request| request.header("authorization").is_some()));
    }
    let address = issuer.strip_prefix("http://").unwrap().parse().unwrap();
    let mut asking = Client::connect(address).await;
    asking.get("/log", &[]).await;
    let grants = asking.answer().await.json();
    assert_eq!(grants.as_array().unwrap().len(), 4, "one for each gateway and doctor: {grants}");
}

#[tokio::test]
async fn all_who_wait_are_served_by_one_request() {
    only_through_weir!();
    let (home, server, go) = (tempfile::tempdir().unwrap(), server().await, Arc::new(Notify::new()));
    let held = Arc::clone(&go);
    let endpoint = Scripted::start(move |exchange: Exchange| {
        let held = Arc::clone(&held);
        async move {
            held.notified().await;
            exchange.json(granted("one", 600).1).await
        }
    })
    .await;
    let file = secret(home.path(), "secret", "hunter2");
    let weir = Gateway::config(&config("files", &server.url(), &at(&endpoint), &file)).start().await;
    // It is asked for before anybody calls.
    let request = endpoint.request().await;
    assert_eq!((basic(&request).as_str(), request.verb()), ("weir:hunter2", "POST"));
    let mut callers = JoinSet::new();
    for _ in 0..30 {
        let mut client = weir.client().await;
        client.post(&call("1", "echo", "{}")).await;
        callers.spawn(async move { client.answer().await.status() });
    }
    go.notify_one();
    while let Some(status) = callers.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(server.waiting().len(), 30);
    assert!(endpoint.waiting().is_empty(), "it was asked once");
    weir.stop().await;
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    only_through_weir!();
    let (home, server, nobody) = (tempfile::tempdir().unwrap(), server().await, Scripted::nobody().await);
    let endpoint = Scripted::start(|exchange: Exchange| async move {
        let json = |text: &str| (200, text.to_owned());
        let (status, text) = match exchange.request.path() {
            "/refuses" => (401, r#"{"error":"invalid_client"}"#.to_owned()),
            "/target" => (400, r#"{"error":"invalid_target"}"#.to_owned()),
            "/broken" => (500, String::new()),
            "/none" => json(r#"{"token_type":"Bearer","expires_in":600}"#),
            "/twice" => json(r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#),
            "/split" => json(r#"{"access_token":"a\r\nHost: evil","token_type":"Bearer"}"#),
            "/bound" => json(r#"{"access_token":"a","token_type":"DPoP"}"#),
            "/ended" => json(r#"{"access_token":"a","token_type":"Bearer","expires_in":0}"#),
            "/page" => json("<html>"),
            "/elsewhere" => {
                return exchange.answer("307 Go", "Location: http://127.0.0.1:1/token\r\n", "").await;
            }
            "/silent" => return exchange.silence().await,
            other => panic!("nobody asks for {other}"),
        };
        exchange.answer(&format!("{status} Told"), "Content-Type: application/json\r\n", text).await
    })
    .await;
    let file = secret(home.path(), "secret", "hunter2");
    let cases =
        ["refuses", "target", "broken", "none", "twice", "split", "bound", "ended", "page", "elsewhere", "silent"];
    let text = |case: &str| config(case, &server.url(), &format!("url = {:?}", token_url(&endpoint, case)), &file);
    let away = config("away", &server.url(), &format!("url = {nobody:?}"), &file);
    let text: String = cases.iter().map(|case| text(case)).chain([away]).collect();
    let weir = Gateway::config(&text).start().await;
    for case in cases.into_iter().chain(["away"]) {
        for post in [call("1", "echo", "{}"), legacy("1", "initialize", INITIALIZE)] {
            let answer = weir.client().await.ask(&post.path(&format!("/{case}/mcp"))).await;
            assert_eq!(answer.status(), 503, "{case}: {answer:?}");
            assert_eq!(answer.refusal(), (50301, "identity_unavailable".into(), "no".into()), "{case}");
            let error = &answer.json()["error"]["data"];
            assert!(error["retryable"] == true && answer.head.header("retry-after").is_some(), "{case}: {error}");
        }
    }
    assert!(server.waiting().is_empty(), "nothing reached the server");
    let log = weir.log().await;
    assert!(log.contains("with the error invalid_client") && log.contains("another `token_type` than Bearer"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn an_issuer_that_refuses_is_not_asked_again_by_every_call() {
    only_through_weir!();
    let (home, server) = (tempfile::tempdir().unwrap(), server().await);
    let endpoint = token_endpoint(|_, _| ("401 No", r#"{"error":"invalid_client"}"#.to_owned())).await;
    let file = secret(home.path(), "secret", "hunter2");
    let weir = Gateway::config(&config("files", &server.url(), &at(&endpoint), &file)).start().await;
    let mut client = weir.client().await;
    for _ in 0..200 {
        assert_eq!(client.ask(&call("1", "echo", "{}")).await.refusal().1, "identity_unavailable");
    }
    let asked = endpoint.waiting().len();
    assert!((1..100).contains(&asked), "{asked} requests for 200 calls");
    weir.stop().await;
}

#[tokio::test]
async fn a_token_is_replaced_before_its_end_and_no_call_notices() {
    only_through_weir!();
    let (home, server, given) = (tempfile::tempdir().unwrap(), server().await, AtomicUsize::new(0));
    let endpoint = token_endpoint(move |_, _| granted(&format!("t{}", given.fetch_add(1, Ordering::Relaxed)), 3)).await;
    let file = secret(home.path(), "secret", "hunter2");
    let weir = Gateway::config(&config("files", &server.url(), &at(&endpoint), &file)).start().await;
    for number in 0..3 {
        until("the next one is shown", async || shown(&weir, &server).await == format!("Bearer t{number}")).await;
    }
    weir.stop().await;
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_replaced_but_not_for_ever() {
    only_through_weir!();
    let (home, given) = (tempfile::tempdir().unwrap(), AtomicUsize::new(0));
    let endpoint =
        token_endpoint(move |_, _| granted(&format!("t{}", given.fetch_add(1, Ordering::Relaxed)), 600)).await;
    // It takes one of them only, and then none any more.
    let taken = Arc::new(AtomicUsize::new(1));
    let takes = Arc::clone(&taken);
    let server = Scripted::start(move |exchange: Exchange| {
        let wanted = format!("Bearer t{}", takes.load(Ordering::Relaxed));
        async move {
            if exchange.request.header("authorization") == Some(&wanted) {
                return both_eras(exchange).await;
            }
            exchange.answer("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "").await
        }
    })
    .await;
    let file = secret(home.path(), "secret", "hunter2");
    let weir = Gateway::config(&config("files", &server.url(), &at(&endpoint), &file)).start().await;
    let ask = async || weir.client().await.ask(&call("1", "echo", "{}")).await;
    let first = ask().await;
    assert_eq!((first.status(), first.head.header("www-authenticate")), (502, None), "{first:?}");
    assert_eq!(first.refusal(), (50201, "upstream_bad_response".into(), "no".into()));
    assert_eq!(first.json()["error"]["data"]["retryable"], true, "the next one has another token");
    assert_eq!(ask().await.status(), 200);
    assert_eq!(server.waiting().len(), 2, "a call is never sent twice by us");
    taken.store(99, Ordering::Relaxed);
    for _ in 0..20 {
        assert_eq!(ask().await.status(), 502);
    }
    assert_eq!(endpoint.waiting().len(), 2, "a server that takes none has nobody asked for ever more");
    weir.stop().await;
}

#[tokio::test]
async fn a_reload_changes_the_secret_and_no_call_is_lost() {
    only_through_weir!();
    let (home, server) = (tempfile::tempdir().unwrap(), server().await);
    let endpoint = token_endpoint(|request, _| match basic(request).strip_prefix("weir:") {
        Some("wrong") => ("401 No", r#"{"error":"invalid_client"}"#.to_owned()),
        Some(secret) => granted(&format!("for-{secret}"), 600),
        None => ("400 No", String::new()),
    })
    .await;
    let file = secret(home.path(), "secret", "one");
    let text = config("files", &server.url(), &at(&endpoint), &file);
    let weir = Gateway::config(&text).start().await;
    assert_eq!(shown(&weir, &server).await, "Bearer for-one");
    secret(home.path(), "secret", "two\n");
    until("the new secret is used", async || shown(&weir, &server).await == "Bearer for-two").await;
    // Whoever is given nothing for a new secret goes on with what there is.
    secret(home.path(), "secret", "wrong");
    until("the wrong one is tried", async || weir.said().contains("invalid_client")).await;
    assert_eq!(shown(&weir, &server).await, "Bearer for-two");
    secret(home.path(), "secret", "three");
    until("the right one is used", async || shown(&weir, &server).await == "Bearer for-three").await;
    let asked = endpoint.waiting().len();
    // What changes nothing of it starts nothing anew.
    weir.write(&format!("{text}\n[http]\nbody = \"1MiB\"\n"));
    weir.hang_up();
    until("it is reloaded", async || weir.said().matches("the configuration was reloaded").count() >= 4).await;
    assert_eq!(shown(&weir, &server).await, "Bearer for-three");
    assert!(endpoint.waiting().is_empty(), "{asked} requests before");
    let log = weir.log().await;
    assert!(!log.contains("for-"), "{log}");
}

#[tokio::test]
async fn the_pair_of_2024_11_05_is_shown_it_too() {
    only_through_weir!();
    let home = tempfile::tempdir().unwrap();
    let endpoint = token_endpoint(|_, _| granted("ours", 600)).await;
    let server = Scripted::start(|exchange: Exchange| async move {
        if exchange.request.verb() == "GET" {
            let mut stream = exchange.stream().await;
            stream.send("event: endpoint\ndata: /messages\n\n").await;
            return stream.gone().await;
        }
        exchange.answer("500 Oh", "", "").await
    })
    .await;
    let file = secret(home.path(), "secret", "hunter2");
    let text = config("files", &server.url(), &at(&endpoint), &file)
        .replace("[servers.authorization", "transport = \"sse\"\n[servers.authorization");
    let weir = Gateway::config(&text).start().await;
    let answer: Value = weir.client().await.ask(&legacy("1", "initialize", INITIALIZE)).await.json();
    assert!(answer["error"].is_object(), "{answer}");
    for verb in ["GET", "POST"] {
        let request = server.request().await;
        assert_eq!((request.verb(), request.header("authorization")), (verb, Some("Bearer ours")));
    }
    weir.stop().await;
}
