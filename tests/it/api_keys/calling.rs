//! Who calls with a key, and what becomes of keys that are not taken.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::{Exposition, Scripted, call, legacy, modern, only_through_weir, result, until};

use super::{House, answering, config, status};
use crate::tokens::opening_sessions;

#[tokio::test]
async fn a_key_is_made_used_and_revoked_while_weir_runs() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let weir = house.start(&config(&server.url(), "[listen]\ncores = 3")).await;
    let (id, key) = house.add(&["--role", "user"]).await;
    assert!(key.starts_with("weir_") && key.len() == 54, "{key}");
    // As many connections as make each of three cores serve some.
    let mut clients = Vec::new();
    for _ in 0..9 {
        clients.push(weir.client().await);
    }
    for client in &mut clients {
        assert_eq!(status(client, &key).await, 200);
        let bearer = client.ask(&call("1", "echo", "{}").header("Authorization", &format!("Bearer {key}"))).await;
        assert_eq!(bearer.status(), 200);
        for _ in 0..2 {
            let request = server.request().await;
            assert_eq!(
                (request.header("authorization"), request.header("x-api-key")),
                (None, None),
                "it is for us alone"
            );
        }
    }
    let revoked = house.document(&["keys", "revoke", &id]).await;
    assert!(revoked["key"]["revoked"].is_u64() && revoked.get("secret").is_none(), "{revoked}");
    for client in &mut clients {
        assert_eq!(status(client, &key).await, 401);
    }
    assert_eq!(house.document(&["keys", "revoke", &id]).await, revoked, "for good, and since then");
    let (code, why) = house.failed(&["keys", "rotate", &id]).await;
    assert!(code == Some(1) && why.contains("revoked"), "{why}");
    let (code, why) = house.failed(&["keys", "revoke", "nobody"]).await;
    assert!(code == Some(1) && why.contains("weir keys list"), "{why}");
    let log = weir.log().await;
    assert!(log.contains("\"caller\":\"ann\"") && log.contains("\"issuer\":\"weir-api-keys\""), "{log}");
    assert!(log.contains("an API key was revoked") && !log.contains(&key[5..20]), "no part of a key is logged");
}

#[tokio::test]
async fn keys_that_are_not_taken_are_counted_by_why() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let weir = house.start(&config(&server.url(), "[listen]\ncores = 2")).await;
    let (revoked, one) = house.add(&["--role", "user"]).await;
    let (rotated, other) = house.add(&["--role", "user"]).await;
    house.document(&["keys", "revoke", &revoked]).await;
    house.document(&["keys", "rotate", &rotated, "--overlap", "0s"]).await;
    let (swapped, last) = one.split_at(one.len() - 1);
    let mistyped = format!("{swapped}{}", if last == "a" { "b" } else { "a" });
    for (key, times) in [(&one, 3), (&other, 2), (&mistyped, 1)] {
        for _ in 0..times {
            assert_eq!(status(&mut weir.client().await, key).await, 401);
        }
    }
    until("all are counted", async || {
        let mut admin = weir.admin().await;
        admin.get("/metrics", &[]).await;
        let page = Exposition::parse(admin.answer().await.text());
        let counted = |why: &str| page.sum("weir_api_keys_refused_total", &[("why", why)]);
        ["revoked", "rotated", "mistyped", "unknown", "expired"].map(counted) == [3.0, 2.0, 1.0, 0.0, 0.0]
    })
    .await;
    weir.stop().await;
}

#[tokio::test]
async fn after_a_revocation_no_request_passes() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let weir = house.start(&config(&server.url(), "[listen]\ncores = 2")).await;
    let (id, key) = house.add(&["--role", "user"]).await;
    let revoked = Arc::new(AtomicBool::new(false));
    let mut busy = Vec::new();
    for _ in 0..8 {
        let (mut client, revoked, key) = (weir.client().await, Arc::clone(&revoked), key.clone());
        busy.push(tokio::spawn(async move {
            let mut passed = 0;
            loop {
                // Looked at before it is sent: what is sent after the command has returned must not pass.
                let after = revoked.load(Ordering::SeqCst);
                match (status(&mut client, &key).await, after) {
                    (200, false) => passed += 1,
                    (200, true) => panic!("a revoked key was taken"),
                    (401, _) if after => return passed,
                    (401, false) => {}
                    (other, _) => panic!("{other}"),
                }
            }
        }));
    }
    // Others are made meanwhile, each of which replaces what the cores read.
    for _ in 0..3 {
        let (_, another) = house.add(&["--role", "user"]).await;
        assert_eq!(status(&mut weir.client().await, &another).await, 200);
    }
    house.done(&["keys", "revoke", &id]).await;
    revoked.store(true, Ordering::SeqCst);
    for client in busy {
        assert!(client.await.unwrap() > 0, "it was taken before");
    }
    weir.stop().await;
}

