//! Over starts, reloads and kills; what does not fit a configuration.

use serde_json::json;

use crate::support::{Gateway, Scripted, count, only_through_weir, until};

use super::{add, answering, called, config, done, listed, order, refusing};

async fn started(more: &str, server: &Scripted, data: &std::path::Path) -> Gateway {
    Gateway::config(&config(more, server)).data(data).start().await
}

#[tokio::test]
async fn what_was_answered_outlives_a_stop_and_a_kill() {
    only_through_weir!();
    let (server, data) = (answering().await, tempfile::tempdir().unwrap());
    let weir = started("", &server, data.path()).await;
    add(&weir, &refusing("first", "rm")).await;
    weir.stop().await;
    let mut kept = vec!["first".to_owned()];
    for start in 0..count(60).max(4) {
        let mut weir = started("", &server, data.path()).await;
        assert_eq!(called(&weir, "rm").await, "by first", "before any other order");
        let name = format!("rule-{start}");
        add(&weir, &refusing(&name, "x")).await;
        kept.push(name);
        weir.kill().await;
    }
    let weir = started("", &server, data.path()).await;
    assert_eq!(listed(&weir).await, (kept.clone(), kept.len() as u64));
    // Another store, which says nothing, has none.
    assert!(listed(&started("", &server, tempfile::tempdir().unwrap().path()).await).await.0.is_empty());
    weir.stop().await;
}

/// A second server in the configuration, which a rule may need.
fn second(server: &Scripted) -> String {
    format!("[[servers]]\nname = \"other\"\nendpoints = [{:?}]\n", server.url())
}

#[tokio::test]
async fn a_configuration_that_a_stored_rule_does_not_fit_is_refused() {
    only_through_weir!();
    let (server, data) = (answering().await, tempfile::tempdir().unwrap());
    let weir = started(&second(&server), &server, data.path()).await;
    add(&weir, &refusing("no rm", "rm")).await;
    add(&weir, &json!({ "name": "elsewhere", "tools": ["*:x"], "then": { "route": [{ "server": "other" }] } })).await;
    let named =
        |name: &str| second(&server) + &format!("[[rules]]\nname = {name:?}\ntools = [\"*:y\"]\nthen = \"pass\"\n");
    for (wrong, said) in [(String::new(), "elsewhere"), (named("no rm"), "there is a rule")] {
        weir.write(&config(&wrong, &server));
        let refused = order(&weir, "POST", "/api/v1/reload", &json!(null)).await;
        let why = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(refused.status() == 422 && why.contains(said) && why.contains("weir rules"), "{why}");
        assert_eq!(called(&weir, "rm").await, "by no rm", "what was in force stays so");
    }
    // One that fits takes the stored rules along, behind its own.
    weir.write(&config(&named("of the file"), &server));
    assert_eq!(order(&weir, "POST", "/api/v1/reload", &json!(null)).await.status(), 200);
    assert_eq!(
        (called(&weir, "rm").await, listed(&weir).await.0.join(" ")),
        ("by no rm".to_owned(), "*of the file no rm elsewhere".to_owned())
    );
    // A stored rule may be changed after a reload, too.
    done(&weir, "PUT", "/api/v1/rules/no%20rm", &json!({ "rule": refusing("no rm", "ls") })).await;
    assert_eq!((called(&weir, "rm").await.as_str(), called(&weir, "ls").await.as_str()), ("- -", "by no rm"));
    weir.stop().await;

    // Nor does it start, unless the operator says so.
    let (code, said) = Gateway::config(&config("", &server)).data(data.path()).refused().await;
    assert!(code == Some(2) && said.contains("elsewhere") && said.contains("rules = false"), "{said}");
    let weir = started("[store]\nrules = false\n", &server, data.path()).await;
    assert_eq!((called(&weir, "ls").await, listed(&weir).await), ("- -".to_owned(), (vec![], 0)));
    until("it says so", async || weir.said().contains("stored rules are not asked")).await;
    let refused = order(&weir, "DELETE", "/api/v1/rules/elsewhere", &json!({})).await;
    assert!(refused.status() == 422 && refused.text().contains("rules = false"), "{refused:?}");
    weir.stop().await;
    let weir = started(&second(&server), &server, data.path()).await;
    done(&weir, "DELETE", "/api/v1/rules/elsewhere", &json!({})).await;
    weir.stop().await;
    let weir = started("", &server, data.path()).await;
    assert_eq!(called(&weir, "ls").await, "by no rm");
    weir.stop().await;
}

#[tokio::test]
async fn without_what_it_cannot_read_a_daemon_does_not_start() {
    only_through_weir!();
    let (server, data) = (answering().await, tempfile::tempdir().unwrap());
    let weir = started("", &server, data.path()).await;
    add(&weir, &refusing("no rm", "rm")).await;
    // Who has the store keeps others out, who would not have its rules.
    let (code, said) = Gateway::config(&config("", &server)).data(data.path()).refused().await;
    assert!(code == Some(1) && said.contains("another process has this store"), "{said}");
    weir.stop().await;
    std::fs::write(data.path().join("store/weir.db"), "this is a text of somebody, and no database").unwrap();
    let (code, said) = Gateway::config(&config("", &server)).data(data.path()).refused().await;
    assert!(
        code == Some(1) && said.contains("stored rules cannot be read") && said.contains("rules = false"),
        "{said}"
    );
    started("[store]\nrules = false\n", &server, data.path()).await.stop().await;
}
