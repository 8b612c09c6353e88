//! What is kept of keys: over starts, reloads, copies and kills; and orders of operators.

use serde_json::{Value, json};

use crate::support::{Gateway, only_through_weir, until};

use super::{House, answering, config, status};

#[tokio::test]
async fn keys_are_made_before_the_first_start_and_outlive_each() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let (code, why) = house.failed(&["keys", "list"]).await;
    assert!(code == Some(1) && why.contains("--data") && !house.data().exists(), "{why}");
    let (id, key) = house.add(&["--role", "user", "--expires", "30d"]).await;
    let file = house.data().join("store/weir.db");
    let bytes = std::fs::read(&file).unwrap();
    assert!(memchr::memmem::find(&bytes, &key.as_bytes()[5..20]).is_none(), "no part of a key is kept");
    assert_eq!(house.listed(&id).await["used"], Value::Null);
    for start in 0..2 {
        let weir = house.start(&config(&server.url(), "")).await;
        assert_eq!(status(&mut weir.client().await, &key).await, 200, "start {start}");
        assert!(house.listed(&id).await["used"].is_u64(), "what is shown is as new as what was used");
        weir.stop().await;
    }
    // The address of the daemon that ran is nobody's now, and is not asked.
    let listed = house.done(&["keys", "list"]).await;
    assert!(listed.contains(&id) && listed.contains("active") && !listed.contains(&key[5..20]), "{listed}");
    house.done(&["keys", "revoke", &id]).await;
    let weir = house.start(&config(&server.url(), "")).await;
    assert_eq!(status(&mut weir.client().await, &key).await, 401);
    weir.stop().await;
}

#[tokio::test]
async fn the_last_use_outlives_a_stop() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let (id, key) = house.add(&["--role", "user"]).await;
    let weir = house.start(&config(&server.url(), "")).await;
    assert_eq!(status(&mut weir.client().await, &key).await, 200);
    weir.stop().await;
    assert!(house.listed(&id).await["used"].is_u64());
}

#[tokio::test]
async fn a_reload_begins_and_ends_that_keys_are_taken() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let (_, key) = house.add(&["--role", "user"]).await;
    let without = format!("[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    let weir = house.start(&without).await;
    // Nobody has the store: straight there.
    let (_, other) = house.add(&["--role", "user"]).await;
    assert_eq!(status(&mut weir.client().await, "weir_any").await, 200, "credentials are not looked at");
    weir.write(&config(&server.url(), ""));
    weir.hang_up();
    until("keys are needed", async || status(&mut weir.client().await, "weir_any").await == 401).await;
    for key in [&key, &other] {
        assert_eq!(status(&mut weir.client().await, key).await, 200);
    }
    weir.write(&without);
    weir.hang_up();
    until("keys are not looked at", async || status(&mut weir.client().await, "weir_any").await == 200).await;
    house.add(&[]).await;
    weir.stop().await;
}

/// The store is copied while it is used, put back, and the keys of then are taken.
#[tokio::test]
async fn a_copy_is_put_back() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let weir = house.start(&config(&server.url(), "")).await;
    let (id, key) = house.add(&["--role", "user"]).await;
    house.done(&["backup", "copy.db"]).await;
    house.done(&["keys", "revoke", &id]).await;
    let (code, why) = house.failed(&["backup", "copy.db"]).await;
    assert!(code == Some(1) && why.contains("is there already"), "{why}");
    weir.stop().await;
    house.done(&["backup", "stopped.db"]).await;
    // As docs/OPERATIONS.md says.
    let store = house.data().join("store");
    std::fs::rename(house.home.path().join("copy.db"), store.join("weir.db")).unwrap();
    let weir = house.start(&config(&server.url(), "")).await;
    assert_eq!(status(&mut weir.client().await, &key).await, 200);
    weir.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_used_ends_the_start_with_the_reason() {
    only_through_weir!();
    let (server, house) = (answering().await, House::new());
    house.add(&[]).await;
    let file = house.data().join("store/weir.db");
    std::fs::write(&file, "this is a text of somebody, and no database of anybody").unwrap();
    let (code, said) = Gateway::config(&config(&server.url(), "")).data(&house.data()).refused().await;
    assert!(code == Some(1) && said.contains("weir.db") && said.contains("weir backup"), "{said}");
}

#[tokio::test]
async fn a_daemon_that_cannot_be_asked_is_out_of_reach() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let weir = house.start(&config(&server.url(), "")).await;
    house.admin = Some("127.0.0.1:1".to_owned());
    let (code, why) = house.failed(&["keys", "list"]).await;
    assert!(code == Some(3) && why.contains("--admin"), "{why}");
    weir.stop().await;
}

/// What an operator may send beside what our command does.
#[tokio::test]
async fn orders_that_are_no_orders_change_nothing() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let weir = house.start(&config(&server.url(), "")).await;
    for (path, body, expected) in [
        ("/api/v1/keys", "", 400),
        ("/api/v1/keys", "[]", 400),
        ("/api/v1/keys", r#"{"owner":7}"#, 400),
        ("/api/v1/keys", r#"{"owner":"ann","lief":60}"#, 400),
        ("/api/v1/keys", r#"{"owner":"ann","life":-1}"#, 400),
        ("/api/v1/keys", r#"{"owner":"ann","roles":"user"}"#, 400),
        ("/api/v1/keys", r#"{"owner":""}"#, 422),
        ("/api/v1/keys", r#"{"owner":"ann","scopes":["a b"]}"#, 422),
        ("/api/v1/keys", r#"{"owner":"ann","life":0}"#, 422),
        ("/api/v1/keys/revoke", "{}", 400),
        ("/api/v1/keys/revoke", r#"{"id":"nobody"}"#, 422),
        ("/api/v1/keys/rotate", r#"{"id":"nobody","overlap":"1h"}"#, 400),
        ("/api/v1/keys/rotate", r#"{"id":"nobody"}"#, 422),
        ("/api/v1/backup", r#"{"path":"relative"}"#, 400),
        ("/api/v1/backup", r#"{"path":"/"}"#, 422),
    ] {
        let mut admin = weir.admin().await;
        admin.bytes(&weir.order("POST", path, body)).await;
        let answer = admin.answer().await;
        assert_eq!(answer.status(), expected, "{path} {body}: {answer:?}");
        assert!(answer.json()["error"]["message"].is_string(), "{answer:?}");
    }
    assert_eq!(house.document(&["keys", "list"]).await, json!({ "keys": [] }));
    weir.stop().await;
}

/// What a command was told outlives the daemon that told it.
#[tokio::test]
async fn a_key_outlives_a_kill_of_the_daemon() {
    only_through_weir!();
    let (server, mut house) = (answering().await, House::new());
    let mut keys = Vec::new();
    for _ in 0..3 {
        let mut weir = house.start(&config(&server.url(), "")).await;
        keys.push(house.add(&["--role", "user"]).await);
        if let [(first, _), _, ..] = &keys[..] {
            house.done(&["keys", "revoke", first]).await;
        }
        weir.kill().await;
    }
    let weir = house.start(&config(&server.url(), "")).await;
    for ((_, key), expected) in keys.iter().zip([401, 200, 200]) {
        assert_eq!(status(&mut weir.client().await, key).await, expected);
    }
    weir.stop().await;
}
