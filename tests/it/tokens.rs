//! Who calls, by token: what is taken and what is refused, with status, code, header and log line.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::reload::reload;
use crate::support::{Gateway, Scripted, call, legacy, only_through_weir, result, until};

const URL: &str = "http://gateway.test/mcp";
pub(crate) const A: &str = "https://a.example/";
pub(crate) const B: &str = "https://b.example/";

pub(crate) struct Issuer(Ed25519KeyPair);

impl Issuer {
    pub(crate) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(crate) fn key_set(&self, id: &str) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x }] }).to_string()
    }

    pub(crate) fn token(&self, header: Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes())))
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims(issuer: &str, subject: &str) -> Value {
    json!({ "iss": issuer, "sub": subject, "aud": URL, "exp": now() + 600, "roles": ["user"] })
}

pub(crate) fn header() -> Value {
    json!({ "alg": "EdDSA", "kid": "1" })
}

/// A configuration with both issuers, whose key sets are beside it.
fn config(keys: &Path, server: &str, more: &str) -> String {
    let issuer = |name: &str, file: &str| {
        format!("[[auth.jwt]]\nissuer = {name:?}\njwks = {{ file = {:?} }}\n", keys.join(file))
    };
    format!(
        "{}{}{more}\n[listen]\npublic_url = \"http://gateway.test\"\n[telemetry]\nlog = {{ format = \"json\" }}\n\
         [[servers]]\nname = \"files\"\nendpoints = [{server:?}]\n",
        issuer(A, "a.json"),
        issuer(B, "b.json"),
    )
}

pub(crate) fn key_sets() -> (TempDir, Issuer, Issuer) {
    let (keys, a, b) = (tempfile::tempdir().unwrap(), Issuer::new(1), Issuer::new(2));
    std::fs::write(keys.path().join("a.json"), a.key_set("1")).unwrap();
    std::fs::write(keys.path().join("b.json"), b.key_set("1")).unwrap();
    (keys, a, b)
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn answering() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

/// A server of the session era that answers everything as `initialize`.
pub(crate) async fn opening_sessions() -> Scripted {
    Scripted::start(|exchange| async move {
        let answer = result(
            &exchange.request.id(),
            r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#,
        );
        exchange.answer("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: theirs\r\n", &answer).await
    })
    .await
}

/// The line of the request with that id, once it is there.
async fn line(weir: &Gateway, id: &Value) -> Value {
    let find = || {
        let said = weir.said();
        let mut lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["id"] == *id && line["route"].is_string())
    };
    until("the line is written", async || find().is_some()).await;
    find().unwrap()
}

