//! PostgreSQL killed, frozen, full, read-only in the middle: nodes go on with their parts, no call waits, nobody gets in
//! who should not, and all of it is there again once the database is.

use tokio::task::spawn_blocking;

use crate::support::postgres::Postgres;
use crate::support::{Gateway, only_through_weir, until};

use super::{Calls, Node, RATE, fifty, know_each_other, metric, passes, server};

/// Ends the sessions of all nodes, so that they have to come in again.
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'weir'";

/// Two nodes, one of them busy, while the database is taken away and given back.
async fn goes_on(breaks: impl FnOnce(&mut Postgres), heals: impl FnOnce(&mut Postgres)) {
    let (server, mut database) = (server().await, spawn_blocking(Postgres::start).await.unwrap());
    let nodes = [0; 2].map(|_| Node::new(&server, &database, &fifty()));
    let (one, two) = tokio::join!(nodes[0].start(), nodes[1].start());
    let both = [&one, &two];
    know_each_other(&both).await;
    let calls = Calls::default();
    let busy = both.map(|node| calls.of(node, "report"));
    until("they are busy", async || calls.count() as u32 > 3 * RATE).await;
    breaks(&mut database);
    // Whoever asked while it is away is answered while it is away.
    for node in both {
        let mut client = node.client().await;
        assert!(passes(&mut client, "before it is noticed").await);
    }
    until("the leases end", async || leased(&both).await == [0.0, 0.0]).await;
    let before = calls.count();
    until("what is left is their own parts", async || calls.part(2) < 0.1).await;
    for (node, mut client) in [(&one, one.client().await), (&two, two.client().await)] {
        assert!(passes(&mut client, "while it is away").await, "who has used nothing is let in");
        assert_eq!(metric(node, "weir_limit_nodes").await, 2.0);
    }
    assert!(calls.count() - before < 3 * RATE as usize);
    heals(&mut database);
    until("they lease again", async || leased(&both).await == [1.0, 1.0]).await;
    until("all of it is there again", async || calls.part(2) > 0.9).await;
    drop(busy);
    calls.stay_within();
    for node in [one, two] {
        let log = node.log().await;
        assert_eq!(log.matches("goes on with its own part").count(), 1, "{log}");
        assert_eq!(log.matches("keeps the leases of limits again").count(), 1, "{log}");
        assert!(!log.contains("hunter2"), "{log}");
    }
}

async fn leased(nodes: &[&Gateway; 2]) -> [f64; 2] {
    [metric(nodes[0], "weir_limit_leases_up").await, metric(nodes[1], "weir_limit_leases_up").await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again() {
    only_through_weir!();
    goes_on(Postgres::kill, Postgres::start_again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_and_thawed() {
    only_through_weir!();
    goes_on(|database| database.freeze(), |database| database.thaw()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_connections() {
    only_through_weir!();
    let sql = |database: &mut Postgres, text: &str| {
        database.sql(text);
        database.sql(END);
    };
    goes_on(
        |database| sql(database, "ALTER ROLE weir CONNECTION LIMIT 0"),
        |database| sql(database, "ALTER ROLE weir CONNECTION LIMIT -1"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only() {
    only_through_weir!();
    let sql = |database: &mut Postgres, text: &str| {
        database.sql(text);
        database.sql(END);
    };
    goes_on(
        |database| sql(database, "ALTER ROLE weir SET default_transaction_read_only = on"),
        |database| sql(database, "ALTER ROLE weir RESET default_transaction_read_only"),
    )
    .await;
}
