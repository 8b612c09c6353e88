//! Opaque tokens: their issuer is asked, and its answer counts for a while.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Provider, Said, URL, answering, ask, metrics, status};
use crate::support::{Client, Gateway, Process, Request, node, only_through_weir, until};
use crate::tokens::now;

/// Our secret at the issuer, as a file.
fn secret(text: &str) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("secret");
    std::fs::write(&file, format!("{text}\n")).unwrap();
    (home, file)
}

/// A gateway that asks about tokens. `more` stands in that section, `rest` beside it.
fn config(issuer: &str, path: &str, secret: &Path, more: &str, server: &str, rest: &str) -> String {
    format!(
        "[[auth.introspection]]\nissuer = {issuer:?}\nurl = \"{issuer}{path}\"\n\
         client = {{ id = \"weir\", secret = {{ file = {secret:?} }} }}\n{more}\n\
         [listen]\npublic_url = \"http://gateway.test\"\n{rest}\n\
         [[servers]]\nname = \"files\"\nendpoints = [{server:?}]\n"
    )
}

/// The token that an issuer was asked about.
fn asked_about(request: &Request) -> String {
    let form = String::from_utf8(request.body.to_vec()).unwrap();
    let token = form.split('&').find_map(|field| field.strip_prefix("token=")).unwrap();
    token.to_owned()
}

/// Says of each token what is in it: `active-SUBJECT`, and anything else is not active.
fn oracle(request: &Request) -> Said {
    let token = asked_about(request);
    Said::Json(match token.strip_prefix("active-") {
        Some(subject) => json!({ "active": true, "sub": subject, "aud": URL, "roles": ["user"] }).to_string(),
        None => json!({ "active": false }).to_string(),
    })
}

#[tokio::test]
async fn an_issuer_is_asked_once_for_many_requests() {
    only_through_weir!();
    let (server, (_home, secret)) = (answering().await, secret("hunter2"));
    let provider = Provider::with(&[]).await;
    provider.says(oracle);
    // One core, so that one asks.
    let rest = "cores = 1\n[http]\nunverified = \"4/h\"\n[telemetry]\nlog = { format = \"json\" }";
    let config = config(&provider.url(), "/introspect", &secret, "", &server.url(), rest);
    let weir = Gateway::config(&config).start().await;
    for _ in 0..5 {
        assert_eq!(status(&weir, "active-ann").await, 200);
        let answer = ask(&mut weir.client().await, "stolen").await;
        assert_eq!((answer.status(), answer.refusal().1.as_str()), (401, "unauthenticated"));
        let challenge = answer.head.header("www-authenticate").expect("a challenge");
        assert!(challenge.contains("invalid_token"), "{challenge}");
    }
    let request = server.request().await;
    assert_eq!(request.header("authorization"), None, "a token is never passed on");
    let asked = provider.server.waiting();
    assert_eq!(asked.iter().map(asked_about).collect::<Vec<_>>(), ["active-ann", "stolen"]);
    // `weir:hunter2`, without the line end of its file.
    assert_eq!(asked[0].header("authorization"), Some("Basic d2VpcjpodW50ZXIy"));
    assert_eq!((asked[0].verb(), asked[0].path()), ("POST", "/introspect"));
    // Whoever makes tokens up is bounded by their address, and what is known is not counted.
    assert_eq!(status(&weir, "made-up-1").await, 401);
    assert_eq!(status(&weir, "made-up-2").await, 401);
    assert_eq!(status(&weir, "made-up-3").await, 429);
    assert_eq!(status(&weir, "active-ann").await, 200);
    let answered = [("outcome", "answered"), ("issuer", &*provider.url())];
    until("it is counted", async || metrics(&weir).await.sum("weir_introspections_total", &answered) == 4.0).await;
    let log = weir.log().await;
    assert!(!log.contains("active-ann") && !log.contains("hunter2"), "neither tokens nor secrets are logged");
    assert!(log.contains("its issuer says that it is not active"), "{log}");
}