#[tokio::test]
async fn a_token_is_taken_and_never_passed_on() {
    only_through_weir!();
    let (server, (keys, a, _)) = (answering().await, key_sets());
    let weir = Gateway::config(&config(keys.path(), &server.url(), "")).start().await;
    let token = a.token(header(), &claims(A, "ann"));
    let mut client = weir.client().await;
    for id in ["1", "2"] {
        let answer = client.ask(&call(id, "echo", "{}").header("Authorization", &bearer(&token))).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let request = server.request().await;
        assert_eq!(request.header("authorization"), None);
        let line = line(&weir, &request.header("x-request-id").into()).await;
        assert_eq!(line["caller"], "ann");
        assert_eq!(line["issuer"], A);
    }
    let log = weir.log().await;
    assert!(!log.contains(&token[..40]), "no part of a token is logged");
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_the_log_why() {
    only_through_weir!();
    let (server, (keys, a, b)) = (answering().await, key_sets());
    let weir = Gateway::config(&config(keys.path(), &server.url(), "")).start().await;
    let with = |name: &str, value: Value| {
        let mut claims = claims(A, "ann");
        claims[name] = value;
        bearer(&a.token(header(), &claims))
    };
    let good = a.token(header(), &claims(A, "ann"));
    let new = "get a new one for this URL";
    for (what, fields, error, advice, reason) in [
        ("nothing", vec![], "", "", "is needed here"),
        ("another scheme", vec![("Authorization", "Basic YTpi".to_owned())], "invalid_request", "not Bearer", "Bearer"),
        ("no token", vec![("Authorization", bearer("abc"))], "invalid_token", "of no kind", "of no kind"),
        (
            "two credentials",
            vec![("Authorization", bearer(&good)), ("X-API-Key", "x".to_owned())],
            "invalid_request",
            "one credential",
            "one credential",
        ),
        (
            "expired",
            vec![("Authorization", with("exp", (now() - 60).into()))],
            "invalid_token",
            "has expired",
            "expired",
        ),
        (
            "for others",
            vec![("Authorization", with("aud", "http://gateway.test/other".into()))],
            "invalid_token",
            "resource (RFC 8707)",
            "`aud`",
        ),
        (
            "a stranger's",
            vec![("Authorization", bearer(&b.token(header(), &claims(A, "ann"))))],
            "invalid_token",
            new,
            "signature",
        ),
        (
            "of nobody",
            vec![("Authorization", with("iss", "https://c.example/".into()))],
            "invalid_token",
            new,
            "no issuer that is configured",
        ),
        (
            "none",
            vec![("Authorization", bearer(&a.token(json!({ "alg": "none" }), &claims(A, "ann"))))],
            "invalid_token",
            new,
            "`alg`",
        ),
        (
            "an unknown key",
            vec![("Authorization", bearer(&a.token(json!({ "alg": "EdDSA", "kid": "2" }), &claims(A, "ann"))))],
            "invalid_token",
            new,
            "`kid`",
        ),
    ] {
        let mut post = call("7", "echo", "{}");
        for (name, value) in &fields {
            post = post.header(name, value);
        }
        let answer = weir.client().await.ask(&post).await;
        let (code, said, _) = answer.refusal();
        assert_eq!((answer.status(), code, said.as_str()), (401, 40101, "unauthenticated"), "{what}: {answer:?}");
        let challenge = answer.head.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("Bearer") && challenge.contains(error), "{what}: {challenge}");
        assert!(challenge.contains(advice), "{what}: {challenge}");
        let message = answer.json()["error"]["message"].to_string();
        for hidden in ["a.example", "b.example", "kid", "alg"] {
            assert!(!challenge.contains(hidden) && !message.contains(hidden), "{what} tells of {hidden}: {answer:?}");
        }
        let line = line(&weir, &answer.json()["error"]["data"]["requestId"]).await;
        assert_eq!((&line["reason"], &line["status"]), (&"unauthenticated".into(), &401.into()), "{line}");
        assert!(line["why"].as_str().is_some_and(|why| why.contains(reason)), "{what}: {line}");
    }
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    let metrics = admin.answer().await;
    assert!(metrics.text().contains(r#"reason="unauthenticated""#), "{}", metrics.text());
    assert!(server.waiting().is_empty(), "nothing of it reached the server");
    weir.stop().await;
}

#[tokio::test]
async fn two_issuers_with_equal_subjects_are_two_principals() {
    only_through_weir!();
    let server = opening_sessions().await;
    let (keys, a, b) = key_sets();
    let weir = Gateway::config(&config(keys.path(), &server.url(), "")).start().await;
    let [ours, theirs] = [(A, &a), (B, &b)].map(|(name, issuer)| bearer(&issuer.token(header(), &claims(name, "ann"))));
    let initialize = legacy(
        "1",
        "initialize",
        r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#,
    );
    let mut client = weir.client().await;
    let begun = client.ask(&initialize.header("Authorization", &ours)).await;
    let session = begun.head.header("mcp-session-id").expect("a session").to_owned();
    let ping = |token: &str| legacy("2", "ping", "{}").session(&session).header("Authorization", token);
    assert_eq!(client.ask(&ping(&ours)).await.status(), 200);
    let stolen = client.ask(&ping(&theirs)).await;
    assert_eq!((stolen.status(), stolen.refusal().1.as_str()), (404, "session_not_found"), "{stolen:?}");
    weir.stop().await;
}

#[tokio::test]
async fn other_keys_end_what_was_verified_with_the_old_ones() {
    only_through_weir!();
    let (server, (keys, a, _)) = (answering().await, key_sets());
    let weir = Gateway::config(&config(keys.path(), &server.url(), "")).start().await;
    let token = bearer(&a.token(header(), &claims(A, "ann")));
    let mut client = weir.client().await;
    let ask = call("1", "echo", "{}").header("Authorization", &token);
    assert_eq!(client.ask(&ask).await.status(), 200);
    std::fs::write(keys.path().join("a.json"), Issuer::new(3).key_set("1")).unwrap();
    weir.hang_up();
    until("the token is not taken any more", async || weir.client().await.ask(&ask).await.status() == 401).await;
    weir.stop().await;
}

#[tokio::test]
async fn strangers_have_only_so_many_signatures_checked() {
    only_through_weir!();
    let (server, (keys, a, b)) = (answering().await, key_sets());
    let more = "[http]\nunverified = \"3/h\"";
    let weir = Gateway::config(&config(keys.path(), &server.url(), more)).start().await;
    let mut client = weir.client().await;
    let good = bearer(&a.token(header(), &claims(A, "ann")));
    let forged = bearer(&b.token(header(), &claims(A, "ann")));
    let ask = |token: &str| call("1", "echo", "{}").header("Authorization", token);
    assert_eq!(client.ask(&ask(&good)).await.status(), 200);
    for _ in 0..2 {
        assert_eq!(client.ask(&ask(&forged)).await.status(), 401);
    }
    let limited = client.ask(&ask(&forged)).await;
    assert_eq!((limited.status(), limited.refusal().0, limited.refusal().1.as_str()), (429, 42901, "rate_limited"));
    let wait: u64 = limited.head.header("retry-after").expect("when to come again").parse().unwrap();
    assert!((1..=1200).contains(&wait), "{wait}");
    assert_eq!(client.ask(&ask("Bearer a.b.c")).await.status(), 401, "what needs no signature is not counted");
    // Each core has to meet a token once: on the same connection it is the same core.
    assert_eq!(client.ask(&ask(&good)).await.status(), 200, "what was verified is not counted");
    weir.stop().await;
}

#[tokio::test]
async fn what_is_known_is_known_after_a_reload_that_leaves_its_issuer() {
    only_through_weir!();
    let (server, (keys, a, b)) = (answering().await, key_sets());
    let text = config(keys.path(), &server.url(), "[reload]\nwatch = false\n[http]\nunverified = \"2/h\"");
    let text = text.replace("[listen]\n", "[listen]\ncores = 1\n");
    let weir = Gateway::config(&text).start().await;
    let mut client = weir.client().await;
    let [ours, other] = [(A, &a), (B, &b)].map(|(name, issuer)| bearer(&issuer.token(header(), &claims(name, "ann"))));
    let ask = |token: &str| call("1", "echo", "{}").header("Authorization", token);
    for token in [&ours, &other] {
        assert_eq!(client.ask(&ask(token)).await.status(), 200);
    }
    // Another role here, another order of issuers, and one key more in a set.
    let set =
        |issuer: &Issuer, id: &str| serde_json::from_str::<Value>(&issuer.key_set(id)).unwrap()["keys"][0].clone();
    let more = json!({ "keys": [set(&Issuer::new(9), "9"), set(&a, "1")] });
    std::fs::write(keys.path().join("a.json"), more.to_string()).unwrap();
    weir.write(&format!("{text}\n[[roles]]\nname = \"analyst\"\ntools = [\"*\"]\n"));
    assert_eq!(reload(&weir).await.status(), 200);
    for token in [&ours, &other] {
        assert_eq!(client.ask(&ask(token)).await.status(), 200, "it need not be verified again");
    }
    // What is expected of one issuer's tokens is another matter for these alone.
    let other_claim =
        text.replacen(&format!("issuer = {A:?}\n"), &format!("issuer = {A:?}\nroles_claim = \"groups\"\n"), 1);
    weir.write(&other_claim);
    assert_eq!(reload(&weir).await.status(), 200);
    assert_eq!(client.ask(&ask(&other)).await.status(), 200);
    assert_eq!(client.ask(&ask(&ours)).await.status(), 429, "it has to be verified again");
    weir.stop().await;
}

#[tokio::test]
async fn anonymous_callers_are_let_in_where_it_says_so() {
    only_through_weir!();
    let (server, (keys, a, b)) = (answering().await, key_sets());
    let routes = "[auth.anonymous]\nenabled = true\n[[routes]]\npath = \"/open\"\nservers = [\"files\"]\n[[routes]]\npath = \"/mcp\"\nservers = [\"files\"]\nanonymous = false";
    let weir = Gateway::config(&config(keys.path(), &server.url(), routes)).start().await;
    let mut client = weir.client().await;
    assert_eq!(client.ask(&call("1", "echo", "{}").path("/open")).await.status(), 200);
    assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 401);
    let forged = bearer(&b.token(header(), &claims(A, "ann")));
    let answer = client.ask(&call("1", "echo", "{}").path("/open").header("Authorization", &forged)).await;
    assert_eq!(answer.status(), 401, "a credential that does not do is no better than none");
    let token = bearer(&a.token(header(), &claims(A, "ann")));
    assert_eq!(client.ask(&call("1", "echo", "{}").header("Authorization", &token)).await.status(), 200);
    weir.stop().await;
}

#[tokio::test]
async fn a_token_of_ours_is_made_and_taken() {
    only_through_weir!();
    let server = answering().await;
    let home = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples/local-tokens.toml");
    let example = std::fs::read_to_string(example).unwrap();
    let config = example.replace("http://127.0.0.1:3000/mcp", &server.url());
    let config = config.replace("[listen]\n", "[listen]\npublic_url = \"http://gateway.test\"\n");
    let file = home.path().join("weir.toml");
    std::fs::write(&file, &config).unwrap();
    let data = home.path().join("data");
    let token = |more: &[&str]| {
        let weir = std::env::var_os("WEIR_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into());
        let mut command = Command::new(weir);
        command.args(["token", "--subject", "ann", "--role", "user", "--config"]).arg(&file).arg("--data").arg(&data);
        let output = command.args(more).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        bearer(String::from_utf8(output.stdout).unwrap().trim_end())
    };
    // Before the first start: the key is made by whoever needs it first.
    let (first, other) = (token(&[]), token(&["--audience", "http://elsewhere.test/mcp"]));
    let weir = Gateway::config(&config).data(&data).start().await;
    let mut client = weir.client().await;
    let ask = |token: &str| call("1", "echo", "{}").header("Authorization", token);
    for (token, status) in [(first, 200), (token(&["--for", "1m"]), 200), (other, 401)] {
        let answer = client.ask(&ask(&token)).await;
        assert_eq!(answer.status(), status, "{answer:?}");
    }
    assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 401);
    weir.stop().await;
}
