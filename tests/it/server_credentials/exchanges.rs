//! `authorization = { exchange }`, as in `config/examples/token-exchange.toml`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::task::JoinSet;

use super::{Form, basic, doctor, granted, secret, token_endpoint, token_url};
use crate::support::{
    After, Client, Dice, Exchange, Gateway, Post, Scripted, call, count, legacy, only_through_weir, result, until,
};
use crate::tokens::{Issuer, header, now};

const EXAMPLE: &str = include_str!("../../../config/examples/token-exchange.toml");
const ISSUER: &str = "https://id.example.com/";
const PUBLIC: &str = "https://gateway.example.com";

/// The example, with what is ours in the place of what is not there; `more` stands before it.
fn example(home: &Path, server: &Scripted, endpoint: &Scripted, more: &str) -> String {
    let keys = secret(home, "keys.json", &Issuer::new(1).key_set("1"));
    let file = secret(home, "secret", "hunter2\n");
    let places = [
        ("/etc/weir/id.example.com.json", keys.display().to_string()),
        ("/etc/weir/id-secret", file.display().to_string()),
        ("http://127.0.0.1:3000/mcp", server.url()),
        ("https://id.example.com/token", token_url(endpoint, "token")),
    ];
    let text = places.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    // They have the role that the built-in table gives everything to.
    text.replacen("[[servers]]", &format!("[auth]\ndefault_roles = [\"user\"]\n{more}\n[[servers]]"), 1)
}

fn token(subject: &str, life: u64, more: usize) -> String {
    let claims = json!({
        "iss": ISSUER, "sub": subject, "aud": format!("{PUBLIC}/mcp"), "exp": now() + life, "more": more,
    });
    Issuer::new(1).token(header(), &claims)
}

fn ask(token: &str) -> Post {
    call("1", "echo", "{}").header("Authorization", &format!("Bearer {token}"))
}

fn subject(token: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap_or_default()).unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap_or_default();
    claims["sub"].as_str().unwrap_or_default().to_owned()
}

