//! PostgreSQL killed, frozen, full, read-only, ended in the middle: keys that are known go on, others do not come in, and
//! no call waits for it.

use crate::support::postgres::Postgres;
use crate::support::{Gateway, only_through_weir, until};

use super::{Node, ended, house, metric, ready, status};

/// Ends the sessions of all nodes, so that they have to come in again.
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'weir'";

/// What holds while it is away: who is known is served, who is not is refused, and an order is told that it cannot be done.
async fn holds(node: &Node, weir: &Gateway, key: &str) {
    until("the node sees that it is away", async || ready(weir).await == (200, true)).await;
    for _ in 0..20 {
        assert_eq!((status(weir, key).await, status(weir, "weir_any").await), (200, 401));
    }
    assert_eq!(metric(weir, "weir_store_up").await, 0.0);
    let (code, why) = node.failed(Some(weir), &["keys", "add", "--owner", "eve"]).await;
    assert_eq!(code, Some(1), "{why}");
    assert_eq!(status(weir, key).await, 200);
}

/// It is there again, and so is what was done meanwhile.
async fn heals(database: &Postgres, node: &Node, weir: &Gateway, key: &str) {
    until("the node sees that it is back", async || ready(weir).await == (200, false)).await;
    let (_, other) = node.add(Some(weir)).await;
    assert_eq!((status(weir, key).await, status(weir, &other).await), (200, 200));
    assert_eq!(database.sql("SELECT count(*) FROM weir.keys WHERE owner = 'eve'"), "0");
}

#[tokio::test]
async fn killed_and_started_again() {
    only_through_weir!();
    let (server, mut database) = house().await;
    let node = Node::new(&server, &database.url("gate"));
    let weir = node.start().await;
    let (id, key) = node.add(Some(&weir)).await;
    for _ in 0..2 {
        database.kill();
        holds(&node, &weir, &key).await;
        database.start_again();
        heals(&database, &node, &weir, &key).await;
    }
    // What was changed while a node did not hear it counts from its return on.
    let (_, second) = node.add(Some(&weir)).await;
    database.sql("ALTER ROLE weir NOLOGIN");
    database.sql(END);
    until("the node sees that it is away", async || ready(&weir).await.1).await;
    database.sql(&format!("UPDATE weir.keys SET revoked = 1 WHERE id = '{id}'; ALTER ROLE weir LOGIN"));
    until("the key is revoked here, too", async || status(&weir, &key).await == 401).await;
    assert_eq!(status(&weir, &second).await, 200);
    let log = ended(weir).await;
    assert_eq!(log.matches("the store is away").count(), 3, "once each time:\n{log}");
}

#[tokio::test]
async fn frozen_and_thawed() {
    only_through_weir!();
    let (server, database) = house().await;
    let node = Node::new(&server, &database.url("gate"));
    let weir = node.start().await;
    let (_, key) = node.add(Some(&weir)).await;
    database.freeze();
    // Before anybody has noticed, too.
    assert_eq!((status(&weir, &key).await, status(&weir, "weir_any").await), (200, 401));
    let (code, why) = node.failed(Some(&weir), &["keys", "list"]).await;
    assert!(code == Some(1) && why.contains("in time"), "{why}");
    holds(&node, &weir, &key).await;
    database.thaw();
    heals(&database, &node, &weir, &key).await;
    // A node stops although it does not answer.
    database.freeze();
    ended(weir).await;
    database.thaw();
}

#[tokio::test]
async fn out_of_connections() {
    only_through_weir!();
    let (server, database) = house().await;
    let node = Node::new(&server, &database.url("gate"));
    let weir = node.start().await;
    let (_, key) = node.add(Some(&weir)).await;
    database.sql("ALTER ROLE weir CONNECTION LIMIT 0");
    database.sql(END);
    holds(&node, &weir, &key).await;
    database.sql("ALTER ROLE weir CONNECTION LIMIT -1");
    heals(&database, &node, &weir, &key).await;
    ended(weir).await;
}

#[tokio::test]
async fn read_only() {
    only_through_weir!();
    let (server, database) = house().await;
    let node = Node::new(&server, &database.url("gate"));
    let weir = node.start().await;
    let (id, key) = node.add(Some(&weir)).await;
    database.sql("ALTER ROLE weir SET default_transaction_read_only = on");
    database.sql(END);
    assert_eq!(status(&weir, &key).await, 200);
    let orders: [&[&str]; 2] = [&["keys", "add", "--owner", "eve"], &["keys", "revoke", &id]];
    for order in orders {
        until("it takes no changes", async || {
            let (code, why) = node.failed(Some(&weir), order).await;
            code == Some(1) && why.contains("read-only")
        })
        .await;
    }
    assert_eq!(status(&weir, &key).await, 200, "what could not be written down is not so");
    let listed = node.document(Some(&weir), &["keys", "list"]).await;
    assert_eq!(listed["keys"][0]["id"], id.as_str());
    // A node starts with it as it is.
    let other = Node::new(&server, &database.url("gate")).start().await;
    assert_eq!(status(&other, &key).await, 200);
    database.sql("ALTER ROLE weir RESET default_transaction_read_only");
    database.sql(END);
    heals(&database, &node, &weir, &key).await;
    for weir in [weir, other] {
        ended(weir).await;
    }
}