#[tokio::test]
async fn what_is_asked_at_once_is_asked_once() {
    only_through_weir!();
    let (server, (_home, secret)) = (answering().await, secret("x"));
    let provider = Provider::with(&[]).await;
    provider.says(|_| Said::Silence);
    let config = config(&provider.url(), "/introspect", &secret, "", &server.url(), "");
    let weir = Gateway::config(&config).start().await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut client = weir.client().await;
        waiting.push(tokio::spawn(async move { ask(&mut client, "active-ann").await }));
    }
    for answer in waiting {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status(), answer.refusal().1.as_str()), (503, "identity_unavailable"), "{answer:?}");
        assert!(answer.head.header("retry-after").is_some());
    }
    let asked = provider.asked().len();
    assert!((1..8).contains(&asked), "requests on all cores wait for one answer, not {asked}");
    // Nothing was decided: it is asked again.
    provider.says(oracle);
    assert_eq!(status(&weir, "active-ann").await, 200);
    weir.stop().await;
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_lets_nobody_in() {
    only_through_weir!();
    let (server, (_home, secret)) = (answering().await, secret("x"));
    let provider = Provider::with(&[]).await;
    let config = config(&provider.url(), "/introspect", &secret, "", &server.url(), "");
    let weir = Gateway::config(&config).start().await;
    let html = || Said::Other("200 OK", "Content-Type: text/html\r\n".into(), r#"{"active":true}"#.into());
    let active = json!({ "active": true, "sub": "ann", "aud": URL }).to_string();
    let large = format!("{}{active}", " ".repeat(1 << 20));
    for (what, said) in [
        ("nothing", Box::new(|| Said::Gone) as Box<dyn Fn() -> Said + Send + Sync>),
        ("HTML", Box::new(html)),
        ("1 MiB", Box::new(move || Said::Json(large.clone()))),
        ("a redirect", Box::new(|| Said::Other("307 Temporary Redirect", "Location: /x\r\n".into(), String::new()))),
        ("that we are not known", Box::new(|| Said::Other("401 Unauthorized", String::new(), "{}".into()))),
        ("500", Box::new(|| Said::Other("500 Internal Server Error", String::new(), String::new()))),
        ("no verdict", Box::new(|| Said::Json("{}".into()))),
    ] {
        provider.says(move |_| said());
        let answer = ask(&mut weir.client().await, "active-ann").await;
        assert_eq!((answer.status(), answer.refusal().1.as_str()), (503, "identity_unavailable"), "{what}: {answer:?}");
    }
    // What is said of somebody else's token, or for another place, is no word on this one.
    for (what, said) in [
        ("another issuer", json!({ "active": true, "sub": "ann", "aud": URL, "iss": "https://evil.example.com/" })),
        ("another audience", json!({ "active": true, "sub": "ann", "aud": "http://gateway.test/other" })),
        ("no audience", json!({ "active": true, "sub": "ann" })),
        ("nobody", json!({ "active": true, "aud": URL })),
        ("the past", json!({ "active": true, "sub": "ann", "aud": URL, "exp": now() - 60 })),
        ("the future", json!({ "active": true, "sub": "ann", "aud": URL, "nbf": now() + 600 })),
    ] {
        provider.says(move |_| Said::Json(said.to_string()));
        assert_eq!(status(&weir, &what.replace(' ', "-")).await, 401, "{what}");
    }
    assert!(server.waiting().is_empty(), "nobody got through");
    let said = weir.said();
    assert!(said.contains("an issuer does not say whose tokens are"), "{said}");
    weir.stop().await;
}

#[tokio::test]
async fn another_secret_is_another_client() {
    only_through_weir!();
    let (server, (_home, secret)) = (answering().await, secret("old"));
    let provider = Provider::with(&[]).await;
    // `weir:new`
    provider.says(|request| match request.header("authorization") {
        Some("Basic d2VpcjpuZXc=") => oracle(request),
        _ => Said::Other("401 Unauthorized", String::new(), String::new()),
    });
    let config = config(&provider.url(), "/introspect", &secret, "", &server.url(), "");
    let weir = Gateway::config(&config).start().await;
    assert_eq!(status(&weir, "active-ann").await, 503);
    // The file is watched.
    std::fs::write(&secret, "new\n").unwrap();
    until("the new secret is used", async || status(&weir, "active-ann").await == 200).await;
    weir.stop().await;
}

/// A real authorization server.
struct Real {
    _process: Process,
    issuer: String,
}

impl Real {
    async fn start() -> Self {
        let mut process = Process::start("the authorization server", &mut node("introspection-server.mjs"));
        let issuer = process.line_after("authorization server on ").await;
        Self { _process: process, issuer }
    }

    async fn get(&self, path: &str) -> String {
        let address = self.issuer.strip_prefix("http://").and_then(|address| address.parse().ok());
        let mut asking = Client::connect(address.expect("an address")).await;
        asking.get(path, &[]).await;
        let answer = asking.answer().await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.text().to_owned()
    }
}

#[tokio::test]
async fn tokens_of_a_real_authorization_server_are_taken_in_both_forms_and_revoked() {
    only_through_weir!();
    let (real, server, (_home, secret)) = (Real::start().await, answering().await, secret("a:b c%+"));
    let rest = format!(
        "[auth]\ndefault_roles = [\"user\"]\n[[auth.jwt]]\nissuer = {:?}\n\
         [[routes]]\npath = \"/mcp\"\nservers = [\"files\"]\nscopes = [\"mcp:tools\"]\n\
         [[routes]]\npath = \"/jwt/mcp\"\nservers = [\"files\"]\n",
        real.issuer
    );
    let text = config(&real.issuer, "/token/introspection", &secret, "remember = \"1s\"", &server.url(), &rest);
    let weir = Gateway::config(&text).start().await;
    let opaque = real.get(&format!("/token?sub=ann&resource={URL}")).await;
    let jwt = real.get("/token?sub=ann&resource=http://gateway.test/jwt/mcp").await;
    assert!(!opaque.contains('.') && jwt.split('.').count() == 3, "{opaque} {jwt}");
    let mut client = weir.client().await;
    let answer = ask(&mut client, &opaque).await;
    assert_eq!(answer.status(), 200, "{answer:?} {}", weir.said());
    let to = |path: &str, token: &str| {
        crate::support::call("1", "echo", "{}").path(path).header("Authorization", &format!("Bearer {token}"))
    };
    let answer = client.ask(&to("/jwt/mcp", &jwt)).await;
    assert_eq!(answer.status(), 200, "{answer:?} {}", weir.said());
    // Each is for its own route.
    assert_eq!(client.ask(&to("/jwt/mcp", &opaque)).await.status(), 401);
    assert_eq!(client.ask(&to("/mcp", &jwt)).await.status(), 401);
    real.get(&format!("/revoke?token={opaque}")).await;
    until("it is revoked", async || status(&weir, &opaque).await == 401).await;
    assert_eq!(status(&weir, "never-was-one").await, 401);
    // Clients learn of the issuer once, though it gives out two kinds.
    client.get("/.well-known/oauth-protected-resource/mcp", &[]).await;
    let document: Value = client.answer().await.json();
    assert_eq!(document["authorization_servers"], json!([real.issuer]), "{document}");
    weir.stop().await;
}