/// A server that says what it was shown.
async fn telling() -> Scripted {
    Scripted::start(|exchange: Exchange| async move {
        let id = exchange.request.id();
        let shown = exchange.request.header("authorization").unwrap_or_default().to_owned();
        exchange.json(result(&id, &format!(r#"{{"resultType":"complete","content":[],"shown":"{shown}"}}"#))).await
    })
    .await
}

#[tokio::test]
async fn a_callers_token_is_exchanged_once_and_never_passed_on() {
    only_through_weir!();
    let (home, server) = (tempfile::tempdir().unwrap(), telling().await);
    let endpoint = token_endpoint(|_, form| granted(&format!("for-{}", subject(form.get("subject_token"))), 600)).await;
    let weir = Gateway::config(&example(home.path(), &server, &endpoint, "")).start().await;
    let ann = token("ann", 600, 0);
    for post in
        [ask(&ann), ask(&ann), legacy("1", "tools/list", "{}").header("authorization", &format!("bearer  {ann}"))]
    {
        let answer = weir.client().await.ask(&post).await;
        assert_eq!((answer.status(), &answer.json()["result"]["shown"]), (200, &json!("Bearer for-ann")), "{answer:?}");
        let head = server.request().await.head;
        assert!(!String::from_utf8_lossy(&head.raw).contains(&ann), "{head:?}");
    }
    let asked = endpoint.waiting();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let form = Form::of(&asked[0]);
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", ann.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", "files"),
        ("scope", "files:read files:write"),
        ("client_secret", ""),
    ] {
        assert_eq!(form.get(name), value, "{form:?}");
    }
    assert_eq!(basic(&asked[0]), "weir:hunter2");
    let log = weir.log().await;
    assert!(!log.contains(&ann[..50]) && !log.contains("for-ann") && !log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn no_caller_is_ever_spoken_for_by_anothers_token() {
    only_through_weir!();
    const CALLERS: usize = 24;
    let (home, server) = (tempfile::tempdir().unwrap(), telling().await);
    let endpoint = token_endpoint(|_, form| {
        let token = form.get("subject_token");
        granted(&format!("{}-{}", subject(token), &token[token.len() - 12..]), 600)
    })
    .await;
    let many = "[http]\nunverified = \"10000/s\"\n";
    let weir = Gateway::config(&example(home.path(), &server, &endpoint, many)).start().await;
    // Each has two tokens; both are that caller's, and yet not the same.
    let tokens: Arc<Vec<String>> =
        Arc::new((0..CALLERS * 2).map(|number| token(&format!("c{}", number / 2), 600, number)).collect());
    let (mut callers, mut dice, rounds) = (JoinSet::new(), Dice::new(), count(2000));
    for _ in 0..16 {
        let chosen: Vec<usize> = (0..rounds).map(|_| dice.below(tokens.len())).collect();
        let (tokens, address) = (Arc::clone(&tokens), weir.address());
        callers.spawn(async move {
            let mut client = Client::connect(address).await;
            for at in chosen {
                let token = &tokens[at];
                let answer = client.ask(&ask(token)).await;
                let expected = format!("Bearer c{}-{}", at / 2, &token[token.len() - 12..]);
                assert_eq!(answer.json()["result"]["shown"], expected, "{answer:?}");
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.expect("everybody got their own");
    }
    let mut asked = HashMap::<String, usize>::new();
    for request in endpoint.waiting() {
        *asked.entry(Form::of(&request).get("subject_token").to_owned()).or_default() += 1;
    }
    assert!(asked.values().all(|times| *times == 1), "each was exchanged once: {asked:?}");
    weir.stop().await;
}

#[tokio::test]
async fn who_has_no_token_is_told_so_and_nothing_is_sent() {
    only_through_weir!();
    let (home, server) = (tempfile::tempdir().unwrap(), telling().await);
    let endpoint = token_endpoint(|_, _| granted("x", 600)).await;
    let open = "[auth.anonymous]\nenabled = true\nroles = [\"user\"]\n";
    let weir = Gateway::config(&example(home.path(), &server, &endpoint, open)).start().await;
    for post in [call("1", "echo", "{}"), legacy("1", "tools/list", "{}")] {
        let answer = weir.client().await.ask(&post).await;
        assert_eq!(answer.status(), 401, "{answer:?}");
        assert_eq!(answer.refusal(), (40101, "unauthenticated".into(), "no".into()));
        assert_eq!(
            answer.head.header("www-authenticate"),
            Some(&*format!("Bearer resource_metadata=\"{PUBLIC}/.well-known/oauth-protected-resource/mcp\""))
        );
    }
    assert!(server.waiting().is_empty() && endpoint.waiting().is_empty());
    weir.stop().await;
}

#[tokio::test]
async fn a_token_whose_issuer_is_asked_is_exchanged_like_any_other() {
    only_through_weir!();
    let (home, server) = (tempfile::tempdir().unwrap(), telling().await);
    let endpoint = token_endpoint(|request, form| match request.path() {
        "/introspect" => {
            let known = form.get("token") == "opaque-olga";
            let told = json!({ "active": known, "sub": "olga", "aud": format!("{PUBLIC}/mcp"), "exp": now() + 600 });
            ("200 OK", told.to_string())
        }
        _ => granted(&format!("for-{}", form.get("subject_token").len()), 600),
    })
    .await;
    let asked = format!(
        "[[auth.introspection]]\nissuer = \"https://opaque.example.com/\"\nurl = {:?}\n\
         client = {{ id = \"weir\", secret = {{ file = {:?} }} }}\n",
        token_url(&endpoint, "introspect"),
        home.path().join("secret"),
    );
    let weir = Gateway::config(&example(home.path(), &server, &endpoint, &asked)).start().await;
    for _ in 0..2 {
        let answer = weir.client().await.ask(&ask("opaque-olga")).await;
        assert_eq!((answer.status(), &answer.json()["result"]["shown"]), (200, &json!("Bearer for-11")), "{answer:?}");
    }
    let requests = endpoint.waiting();
    let exchanged: Vec<_> = requests.iter().filter(|request| request.path() == "/token").map(Form::of).collect();
    assert_eq!(exchanged.len(), 1, "{requests:?}");
    assert_eq!(exchanged[0].get("subject_token"), "opaque-olga");
    assert_eq!(weir.client().await.ask(&ask("opaque-other")).await.status(), 401);
    assert!(endpoint.waiting().iter().all(|request| request.path() == "/introspect"), "a stranger's is not exchanged");
    weir.stop().await;
}

#[tokio::test]
async fn where_none_is_given_in_exchange_nothing_is_sent() {
    only_through_weir!();
    let (home, server) = (tempfile::tempdir().unwrap(), telling().await);
    let endpoint = token_endpoint(|_, form| {
        let refused = |error: &str| ("400 No", json!({ "error": error }).to_string());
        match subject(form.get("subject_token")).as_str() {
            "grant" => refused("invalid_grant"),
            "target" => refused("invalid_target"),
            "denied" => refused("access_denied"),
            "client" => refused("invalid_client"),
            "same" => granted(form.get("subject_token"), 600),
            "page" => ("200 OK", "<html>".to_owned()),
            "ended" => granted("x", 0),
            _ => ("500 Oh", String::new()),
        }
    })
    .await;
    let weir = Gateway::config(&example(home.path(), &server, &endpoint, "")).start().await;
    let refused = ("policy_denied", 403, 40301);
    let away = ("identity_unavailable", 503, 50301);
    for (case, (reason, status, code)) in [
        ("grant", refused),
        ("target", refused),
        ("denied", refused),
        ("client", away),
        ("same", away),
        ("page", away),
        ("ended", away),
        ("down", away),
    ] {
        let token = token(case, 600, 0);
        for _ in 0..5 {
            let answer = weir.client().await.ask(&ask(&token)).await;
            assert_eq!((answer.status(), answer.refusal()), (status, (code, reason.into(), "no".into())), "{case}");
        }
    }
    assert!(server.waiting().is_empty(), "nothing reached the server");
    let asked = endpoint.waiting().len();
    assert!(asked < 40, "nobody has it asked again and again: {asked} requests for 40 calls");
    let log = weir.log().await;
    assert!(log.contains("it gives back the caller's own token"), "{log}");
    assert!(log.contains("exchanges no token of this caller"), "{log}");
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_exchanged_anew_and_the_call_is_sent_once() {
    only_through_weir!();
    let (home, given) = (tempfile::tempdir().unwrap(), AtomicUsize::new(0));
    let endpoint =
        token_endpoint(move |_, _| granted(&format!("t{}", given.fetch_add(1, Ordering::Relaxed)), 600)).await;
    let server = Scripted::start(|exchange: Exchange| async move {
        let id = exchange.request.id();
        match exchange.request.header("authorization") {
            Some("Bearer t0") => exchange.answer("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "").await,
            _ => exchange.json(result(&id, r#"{"resultType":"complete","content":[]}"#)).await,
        }
    })
    .await;
    let weir = Gateway::config(&example(home.path(), &server, &endpoint, "")).start().await;
    let ann = token("ann", 600, 0);
    let first = weir.client().await.ask(&ask(&ann)).await;
    assert_eq!(
        (first.status(), first.refusal().1, first.head.header("www-authenticate")),
        (502, "upstream_bad_response".into(), None)
    );
    assert_eq!(weir.client().await.ask(&ask(&ann)).await.status(), 200);
    assert_eq!((server.waiting().len(), endpoint.waiting().len()), (2, 2));
    weir.stop().await;
}

#[tokio::test]
async fn tokens_are_replaced_before_their_end_and_a_reload_keeps_them() {
    only_through_weir!();
    let (home, server, given) = (tempfile::tempdir().unwrap(), telling().await, AtomicUsize::new(0));
    let lives = Arc::new(AtomicUsize::new(3));
    let life = Arc::clone(&lives);
    let endpoint = token_endpoint(move |_, _| {
        granted(&format!("t{}", given.fetch_add(1, Ordering::Relaxed)), life.load(Ordering::Relaxed) as u64)
    })
    .await;
    let text = example(home.path(), &server, &endpoint, "");
    let weir = Gateway::config(&text).start().await;
    let ann = token("ann", 600, 0);
    let shown = async || {
        let answer = weir.client().await.ask(&ask(&ann)).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()["result"]["shown"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown().await, "Bearer t0");
    lives.store(600, Ordering::Relaxed);
    until("another one is shown", async || shown().await != "Bearer t0").await;
    let kept = shown().await;
    endpoint.waiting();
    weir.write(&format!("{text}\n[http]\nbody = \"1MiB\"\n"));
    weir.hang_up();
    until("it is reloaded", async || weir.said().contains("the configuration was reloaded")).await;
    assert_eq!(shown().await, kept);
    assert!(endpoint.waiting().is_empty(), "what is the same keeps its tokens");
    secret(home.path(), "secret", "another");
    until("the new secret is used", async || {
        let _ = shown().await;
        endpoint.waiting().iter().any(|request| basic(request) == "weir:another")
    })
    .await;
    weir.stop().await;
}

#[tokio::test]
async fn the_doctor_says_that_a_server_waits_for_callers() {
    only_through_weir!();
    let home = tempfile::tempdir().unwrap();
    let server = Scripted::start(|exchange: Exchange| async move {
        let after: After = exchange.answer("401 Unauthorized", "", "").await;
        after
    })
    .await;
    let endpoint = token_endpoint(|_, _| granted("x", 600)).await;
    let file = secret(home.path(), "weir.toml", &example(home.path(), &server, &endpoint, ""));
    let (_, told) = doctor(&file).await;
    let line = told.lines().find(|line| line.contains("files http")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.starts_with("ok") && line.contains("those of callers"), "{told}");
    assert!(endpoint.waiting().is_empty());
}
