//! PostgreSQL: the suites of every back end, nodes that share one, and what is refused.

use std::fs;
use std::thread;

use tempfile::TempDir;
use tokio::time::timeout;

use super::super::conformance::{key, key_book, rule, rule_book};
use super::super::{KeyBook, RuleBook, StoreError};
use super::*;
use crate::config::Secret;
use crate::model::stored::{Author, RuleChange};

#[path = "../../../tests/support/postgres.rs"]
#[allow(dead_code)]
mod server;

const PATIENCE: Duration = Duration::from_secs(30);

/// A server, and a file with the URL of its database.
pub(super) struct Place {
    pub(super) server: server::Postgres,
    home: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let place = Self { server: server::Postgres::start(), home: tempfile::tempdir().unwrap() };
        place.say(&place.server.url("gate"));
        place
    }

    fn say(&self, url: &str) {
        fs::write(self.home.path().join("url"), url).unwrap();
    }

    fn settings(&self) -> config::Postgres {
        config::Postgres { url: Secret::File(self.home.path().join("url")), pool: 5 }
    }

    /// A node that hears of changes by `NOTIFY` alone.
    pub(super) fn open(&self) -> Postgres {
        open::open(&self.settings(), PATIENCE, Duration::from_secs(24 * 3_600)).unwrap()
    }

    /// The same, in messages.
    fn at(&self) -> String {
        let url = self.server.url("gate");
        format!("PostgreSQL at {}", url.split_once('@').unwrap().1)
    }

    fn refused(&self) -> StoreError {
        let why = Postgres::open(&self.settings(), Duration::ZERO).expect_err("this store is refused");
        assert!(!why.to_string().contains(server::PASSWORD), "{why}");
        why
    }
}

/// Something has changed since it was looked at last.
async fn news(heard: &mut watch::Receiver<u64>) {
    timeout(PATIENCE, heard.changed()).await.expect("it is heard of").unwrap();
}

/// The first news of a connection is that anything may have changed.
async fn listens(heard: &mut watch::Receiver<u64>) {
    timeout(PATIENCE, heard.wait_for(|news| *news > 0)).await.expect("it listens").unwrap();
}

#[tokio::test]
async fn it_does_what_every_store_does() {
    let place = Place::new();
    let store = place.open();
    key_book(&store).await;
    rule_book(&store).await;
    let again = place.open();
    assert_eq!((again.all().await, again.rules().await), (store.all().await, store.rules().await));
    assert!(!again.all().await.unwrap().is_empty(), "it is there the next time");
}

#[tokio::test]
async fn nodes_that_start_together_make_the_schema_once_and_hear_of_each_other() {
    let place = Place::new();
    let nodes: Vec<_> = thread::scope(|scope| {
        let opening: Vec<_> = (0..3).map(|_| scope.spawn(|| place.open())).collect();
        opening.into_iter().map(|node| node.join().unwrap()).collect()
    });
    let done = place.server.sql("SELECT count(*), min(number) FROM weir.migrations");
    assert_eq!(done, format!("{}|1", migrations::ALL.len()));
    let mut heard: Vec<_> = nodes.iter().map(Postgres::key_changes).collect();
    for heard in &mut heard {
        listens(heard).await;
    }
    nodes[0].add(key(1)).await.unwrap();
    for (node, heard) in nodes.iter().zip(&mut heard) {
        news(heard).await;
        assert_eq!(node.all().await, Ok(vec![key(1)]));
    }
    assert_eq!(nodes[1].used(vec![("key-1".into(), 9)]).await, Ok(()));
    place.server.sql("DELETE FROM weir.keys");
    for (node, heard) in nodes.iter().zip(&mut heard) {
        news(heard).await;
        assert_eq!(node.all().await, Ok(vec![]), "whoever did it, and the use of a key is no news");
    }
    // A session that is ended is no end of the store.
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'weir'";
    assert_ne!(place.server.sql(ended), "0");
    for heard in &mut heard {
        news(heard).await;
    }
    assert!(nodes[2].look().asked > 0 && !nodes[2].look().away);
}

#[tokio::test]
async fn what_nobody_tells_of_is_read_again_in_time() {
    let place = Place::new();
    let store = open::open(&place.settings(), PATIENCE, Duration::from_millis(50)).unwrap();
    store.add(key(1)).await.unwrap();
    let mut heard = store.key_changes();
    // As where a copy is put back: no trigger runs.
    place.server.sql("SET session_replication_role = replica; DELETE FROM weir.keys");
    while store.all().await != Ok(vec![]) {
        news(&mut heard).await;
    }
    news(&mut heard).await;
}

