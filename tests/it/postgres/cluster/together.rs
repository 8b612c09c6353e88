//! Three nodes at once, one alone, one that is killed, one that stops.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::support::postgres::Postgres;
use crate::support::{only_through_weir, until};

use super::{Calls, Node, fifty, know_each_other, server};

/// Nodes that hold something now.
const HOLD: &str = "SELECT count(*) FROM weir.lease_nodes WHERE among > 0 \
                    AND until > (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Leases of others.
const LEFT: &str = "SELECT count(*) FROM weir.leases WHERE rate > 0 AND node NOT IN (SELECT node FROM weir.lease_nodes \
                    WHERE until > (extract(epoch FROM clock_timestamp()) * 1000)::bigint)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_stay_within_the_limit_and_one_that_is_busy_alone_has_nearly_all_of_it() {
    only_through_weir!();
    let (server, database) = (server().await, spawn_blocking(Postgres::start).await.unwrap());
    let nodes = [0; 3].map(|_| Node::new(&server, &database, &fifty()));
    let (one, two, three) = tokio::join!(nodes[0].start(), nodes[1].start(), nodes[2].start());
    know_each_other(&[&one, &two, &three]).await;
    let calls = Calls::default();
    let busy = [&one, &two, &three].map(|node| [calls.of(node, "report"), calls.of(node, "report")]);
    until("nearly all of it is had by all three", async || calls.part(4) >= 0.9).await;
    calls.stay_within();
    let [first, second, third] = busy;
    drop((second, third));
    // What was had before they stopped is none of its own.
    sleep(Duration::from_secs(5)).await;
    until("nearly all of it is had by the only one that is busy", async || calls.part(5) >= 0.9).await;
    drop(first);
    calls.stay_within();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_held_is_there_for_others_by_time_where_it_dies_and_at_once_where_it_stops() {
    only_through_weir!();
    let (server, database) = (server().await, spawn_blocking(Postgres::start).await.unwrap());
    let nodes = [0; 2].map(|_| Node::new(&server, &database, &fifty()));
    let (one, mut two) = tokio::join!(nodes[0].start(), nodes[1].start());
    know_each_other(&[&one, &two]).await;
    let calls = Calls::default();
    let busy = calls.of(&two, "report");
    until("the second node has leased the most of it", async || {
        database.sql("SELECT count(*) FROM weir.leases WHERE rate > 900000") == "1"
    })
    .await;
    drop(busy);
    two.kill().await;
    assert_eq!(database.sql(HOLD), "2", "nobody has said that it is gone");
    let rest = calls.of(&one, "report");
    until("the first one has the most of it", async || calls.part(2) >= 0.9).await;
    assert_eq!(database.sql(HOLD), "1", "and not before its lease had ended");
    drop(rest);
    calls.stay_within();
    // Whoever comes after it in the same place says for it that it is gone: nothing is kept for it any longer.
    let again = nodes[1].start().await;
    know_each_other(&[&one, &again]).await;
    let calls = Calls::default();
    let busy = calls.of(&again, "other");
    until("it is busy", async || calls.count() > 100).await;
    drop(busy);
    again.log().await;
    assert_eq!(database.sql(HOLD), "1");
    assert_eq!(database.sql(LEFT), "0");
    know_each_other(&[&one]).await;
    let log = one.log().await;
    assert!(!log.contains("goes on with its own part"), "{log}");
    assert_eq!(database.sql(HOLD), "0");
}

/// One that was alone and is killed, and comes again: nobody is refused that has asked for nothing yet.
#[tokio::test]
async fn a_node_that_comes_again_begins_with_its_part() {
    only_through_weir!();
    let (server, database) = (server().await, spawn_blocking(Postgres::start).await.unwrap());
    let node = Node::new(&server, &database, &fifty());
    for _ in 0..2 {
        let mut weir = node.start().await;
        let mut client = weir.client().await;
        assert!(super::passes(&mut client, "first").await);
        weir.kill().await;
    }
    let weir = node.start().await;
    know_each_other(&[&weir]).await;
    weir.log().await;
}
