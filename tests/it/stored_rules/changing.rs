//! Each change counts once it is answered; what is wrong changes nothing; no message meets two versions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Dice, Gateway, call, count, only_through_weir, until};

use super::{add, answering, called, config, done, listed, order, ordered, refusing};

const FILE: &str = r#"
[[rules]]
name = "free"
tools = ["*:free"]
then = "pass"
[[rules]]
name = "shut"
tools = ["*:shut"]
then = "refuse"
message = "by the file"
[[rules]]
name = "to the group"
tools = ["*:nowhere"]
then = { goto = "group" }
[[rules]]
name = "in the group"
group = "group"
then = "refuse"
message = "by the group"
"#;

#[tokio::test]
async fn a_change_counts_once_it_is_answered() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config(FILE, &server)).start().await;
    let passes = "- -";
    assert_eq!((called(&weir, "rm").await.as_str(), listed(&weir).await.1), (passes, 0));
    assert_eq!(add(&weir, &refusing("no rm", "rm")).await, 1);
    // On each core: a connection comes to any of them.
    for _ in 0..20 {
        assert_eq!(called(&weir, "rm").await, "by no rm");
    }
    // The file comes first, whatever is stored.
    assert_eq!(add(&weir, &refusing("nothing", "*")).await, 2);
    add(&weir, &json!({ "name": "all", "then": "pass" })).await;
    let first = json!({ "rule": { "name": "open", "tools": ["*:shut"], "then": "pass" }, "position": 0 });
    assert_eq!(done(&weir, "POST", "/api/v1/rules", &first).await, 4);
    assert_eq!((called(&weir, "free").await.as_str(), called(&weir, "shut").await.as_str()), (passes, "by the file"));
    assert_eq!((called(&weir, "ls").await.as_str(), called(&weir, "rm").await.as_str()), ("by nothing", "by no rm"));
    let (names, version) = listed(&weir).await;
    assert_eq!(names.join(" "), "*free *shut *to the group *in the group open no rm nothing all");
    assert_eq!(version, 4);

    let ordered = json!({ "names": ["all", "open", "no rm", "nothing"], "version": 4 });
    assert_eq!(done(&weir, "POST", "/api/v1/rules/order", &ordered).await, 5);
    assert_eq!(called(&weir, "rm").await, passes);
    assert_eq!(done(&weir, "DELETE", "/api/v1/rules/all", &json!({})).await, 6);
    assert_eq!(called(&weir, "rm").await, "by no rm");
    let other = json!({ "rule": { "tools": ["*:rm"], "then": { "goto": "group" } } });
    assert_eq!(done(&weir, "PUT", "/api/v1/rules/no%20rm", &other).await, 7);
    assert_eq!(called(&weir, "rm").await, "by the group");
    assert_eq!(done(&weir, "POST", "/api/v1/rules/rollback", &json!({ "to": 1 })).await, 8);
    assert_eq!((called(&weir, "rm").await.as_str(), called(&weir, "ls").await.as_str()), ("by no rm", passes));
    assert_eq!(done(&weir, "POST", "/api/v1/rules/rollback", &json!({ "to": 5 })).await, 9);
    assert_eq!(called(&weir, "rm").await, passes);

    let told = order(&weir, "GET", "/api/v1/rules/versions?limit=3", &json!(null)).await.json();
    let told = told["versions"].as_array().unwrap().clone();
    let what: Vec<_> = told.iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["rolled back to 5", "rolled back to 1", "changed no rm"]);
    assert!(told.iter().all(|one| one["by"] == "the key of the data directory" && one["at"].as_u64() > Some(1 << 30)));
    let before = order(&weir, "GET", "/api/v1/rules/versions?before=2", &json!(null)).await.json();
    assert_eq!(before["versions"][0]["what"], "added no rm");
    weir.stop().await;
}

