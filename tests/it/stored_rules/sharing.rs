//! Two nodes on one PostgreSQL, which is killed and started again.

use std::path::Path;

use serde_json::json;

use crate::postgres;
use crate::support::{Gateway, Scripted, only_through_weir, until};

use super::{add, answering, called, config, done, listed, order, refusing};

async fn node(section: &str, more: &str, server: &Scripted, home: &Path) -> Gateway {
    Gateway::config(&config(&format!("{section}{more}"), server)).data(&home.join("data")).start().await
}

#[tokio::test]
async fn a_change_on_one_node_counts_on_all_also_after_the_database_was_away() {
    only_through_weir!();
    let (server, homes) = (answering().await, [(); 3].map(|()| tempfile::tempdir().unwrap()));
    let (mut database, section) = postgres::section(homes[0].path()).await;
    let one = node(&section, "", &server, homes[0].path()).await;
    let two = node(&section, "", &server, homes[1].path()).await;
    assert_eq!(add(&one, &refusing("no rm", "rm")).await, 1);
    assert_eq!(called(&one, "rm").await, "by no rm");
    until("the other node hears of it", async || called(&two, "rm").await == "by no rm").await;
    assert_eq!(listed(&two).await, (vec!["no rm".to_owned()], 1));
    // Both change one thing after the other; who has seen an old version is told so, on whatever node.
    let stale = order(&two, "POST", "/api/v1/rules", &json!({ "rule": refusing("b", "b"), "version": 0 })).await;
    assert_eq!(stale.status(), 409);
    assert_eq!(add(&two, &refusing("no ls", "ls")).await, 2);
    until("it is heard of there", async || called(&one, "ls").await == "by no ls").await;
    // One that starts later has them from the start.
    let late = node(&section, "", &server, homes[2].path()).await;
    assert_eq!(called(&late, "ls").await, "by no ls");
    late.stop().await;

    database.kill();
    for weir in [&one, &two] {
        assert_eq!(called(weir, "rm").await, "by no rm", "what is known stays in force");
    }
    let refused = order(&one, "DELETE", "/api/v1/rules/no%20rm", &json!({})).await;
    assert_eq!(refused.status(), 422, "{refused:?}");
    // A reload needs no database: its rules are known.
    assert_eq!(order(&one, "POST", "/api/v1/reload", &json!(null)).await.status(), 200);
    assert_eq!(called(&one, "rm").await, "by no rm");
    database.start_again();
    until("it can be changed again", async || {
        order(&one, "DELETE", "/api/v1/rules/no%20rm", &json!({})).await.status() == 200
    })
    .await;
    assert_eq!(called(&one, "rm").await, "- -");
    until("the other node catches up by itself", async || called(&two, "rm").await == "- -").await;
    assert_eq!(called(&two, "ls").await, "by no ls");
    for weir in [one, two] {
        weir.stop().await;
    }
}

#[tokio::test]
async fn a_node_whose_file_a_change_does_not_fit_keeps_what_it_has_and_says_so() {
    only_through_weir!();
    let (server, homes) = (answering().await, [(); 2].map(|()| tempfile::tempdir().unwrap()));
    let (_database, section) = postgres::section(homes[0].path()).await;
    let other = format!("[[servers]]\nname = \"other\"\nendpoints = [{:?}]\n", server.url());
    let one = node(&section, &other, &server, homes[0].path()).await;
    let two = node(&section, "", &server, homes[1].path()).await;
    add(&one, &refusing("no rm", "rm")).await;
    until("it is heard of", async || called(&two, "rm").await == "by no rm").await;
    add(&one, &json!({ "name": "elsewhere", "tools": ["*:x"], "then": { "route": [{ "server": "other" }] } })).await;
    let behind = async || {
        let list = order(&two, "GET", "/api/v1/rules", &json!(null)).await.json();
        list["behind"].as_str().map(str::to_owned)
    };
    until("it says so", async || behind().await.is_some_and(|why| why.contains("elsewhere"))).await;
    assert_eq!((called(&two, "rm").await, listed(&two).await.1), ("by no rm".to_owned(), 1));
    assert!(two.said().contains("the rules in the store are not in force here"));
    // A file that they fit brings them into force, and so would another change.
    two.write(&config(&format!("{section}{other}"), &server));
    assert_eq!(order(&two, "POST", "/api/v1/reload", &json!(null)).await.status(), 200);
    until("it catches up", async || listed(&two).await.1 == 2).await;
    assert_eq!(behind().await, None);
    done(&two, "DELETE", "/api/v1/rules/elsewhere", &json!({})).await;
    until("the other node hears of it", async || listed(&one).await.1 == 3).await;
    for weir in [one, two] {
        weir.stop().await;
    }
}