#[tokio::test]
async fn a_rotated_key_is_the_same_caller() {
    only_through_weir!();
    let server = opening_sessions().await;
    let mut house = House::new();
    let weir = house.start(&config(&server.url(), "")).await;
    let (id, old) = house.add(&["--role", "user"]).await;
    let (_, stranger) = {
        let made = house.document(&["keys", "add", "--owner", "bob", "--role", "user"]).await;
        (made["key"]["id"].clone(), made["secret"].as_str().unwrap().to_owned())
    };
    let mut client = weir.client().await;
    let begin = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#;
    let begin = legacy("1", "initialize", begin).header("X-API-Key", &old);
    let session = client.ask(&begin).await.head.header("mcp-session-id").expect("a session").to_owned();
    let ping = |key: &str| legacy("2", "ping", "{}").session(&session).header("X-API-Key", key);
    let new = house.done(&["keys", "rotate", &id, "--overlap", "1h"]).await;
    for key in [&old, &new] {
        assert_eq!(client.ask(&ping(key)).await.status(), 200, "both are taken, and the session goes on");
    }
    assert_eq!(client.ask(&ping(&stranger)).await.status(), 404);
    let newest = house.done(&["keys", "rotate", &id]).await;
    for (key, expected) in [(&old, 401), (&new, 401), (&newest, 200)] {
        assert_eq!(client.ask(&ping(key)).await.status(), expected);
    }
    let log = weir.log().await;
    assert!(log.contains("was rotated, and this is the secret of before"), "{log}");
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_the_log_why() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let weir = house.start(&config(&server.url(), "[http]\nunverified = \"1/h\"")).await;
    let (_, good) = house.add(&["--role", "user"]).await;
    let (id, revoked) = house.add(&[]).await;
    house.done(&["keys", "revoke", &id]).await;
    let (_, expired) = house.add(&["--expires", "1s"]).await;
    until("it has expired", async || status(&mut weir.client().await, &expired).await == 401).await;
    // Made by the same code with another store behind it.
    let elsewhere = House::new();
    let (_, unknown) = elsewhere.add(&[]).await;
    let mut mistyped = good.clone();
    mistyped.replace_range(20..21, if &good[20..21] == "a" { "b" } else { "a" });
    let ask = "ask whoever runs this gateway";
    for (what, fields, error, advice, reason) in [
        ("nothing", vec![], "", "", "is needed here"),
        ("unknown", vec![("X-API-Key", unknown)], "invalid_token", ask, "no such API key"),
        ("expired", vec![("X-API-Key", expired)], "invalid_token", ask, "has expired"),
        ("revoked", vec![("X-API-Key", revoked.clone())], "invalid_token", ask, "was revoked"),
        ("mistyped", vec![("X-API-Key", mistyped)], "invalid_token", "is not whole", "checksum"),
        ("an operator's", vec![("X-API-Key", weir.admin_key().unwrap())], "invalid_token", "is not whole", "checksum"),
        ("another kind", vec![("Authorization", "Bearer abc".to_owned())], "invalid_token", "of no kind", "of no kind"),
        ("a token", vec![("Authorization", "Bearer a.b.c".to_owned())], "invalid_token", "of no kind", "of no kind"),
        (
            "both",
            vec![("Authorization", format!("Bearer {good}")), ("X-API-Key", good.clone())],
            "invalid_request",
            "one credential",
            "one credential",
        ),
    ] {
        // Often: what costs no signature is not counted.
        for _ in 0..3 {
            let mut post = call("7", "echo", "{}");
            for (name, value) in &fields {
                post = post.header(name, value);
            }
            let answer = weir.client().await.ask(&post).await;
            let (code, said, _) = answer.refusal();
            assert_eq!((answer.status(), code, said.as_str()), (401, 40101, "unauthenticated"), "{what}: {answer:?}");
            let challenge = answer.head.header("www-authenticate").expect("a challenge");
            assert!(challenge.starts_with("Bearer") && challenge.contains(error), "{what}: {challenge}");
            assert!(challenge.contains(advice) && !challenge.contains("resource_metadata"), "{what}: {challenge}");
            let request = answer.json()["error"]["data"]["requestId"].clone();
            let find = || {
                let said = weir.said();
                let mut lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                lines.find(|line| line["id"] == request && line["route"].is_string())
            };
            until("the line is written", async || find().is_some()).await;
            let line = find().unwrap();
            assert!(line["why"].as_str().is_some_and(|why| why.contains(reason)), "{what}: {line}");
        }
    }
    assert!(server.waiting().is_empty(), "nothing of it reached the server");
    assert_eq!(status(&mut weir.client().await, &good).await, 200);
    let log = weir.log().await;
    assert!(!log.contains(&good[5..20]) && !log.contains(&revoked[5..20]), "no part of a key is logged");
}

