//! Tokens with too few scopes, and what servers say of credentials.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ISSUER, PUBLIC, answering, config, route};
use crate::support::{Gateway, Post, Scripted, call, legacy, only_through_weir};
use crate::tokens::{Issuer, header, now};

fn issuer() -> (TempDir, Issuer) {
    let (keys, issuer) = (tempfile::tempdir().unwrap(), Issuer::new(1));
    std::fs::write(keys.path().join("keys.json"), issuer.key_set("1")).unwrap();
    (keys, issuer)
}

/// A token for `path`; `more` are further claims.
fn token(issuer: &Issuer, path: &str, more: Value) -> String {
    let mut claims = json!({
        "iss": ISSUER, "sub": "ann", "aud": format!("{PUBLIC}{path}"), "exp": now() + 600, "roles": ["user"],
    });
    for (name, value) in more.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    format!("Bearer {}", issuer.token(header(), &claims))
}

fn with(post: Post, token: &str) -> Post {
    post.header("Authorization", token)
}

#[tokio::test]
async fn whoever_lacks_a_scope_is_told_all_of_them_in_every_era() {
    only_through_weir!();
    let (server, (keys, issuer)) = (answering().await, issuer());
    let routes = [route("/mcp", "scopes = [\"mcp:tools\", \"mcp:read\"]"), route("/free/mcp", "")].concat();
    let weir = Gateway::config(&config(keys.path(), &server.url(), &routes)).start().await;
    let mut client = weir.client().await;
    for claims in [json!({}), json!({ "scope": "mcp:read other" }), json!({ "scp": ["mcp:tools"] })] {
        let token = token(&issuer, "/mcp", claims);
        for post in [call("1", "echo", "{}"), legacy("1", "ping", "{}")] {
            let answer = client.ask(&with(post, &token)).await;
            let (code, reason, _) = answer.refusal();
            assert_eq!((answer.status(), code, reason.as_str()), (403, 40301, "insufficient_scope"), "{answer:?}");
            let challenge = answer.head.header("www-authenticate").expect("a challenge");
            assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
            assert!(challenge.contains("scope=\"mcp:tools mcp:read\""), "{challenge}");
            let metadata = format!("resource_metadata=\"{PUBLIC}/.well-known/oauth-protected-resource/mcp\"");
            assert!(challenge.contains(&metadata), "{challenge}");
        }
    }
    for claims in [json!({ "scope": "mcp:read mcp:tools" }), json!({ "scp": ["x", "mcp:tools", "mcp:read"] })] {
        let token = token(&issuer, "/mcp", claims);
        // The second time it is known already.
        for _ in 0..2 {
            assert_eq!(client.ask(&with(call("1", "echo", "{}"), &token)).await.status(), 200);
        }
    }
    let free = token(&issuer, "/free/mcp", json!({}));
    assert_eq!(client.ask(&with(call("1", "echo", "{}").path("/free/mcp"), &free)).await.status(), 200);
    weir.stop().await;
}

#[tokio::test]
async fn a_token_that_is_known_from_one_route_is_held_against_the_scopes_of_another() {
    only_through_weir!();
    let (server, (keys, issuer)) = (answering().await, issuer());
    let routes = [route("/mcp", ""), route("/more/mcp", "scopes = [\"mcp:write\"]")].concat();
    let weir = Gateway::config(&config(keys.path(), &server.url(), &routes)).start().await;
    let mut client = weir.client().await;
    let both = json!({ "aud": [format!("{PUBLIC}/mcp"), format!("{PUBLIC}/more/mcp")], "scope": "mcp:read" });
    let token = token(&issuer, "/mcp", both);
    for _ in 0..2 {
        assert_eq!(client.ask(&with(call("1", "echo", "{}"), &token)).await.status(), 200);
        assert_eq!(client.ask(&with(call("1", "echo", "{}").path("/more/mcp"), &token)).await.status(), 403);
    }
    weir.stop().await;
}

#[tokio::test]
async fn what_a_server_says_of_credentials_is_no_word_on_the_clients() {
    only_through_weir!();
    let (keys, issuer) = issuer();
    for (theirs, modern, old) in [("401 Unauthorized", 502, 200), ("403 Forbidden", 403, 403)] {
        let server = Scripted::start(move |exchange| async move {
            let challenge = "WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"theirs\", \
                             resource_metadata=\"http://theirs.test/\"\r\nContent-Type: application/json\r\n";
            let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"who are you"}}"#;
            exchange.answer(theirs, challenge, body).await
        })
        .await;
        let weir = Gateway::config(&config(keys.path(), &server.url(), &route("/mcp", ""))).start().await;
        let mut client = weir.client().await;
        let token = token(&issuer, "/mcp", json!({}));
        for (post, status) in [(call("1", "echo", "{}"), modern), (legacy("1", "ping", "{}"), old)] {
            let answer = client.ask(&with(post, &token)).await;
            assert_eq!(
                (answer.status(), answer.head.header("www-authenticate")),
                (status, None),
                "{theirs}: {answer:?}"
            );
            if modern == 502 {
                assert_eq!(answer.refusal().1, "upstream_bad_response");
            }
            assert_eq!(server.request().await.header("authorization"), None, "a client's token is never passed on");
        }
        weir.stop().await;
    }
}