#[tokio::test]
async fn of_nodes_that_change_rules_at_once_one_does_and_all_hear_of_it() {
    let place = Place::new();
    let nodes: Vec<_> = (0..3).map(|_| place.open()).collect();
    let mut heard: Vec<_> = nodes.iter().map(Postgres::rule_changes).collect();
    for heard in &mut heard {
        listens(heard).await;
    }
    let change = |node: usize| {
        let author = Author { by: format!("node {node}").into(), at: 5 };
        nodes[node].change(0, RuleChange::Add(rule("one"), None), author)
    };
    let (first, second, third) = tokio::join!(change(0), change(1), change(2));
    let changed = [first, second, third];
    assert_eq!(changed.iter().filter(|changed| changed.is_ok()).count(), 1, "{changed:?}");
    let moved = |changed: &&Result<_, _>| **changed == Err(StoreError::Moved { on: 0, found: 1 });
    assert_eq!(changed.iter().filter(moved).count(), 2, "{changed:?}");
    for (node, heard) in nodes.iter().zip(&mut heard) {
        news(heard).await;
        let rules = node.rules().await.unwrap();
        assert_eq!((rules.version, rules.rules), (1, vec![rule("one")]));
    }
}

#[tokio::test]
async fn a_newer_schema_and_an_altered_one_are_refused() {
    let place = Place::new();
    let known = migrations::ALL.len();
    let missing = |probed: Result<Probed, StoreError>| probed.unwrap().missing;
    assert_eq!(missing(probe(&place.settings()).await), known, "and none of them is done by asking");
    drop(place.open());
    assert_eq!(missing(probe(&place.settings()).await), 0);
    place.server.sql("INSERT INTO weir.migrations VALUES (4711, '4711_later', '', 0)");
    let at = place.at();
    let newer = StoreError::Newer { at: at.clone(), found: 4711, known: u32::try_from(known).unwrap() };
    assert_eq!((place.refused(), probe(&place.settings()).await), (newer.clone(), Err(newer)));
    place.server.sql(
        "DELETE FROM weir.migrations WHERE number = 4711; UPDATE weir.migrations SET checksum = 'x' WHERE number = 1",
    );
    assert_eq!(place.refused(), StoreError::Altered(at, "0001_keys".to_owned()));
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_without_the_password() {
    let mut place = Place::new();
    place.say(&place.server.url("gate").replace(server::PASSWORD, "another"));
    assert!(matches!(place.refused(), StoreError::Denied(_, why) if why.contains("password")));
    place.say(&place.server.url("nothing"));
    assert!(matches!(place.refused(), StoreError::Denied(_, why) if why.contains("does not exist")));
    place.say(&place.server.url("gate?sslmode=require"));
    assert!(matches!(place.refused(), StoreError::Denied(_, why) if why.contains("TLS")));
    place.say(server::PASSWORD);
    assert!(matches!(place.refused(), StoreError::Url(_)));
    // A role that may make no schema, before there is one.
    place.server.sql("ALTER DATABASE gate OWNER TO postgres");
    place.say(&place.server.url("gate"));
    assert!(matches!(place.refused(), StoreError::Denied(_, why) if why.contains("permission")));
    place.server.kill();
    assert!(matches!(place.refused(), StoreError::Away(..)));
}

#[tokio::test]
async fn a_database_that_takes_no_changes_is_read() {
    let place = Place::new();
    place.open().add(key(1)).await.unwrap();
    place.server.sql("ALTER ROLE weir SET default_transaction_read_only = on");
    let store = place.open();
    assert_eq!(store.all().await, Ok(vec![key(1)]));
    assert!(matches!(store.add(key(2)).await, Err(StoreError::ReadOnly(_))));
    assert_eq!((store.all().await, store.look().failed), (Ok(vec![key(1)]), 1));
}

/// What docs/OPERATIONS.md asks for, where the schema is made by another role.
#[tokio::test]
async fn a_role_that_owns_nothing_works_with_what_is_there() {
    let place = Place::new();
    drop(place.open());
    place.server.sql(&format!(
        "CREATE ROLE node LOGIN PASSWORD '{}'; GRANT USAGE ON SCHEMA weir TO node; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA weir TO node",
        server::PASSWORD
    ));
    place.say(&place.server.url("gate").replace("//weir:", "//node:"));
    let store = place.open();
    key_book(&store).await;
    rule_book(&store).await;
}

#[tokio::test]
async fn a_password_that_was_changed_is_taken_without_a_restart() {
    let place = Place::new();
    let store = place.open();
    place.server.sql("ALTER ROLE weir PASSWORD 'another'");
    place.say(&place.server.url("gate").replace(server::PASSWORD, "another"));
    let mut away = store.away();
    place.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'weir'");
    away.wait_for(Option::is_some).await.unwrap();
    away.wait_for(Option::is_none).await.unwrap();
    assert_eq!(store.all().await, Ok(vec![]));
}