#[tokio::test]
async fn whoever_has_seen_another_version_changes_nothing() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config("", &server)).start().await;
    let rule = |name: &str, version: u64| json!({ "rule": refusing(name, "rm"), "version": version });
    assert_eq!(done(&weir, "POST", "/api/v1/rules", &rule("a", 0)).await, 1);
    let stale = order(&weir, "POST", "/api/v1/rules", &rule("b", 0)).await;
    assert_eq!((stale.status(), &stale.json()["error"]["details"]["version"]), (409, &json!(1)));
    let body = json!({ "rule": refusing("b", "ls") }).to_string();
    let tagged = async |tag: &str| {
        let fields = format!("If-Match: {tag}\r\n");
        ordered(&weir, "POST", "/api/v1/rules", &fields, &body).await
    };
    let stale = tagged("\"0\"").await;
    assert_eq!((stale.status(), stale.head.header("etag"), listed(&weir).await.1), (412, Some("\"1\""), 1));
    assert_eq!(tagged("W/1").await.status(), 400);
    assert_eq!((tagged("\"1\"").await.status(), listed(&weir).await.1), (201, 2));
    let gone = ordered(&weir, "DELETE", "/api/v1/rules/a", "If-Match: \"1\"\r\n", "").await;
    assert_eq!(gone.status(), 412);
    // Of those who change the same version at once one does.
    let orders = (0..8).map(|number| {
        let body = json!({ "rule": refusing(&format!("c{number}"), "x"), "version": 2 });
        let weir = &weir;
        async move { order(weir, "POST", "/api/v1/rules", &body).await.status() }
    });
    let mut told = futures_util::future::join_all(orders).await;
    told.sort_unstable();
    assert_eq!(told, [201, 409, 409, 409, 409, 409, 409, 409]);
    weir.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_key_and_changes_nothing() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config(FILE, &server)).start().await;
    add(&weir, &refusing("no rm", "rm")).await;
    let before = listed(&weir).await;
    for (method, path, body, status, said) in [
        ("POST", "", json!({ "rule": { "name": "a", "toolz": [], "then": "pass" } }), 422, "`toolz`"),
        ("POST", "", json!({ "rule": { "name": "a", "when": "principal.rolls == 1", "then": "pass" } }), 422, "rolls"),
        ("POST", "", json!({ "rule": { "name": "a", "then": { "route": [{ "server": "b" }] } } }), 422, "\"b\""),
        ("POST", "", json!({ "rule": { "name": "a", "then": "pass", "group": "group" } }), 422, "`group`"),
        ("POST", "", json!({ "rule": { "name": "a", "then": "queue" } }), 422, "not built into this version"),
        ("POST", "", json!({ "rule": refusing("free", "x") }), 422, "there is a rule \"free\" already"),
        ("POST", "", json!({ "rule": refusing("no rm", "x") }), 422, "there is a rule \"no rm\" already"),
        ("POST", "", json!({ "rule": refusing("order", "x") }), 400, "another name"),
        ("POST", "", json!({ "rule": { "then": "pass" } }), 400, "`name`"),
        ("POST", "", json!({ "rules": [] }), 400, "\"rules\""),
        ("POST", "", json!([]), 400, "the body is a JSON object"),
        ("POST", "", json!({ "rule": refusing("a", "x"), "position": -1 }), 400, "`position`"),
        ("POST", "?dry=true", json!({ "rule": refusing("a", "x") }), 400, "\"dry\""),
        ("PUT", "/no%20rm", json!({ "rule": refusing("other", "x") }), 422, "`name` is for good"),
        ("PUT", "/gone", json!({ "rule": refusing("gone", "x") }), 404, "\"gone\""),
        ("DELETE", "/free", json!({}), 404, "\"free\""),
        ("POST", "/order", json!({ "names": [] }), 422, "each once"),
        ("POST", "/rollback", json!({ "to": 7 }), 404, "7"),
    ] {
        let refused = order(&weir, method, &format!("/api/v1/rules{path}"), &body).await;
        let message = refused.json()["error"].to_string().replace("\\\"", "\"").replace("\\\\", "\\");
        assert!(refused.status() == status && message.contains(said), "{body}: {} {message}", refused.status());
    }
    let long = json!({ "rule": { "name": "a", "then": "refuse", "tools": ["x".repeat(70_000)] } });
    assert_eq!(order(&weir, "POST", "/api/v1/rules", &long).await.status(), 413);
    assert_eq!(listed(&weir).await, before);
    let mut stranger = weir.admin().await;
    stranger.get("/api/v1/rules", &[]).await;
    assert_eq!(stranger.answer().await.status(), 401);
    weir.stop().await;
}

