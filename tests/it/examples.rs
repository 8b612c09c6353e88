//! Example configurations of who may call, each with what it is for: loaded as it is but for addresses and places of files,
//! and used. Those of API keys, tokens of Weir's own, certificates and exchange are used where these are tried.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::issuers::{self, Provider, Said};
use crate::support::{Answer, Gateway, Post, Request, Scripted, call, only_through_weir, result};
use crate::tls_clients::Authority;
use crate::tokens::{Issuer, header, now};

/// An example, in front of `server`, with this in the place of that.
fn example(name: &str, server: &Scripted, replaced: &[(&str, &str)]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(name);
    let mut text = fs::read_to_string(file).expect("it is there");
    let server = server.url();
    for (from, to) in [("http://127.0.0.1:3000/mcp", &*server)].iter().chain(replaced) {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    text
}

async fn answering() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

fn bearer(post: Post, token: &str) -> Post {
    post.header("Authorization", &format!("Bearer {token}"))
}

/// Status, and the reason where it was refused.
fn outcome(answer: &Answer) -> (u16, Option<String>) {
    let reason = answer.json()["error"]["data"]["reason"].as_str().map(str::to_owned);
    (answer.status(), reason)
}

async fn ask(weir: &Gateway, post: &Post) -> (u16, Option<String>) {
    outcome(&weir.client().await.ask(post).await)
}

fn refused(status: u16, reason: &str) -> (u16, Option<String>) {
    (status, Some(reason.to_owned()))
}

#[tokio::test]
async fn anonymous_callers_look_and_others_show_who_they_are() {
    only_through_weir!();
    let server = answering().await;
    // On a port that is not known before, somebody has to say what we are called.
    let called = [("address = \"127.0.0.1:8080\"", "public_url = \"http://gateway.test\"")];
    let weir = Gateway::config(&example("anonymous.toml", &server, &called)).start().await;
    assert_eq!(ask(&weir, &call("1", "read_file", "{}")).await, (200, None));
    assert_eq!(ask(&weir, &call("1", "write_file", "{}")).await, refused(200, "unknown_name"));
    let members = call("1", "read_file", "{}").path("/members/mcp");
    assert_eq!(ask(&weir, &members).await, refused(401, "unauthenticated"));
    weir.stop().await;
}

#[tokio::test]
async fn an_issuer_on_the_net_is_found_and_another_one_is_asked() {
    only_through_weir!();
    let (server, key, authority) = (answering().await, Issuer::new(1), Authority::new("An authority of the house"));
    let (public, private) = (Provider::with(&[]).await, Provider::with(&[]).await);
    let (id, login) = (issuers::behind_tls(&authority, &public).await, issuers::behind_tls(&authority, &private).await);
    let (metadata, set) = (issuers::metadata(&id, &format!("{id}{}", issuers::KEYS)), issuers::set(&[(&key, "1")]));
    public.says(move |request| match request.path() {
        issuers::OAUTH => Said::Json(metadata.clone()),
        issuers::KEYS => Said::Json(set.clone()),
        _ => Said::Gone,
    });
    private.says(|request: &Request| {
        let form = String::from_utf8(request.body.to_vec()).expect("a form");
        let active = request.path() == "/oauth2/introspect" && form.contains("token=opaque");
        Said::Json(match active {
            true => json!({ "active": true, "sub": "bob", "aud": "https://gateway.example.com/mcp" }).to_string(),
            false => json!({ "active": false }).to_string(),
        })
    });
    let credentials = tempfile::tempdir().expect("a directory");
    fs::write(credentials.path().join("introspection_secret"), "hunter2\n").expect("it can be written");
    let ca = authority.path("ca.pem");
    let replaced = [
        ("https://id.example.com/", &*id),
        ("https://login.internal/oauth2", &*format!("{login}/oauth2")),
        ("https://login.internal/", &*login),
        ("/etc/weir/tls/internal.pem", ca.to_str().expect("UTF-8")),
    ];
    let text = example("issuers.toml", &server, &replaced);
    let weir = Gateway::config(&text).with("CREDENTIALS_DIRECTORY", credentials.path().to_str().expect("UTF-8"));
    let weir = weir.start().await;
    let claims = json!({ "iss": id, "sub": "ann", "aud": "https://gateway.example.com/mcp", "exp": now() + 600 });
    let signed = key.token(header(), &claims);
    let ask_with = async |token: &str| ask(&weir, &bearer(call("1", "echo", "{}"), token)).await;
    assert_eq!(ask_with(&signed).await, (200, None), "{}", weir.said());
    assert_eq!(ask_with("opaque").await, (200, None), "{}", weir.said());
    assert_eq!(ask_with("stolen").await, refused(401, "unauthenticated"));
    weir.stop().await;
}

#[tokio::test]
async fn issuers_with_key_files_name_callers_and_roles_in_their_own_words() {
    only_through_weir!();
    let (server, home, a, b) =
        (answering().await, tempfile::tempdir().expect("a directory"), Signer::new(), Signer::new());
    let (ours, theirs) = (home.path().join("a.json"), home.path().join("b.json"));
    fs::write(&ours, a.key_set()).and_then(|()| fs::write(&theirs, b.key_set())).expect("they can be written");
    let replaced = [
        ("/etc/weir/id.example.com.json", ours.to_str().expect("UTF-8")),
        ("/etc/weir/keycloak.json", theirs.to_str().expect("UTF-8")),
    ];
    let weir = Gateway::config(&example("jwt.toml", &server, &replaced)).start().await;
    let id = json!({ "iss": "https://id.example.com/", "sub": "ann", "aud": "https://gateway.example.com/mcp", "exp": now() + 600, "roles": "user" });
    let keycloak = json!({ "iss": "https://keycloak.example.com/realms/ci", "azp": "robot", "aud": ["weir"], "exp": now() + 600, "realm_access": { "roles": ["user"] } });
    let with = |mut claims: Value, scope: &str| {
        claims["scope"] = scope.into();
        claims
    };
    for (signer, claims, path, expected) in [
        (&a, with(id.clone(), "mcp:tools"), "/mcp", (200, None)),
        (&a, with(id.clone(), "other"), "/mcp", refused(403, "insufficient_scope")),
        (&b, with(keycloak.clone(), "mcp:tools"), "/mcp", (200, None)),
        (&b, with(keycloak.clone(), "mcp:tools"), "/public/mcp", (200, None)),
        // Meant for the other route; and signed by the other issuer.
        (&a, with(id.clone(), "mcp:tools"), "/public/mcp", refused(401, "unauthenticated")),
        (&b, with(id, "mcp:tools"), "/mcp", refused(401, "unauthenticated")),
    ] {
        let answer = ask(&weir, &bearer(call("1", "echo", "{}").path(path), &signer.token(&claims))).await;
        assert_eq!(answer, expected, "{claims} at {path}");
    }
    assert_eq!(ask(&weir, &call("1", "echo", "{}")).await, refused(401, "unauthenticated"));
    assert_eq!(ask(&weir, &call("1", "echo", "{}").path("/public/mcp")).await, (200, None));
    weir.stop().await;
}

/// One that signs by ES256, as the example asks for.
struct Signer(aws_lc_rs::signature::EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key can be made"))
    }

    fn key_set(&self) -> String {
        use aws_lc_rs::signature::KeyPair;
        // 4, x, y.
        let point = self.0.public_key().as_ref();
        let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y }] }).to_string()
    }

    fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": "1" }).to_string();
        let signed = format!("{}.{}", encoded(header.as_bytes()), encoded(claims.to_string().as_bytes()));
        let signature = self.0.sign(&aws_lc_rs::rand::SystemRandom::new(), signed.as_bytes()).expect("it signs");
        format!("{signed}.{}", encoded(signature.as_ref()))
    }
}

fn encoded(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}
