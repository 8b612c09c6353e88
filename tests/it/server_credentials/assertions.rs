//! `assertion = true`.

use std::path::Path;

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Checker, secret, server};
use crate::support::{Gateway, Post, Scripted, call, legacy, only_through_weir, until};
use crate::tokens::{Issuer, header, now};

const ISSUER: &str = "https://id.example.com/";
const PUBLIC: &str = "http://gateway.test";
const KEYS: &str = "/.well-known/weir-jwks.json";

fn config(home: &Path, server: &Scripted, more: &str) -> String {
    let keys = secret(home, "keys.json", &Issuer::new(1).key_set("1"));
    format!(
        "[[auth.jwt]]\nissuer = {ISSUER:?}\njwks = {{ file = {keys:?} }}\n[auth.anonymous]\nenabled = true\n\
         roles = [\"user\"]\n[listen]\npublic_url = {PUBLIC:?}\ncores = 1\n{more}\n[[servers]]\nname = \"files\"\n\
         endpoints = [{:?}]\nassertion = true\n[[servers]]\nname = \"other\"\nendpoints = [{:?}]\n",
        server.url(),
        server.url(),
    )
}

fn token(subject: &str, roles: &[&str], scope: &str) -> String {
    let audience = ["files", "other"].map(|server| format!("{PUBLIC}/{server}/mcp"));
    let claims = json!({
        "iss": ISSUER, "sub": subject, "aud": audience, "exp": now() + 600, "roles": roles, "scope": scope,
    });
    format!("Bearer {}", Issuer::new(1).token(header(), &claims))
}

fn to(server: &str, post: Post) -> Post {
    post.path(&format!("/{server}/mcp"))
}

fn ring() -> String {
    let mut key = [0; 32];
    rand::fill(&mut key).unwrap();
    STANDARD.encode(key) + "\n"
}

impl Checker {
    async fn check(&mut self, weir: &Gateway, token: &str, audience: &str, at: Option<u64>) -> Value {
        let mut asked = json!({
            "token": token, "jwks": format!("http://{}{KEYS}", weir.address()), "issuer": PUBLIC, "audience": audience,
            "typ": "weir-principal+jwt", "algorithm": "EdDSA",
        });
        if let Some(at) = at {
            asked["at"] = at.into();
        }
        self.ask(&asked).await
    }
}