#[tokio::test]
async fn a_trial_says_what_would_be_decided_and_changes_nothing() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config(FILE, &server)).start().await;
    add(&weir, &refusing("no rm", "rm")).await;
    let before = listed(&weir).await;
    let message = |tool: &str| {
        let post = call("1", tool, "{}");
        json!({ "message": serde_json::from_slice::<Value>(post.text()).unwrap() })
    };
    let tried = async |method: &str, path: &str, body: Value| {
        let answer = order(&weir, method, &format!("/api/v1/rules{path}?dry_run=true"), &body).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()
    };
    let told = tried("POST", "", json!({ "rule": refusing("no ls", "ls"), "case": message("ls") })).await;
    assert_eq!((&told["taken"], &told["version"], &told["flaws"]), (&json!(true), &json!(1), &json!([])));
    assert_eq!(told["before"]["ruled"], json!({ "verdict": "pass", "rule": null }));
    assert_eq!(told["after"]["ruled"], json!({ "verdict": "refuse", "rule": "no ls" }));
    let told = tried("DELETE", "/no%20rm", json!({ "case": message("rm") })).await;
    assert_eq!(told["before"]["ruled"]["rule"], "no rm");
    assert_eq!(told["after"]["ruled"]["verdict"], "pass");
    let looked_at = told["before"]["steps"].to_string();
    assert!(looked_at.contains(r#""name":"no rm","applies":true,"says":"refuse","stored":true}"#), "{looked_at}");
    assert_eq!(looked_at.matches("stored").count(), 1, "those of the file are none: {looked_at}");
    let wrong = json!({ "name": "a", "toolz": [], "then": "pas" });
    let told = tried("POST", "", json!({ "rule": wrong })).await;
    assert_eq!((&told["taken"], told["flaws"].as_array().unwrap().len()), (&json!(false), 2), "{told}");
    let told = tried("POST", "/rollback", json!({ "to": 1 })).await;
    assert_eq!(told["taken"], json!(true));
    let real = order(&weir, "DELETE", "/api/v1/rules/no%20rm", &json!({ "case": message("rm") })).await;
    assert_eq!(real.status(), 400, "a case is for a trial");
    assert_eq!((listed(&weir).await, called(&weir, "rm").await.as_str()), (before, "by no rm"));
    // What is told of a message is what becomes of it.
    let explained = order(&weir, "POST", "/api/v1/explain", &message("rm")).await.json();
    assert_eq!(explained["ruled"], json!({ "verdict": "refuse", "rule": "no rm" }));
    weir.stop().await;
}

/// A message is decided by one version, whole: two fields that two rules set are of one.
#[tokio::test]
async fn no_message_meets_two_versions() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config("", &server)).start().await;
    let setting =
        |name: &str, value: &str| json!({ "name": name, "set": { "headers": { format!("x-{name}"): value } } });
    let change = |name: &'static str, value: &'static str| json!({ "rule": setting(name, value) });
    add(&weir, &setting("one", "a")).await;
    let first = add(&weir, &setting("two", "a")).await;
    done(&weir, "PUT", "/api/v1/rules/one", &change("one", "b")).await;
    let second = done(&weir, "PUT", "/api/v1/rules/two", &change("two", "b")).await;
    let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (over, asked, address) = (Arc::clone(&over), Arc::clone(&asked), weir.address());
            tokio::spawn(async move {
                let (mut client, mut seen) = (crate::support::Client::connect(address).await, [0, 0]);
                while !over.load(Ordering::Relaxed) {
                    let told = client.ask(&call("1", "echo", "{}")).await.json()["result"]["told"].clone();
                    match told.as_str() {
                        Some("a a") => seen[0] += 1,
                        Some("b b") => seen[1] += 1,
                        other => panic!("neither of the two: {other:?}"),
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                seen
            })
        })
        .collect();
    let mut dice = Dice::new();
    for turn in 0..count(200).max(20) {
        let (to, told) = [(first, "a a"), (second, "b b")][turn % 2];
        done(&weir, "POST", "/api/v1/rules/rollback", &json!({ "to": to })).await;
        assert_eq!(called(&weir, "echo").await, told);
        let enough = asked.load(Ordering::Relaxed) + 5 + dice.below(20);
        until("calls go on", async || asked.load(Ordering::Relaxed) > enough).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut seen = [0, 0];
    for client in clients {
        let one = client.await.unwrap();
        seen = [seen[0] + one[0], seen[1] + one[1]];
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    weir.stop().await;
}