/// What a caller may see is what the roles of their key grant.
#[tokio::test]
async fn lists_are_by_the_roles_of_the_key() {
    only_through_weir!();
    let tools = r#"{"resultType":"complete","tools":[{"name":"read_a","inputSchema":{"type":"object"}},{"name":"drop_a","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}"#;
    let server = Scripted::answering(move |request| result(&request.id(), tools)).await;
    let mut house = House::new();
    let role = "[[roles]]\nname = \"reader\"\ntools = [\"read_*\"]";
    let weir = house.start(&config(&server.url(), role)).await;
    for (roles, names) in
        [(&["--role", "reader"][..], &["read_a"][..]), (&["--role", "reader", "--role", "user"], &["read_a", "drop_a"])]
    {
        let (_, key) = house.add(roles).await;
        let answer = weir.client().await.ask(&modern("1", "tools/list", "").header("X-API-Key", &key)).await;
        let answer = answer.json();
        let seen: Vec<_> = answer["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert_eq!(seen, names, "{roles:?}");
    }
    // Nothing is granted to whose roles are none.
    for roles in [&[][..], &["--role", "no such role"]] {
        let (_, key) = house.add(roles).await;
        let answer = weir.client().await.ask(&modern("1", "tools/list", "").header("X-API-Key", &key)).await;
        assert_eq!((answer.status(), answer.refusal().1.as_str()), (403, "policy_denied"), "{roles:?}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn a_route_that_needs_a_scope_takes_keys_that_have_it() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let route = "[[routes]]\npath = \"/mcp\"\nservers = [\"files\"]\nscopes = [\"mcp:tools\"]";
    let weir = house.start(&config(&server.url(), route)).await;
    for (scopes, expected) in [(&[][..], 403), (&["--scope", "mcp:tools", "--scope", "x"], 200)] {
        let (_, key) = house.add(&[&["--role", "user"], scopes].concat()).await;
        assert_eq!(status(&mut weir.client().await, &key).await, expected, "{scopes:?}");
    }
    weir.stop().await;
}

/// The example is what it says it is.
#[tokio::test]
async fn the_example_is_used() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/api-keys.toml");
    let example = std::fs::read_to_string(example).unwrap();
    let weir = house.start(&example.replace("http://127.0.0.1:3000/mcp", &server.url())).await;
    let key = house.done(&["keys", "add", "--owner", "ann", "--role", "user", "--expires", "90d"]).await;
    assert_eq!(status(&mut weir.client().await, &key).await, 200);
    assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 401);
    weir.stop().await;
}

/// Both are taken beside each other, and the owner of a key is nobody of the same name elsewhere.
#[tokio::test]
async fn the_owner_of_a_key_and_the_subject_of_a_token_are_two_callers() {
    only_through_weir!();
    let server = opening_sessions().await;
    let mut house = House::new();
    let text = config(&server.url(), "[listen]\npublic_url = \"http://gateway.test\"\n[auth.local]\nenabled = true");
    let weir = house.start(&text).await;
    let (_, key) = house.add(&["--role", "user"]).await;
    let file = house.home.path().join("weir.toml");
    std::fs::write(&file, &text).unwrap();
    house.admin = None;
    let token = house.done(&["token", "--subject", "ann", "--role", "user"]).await;
    let (token, key) = (format!("Bearer {token}"), format!("Bearer {key}"));
    let begin = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#;
    let mut client = weir.client().await;
    for (owner, other) in [(&token, &key), (&key, &token)] {
        let begin = legacy("1", "initialize", begin).header("Authorization", owner);
        let session = client.ask(&begin).await.head.header("mcp-session-id").expect("a session").to_owned();
        let ping = |credential: &str| legacy("2", "ping", "{}").session(&session).header("Authorization", credential);
        assert_eq!(client.ask(&ping(owner)).await.status(), 200);
        let stolen = client.ask(&ping(other)).await;
        assert_eq!((stolen.status(), stolen.refusal().1.as_str()), (404, "session_not_found"), "{stolen:?}");
    }
    weir.stop().await;
}