#[tokio::test]
async fn a_server_checks_who_calls_against_the_published_set() {
    only_through_weir!();
    let (home, server, mut jose) = (tempfile::tempdir().unwrap(), server().await, Checker::start());
    let weir = Gateway::config(&config(home.path(), &server, "")).start().await;
    let ask = async |post: Post| {
        let answer = weir.client().await.ask(&to("files", post)).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        server.request().await.header("weir-principal").expect("it is there, once").to_owned()
    };
    let ann = call("1", "echo", "{}").header("Authorization", &token("ann", &["user", "unknown"], "a b"));
    let shown = ask(ann.clone()).await;
    let checked = jose.check(&weir, &shown, "files", None).await;
    let claims = &checked["claims"];
    assert_eq!((&claims["sub"], &claims["means"], &claims["scope"]), (&json!("ann"), &json!("jwt"), &json!("a b")));
    assert_eq!(claims["roles"], json!(["user", "unknown"]), "{checked}");
    assert_eq!(claims["sub_id"], json!({ "format": "iss_sub", "iss": ISSUER, "sub": "ann" }));
    let exp = claims["exp"].as_u64().unwrap();
    assert_eq!(exp - claims["iat"].as_u64().unwrap(), 60);

    // Expired, for somebody else, changed.
    assert_eq!(jose.check(&weir, &shown, "files", Some(exp)).await["error"], "ERR_JWT_EXPIRED");
    assert_eq!(jose.check(&weir, &shown, "other", None).await["error"], "ERR_JWT_CLAIM_VALIDATION_FAILED");
    let (front, signature) = shown.rsplit_once('.').unwrap();
    let changed = format!("{front}.{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..]);
    let changed = jose.check(&weir, &changed, "files", None).await;
    assert_eq!(changed["error"], "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");

    // Of the same caller with other rights, of another one, of nobody.
    let less = call("1", "echo", "{}").header("Authorization", &token("ann", &["user"], ""));
    let less = jose.check(&weir, &ask(less).await, "files", None).await;
    assert_eq!((&less["claims"]["sub"], &less["claims"]["roles"]), (&json!("ann"), &json!(["user"])));
    let bob = legacy("1", "tools/list", "{}").header("Authorization", &token("bob", &["user"], ""));
    assert_eq!(jose.check(&weir, &ask(bob).await, "files", None).await["claims"]["sub"], "bob");
    let nobody = jose.check(&weir, &ask(call("1", "echo", "{}")).await, "files", None).await;
    assert_eq!((&nobody["claims"]["means"], nobody["claims"].get("sub")), (&json!("anonymous"), None), "{nobody}");

    // An assertion is no credential of ours.
    let back = call("1", "echo", "{}").header("Authorization", &format!("Bearer {shown}"));
    assert_eq!(weir.client().await.ask(&to("files", back)).await.status(), 401);
    let log = weir.log().await;
    assert!(!log.contains(&shown[..60]), "{log}");
}

#[tokio::test]
async fn what_a_client_asserts_of_itself_never_arrives() {
    only_through_weir!();
    let (home, server) = (tempfile::tempdir().unwrap(), server().await);
    let weir = Gateway::config(&config(home.path(), &server, "")).start().await;
    for (name, on) in [("files", true), ("other", false)] {
        for field in ["Weir-Principal", "weir-principal", "WEIR-PRINCIPAL"] {
            let forged = call("1", "echo", "{}").header(field, "e30.e30.forged");
            assert_eq!(weir.client().await.ask(&to(name, forged)).await.status(), 200);
            let request = server.request().await;
            assert_eq!(request.header("weir-principal").is_some(), on);
            assert!(!String::from_utf8_lossy(&request.head.raw).contains("forged"), "{request:?}");
        }
    }
    weir.stop().await;
}

#[tokio::test]
async fn keys_are_rotated_with_the_ring_and_shared_by_all_nodes() {
    only_through_weir!();
    let (home, server, mut jose) = (tempfile::tempdir().unwrap(), server().await, Checker::start());
    let (old, new) = (ring(), ring());
    let file = secret(home.path(), "ring", &old);
    let config = config(home.path(), &server, &format!("[keys]\nring = {{ file = {file:?} }}\n"));
    let (weir, other) = (Gateway::config(&config).start().await, Gateway::config(&config).start().await);
    let shown = async || {
        let answer = weir.client().await.ask(&to("files", call("1", "echo", "{}"))).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        server.request().await.header("weir-principal").unwrap().to_owned()
    };
    let keys = async |weir: &Gateway| {
        let mut client = weir.client().await;
        client.get(KEYS, &["Authorization: Bearer nonsense"]).await;
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.head.header("cache-control")), (200, Some("private, max-age=300")));
        answer.json()["keys"].as_array().unwrap().clone()
    };
    let first = shown().await;
    assert_eq!(keys(&weir).await.len(), 1);
    assert_eq!(keys(&weir).await, keys(&other).await);
    let private = keys(&weir).await[0].as_object().unwrap().keys().any(|member| member == "d");
    assert!(!private);
    let here = jose.check(&other, &first, "files", None).await;
    assert_eq!(here["claims"]["aud"], "files", "another node's set has it as well: {here}");

    // First it is known everywhere, then it signs.
    secret(home.path(), "ring", &format!("{old}{new}"));
    until("both are published", async || keys(&weir).await.len() == 2 && keys(&other).await.len() == 2).await;
    let kid = jose.check(&weir, &shown().await, "files", None).await["header"]["kid"].clone();
    assert_eq!(kid, here["header"]["kid"], "the first key signs");
    secret(home.path(), "ring", &format!("{new}{old}"));
    until("the new key signs", async || {
        let signed = shown().await;
        jose.check(&weir, &signed, "files", None).await["header"]["kid"] != kid
    })
    .await;
    assert_eq!(jose.check(&weir, &first, "files", None).await["claims"]["aud"], "files", "the old one stays valid");
    secret(home.path(), "ring", &new);
    until("the old key is gone", async || keys(&weir).await.len() == 1).await;
    assert_eq!(jose.check(&weir, &first, "files", None).await["error"], "ERR_JWKS_NO_MATCHING_KEY");
    weir.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn where_no_server_asks_who_calls_there_is_no_set() {
    only_through_weir!();
    let server = server().await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    client.get(KEYS, &[]).await;
    assert_eq!(client.answer().await.status(), 404);
    weir.stop().await;
}
