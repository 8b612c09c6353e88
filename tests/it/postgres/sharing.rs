//! Keys of one node on the others; what commands do; what is refused at the start and at a reload.

use tokio::task::spawn_blocking;

use crate::support::postgres::Postgres;
use crate::support::{only_through_weir, until};
use crate::tls_clients::Authority;

use super::{Node, answering, ended, house, metric, ready, status};

#[tokio::test]
async fn a_key_that_is_made_or_revoked_on_one_node_is_so_on_all() {
    only_through_weir!();
    let (server, database) = house().await;
    let nodes: Vec<_> = (0..3).map(|_| Node::new(&server, &database.url("gate"))).collect();
    // Where nobody runs a command does it straight in the database, and makes its schema.
    let (first, early) = nodes[0].add(None).await;
    let (one, two, three) = tokio::join!(nodes[0].start(), nodes[1].start(), nodes[2].start());
    let running = [one, two, three];
    let (second, late) = nodes[0].add(Some(&running[0])).await;
    assert_eq!(status(&running[0], &late).await, 200, "there it is taken once the command has returned");
    for weir in &running {
        assert_eq!(status(weir, &early).await, 200);
        until("the other nodes hear of it", async || status(weir, &late).await == 200).await;
        assert_eq!((ready(weir).await, metric(weir, "weir_store_up").await), ((200, false), 1.0));
    }
    nodes[1].document(Some(&running[1]), &["keys", "revoke", &second]).await;
    assert_eq!(status(&running[1], &late).await, 401);
    // Whoever else works in the database is heard as well.
    nodes[2].document(None, &["keys", "revoke", &first]).await;
    for weir in &running {
        until("the other nodes hear of it", async || status(weir, &late).await == 401).await;
        until("all nodes hear of it", async || status(weir, &early).await == 401).await;
    }
    for weir in running {
        ended(weir).await;
    }
    let listed = nodes[1].document(None, &["keys", "list"]).await;
    assert!(listed["keys"].as_array().unwrap().iter().all(|key| key["used"].is_u64()), "{listed}");
}

#[tokio::test]
async fn what_an_operator_asks_of_it() {
    only_through_weir!();
    let (server, database) = house().await;
    let node = Node::new(&server, &database.url("gate"));
    let line = async || {
        let told = node.weir(None, &["doctor", "--listen", "127.0.0.1:0"]).await;
        let text = String::from_utf8(told.stdout).unwrap();
        text.lines().find(|line| line.contains("  store  ")).expect(&text).to_owned()
    };
    let before = line().await;
    assert!(before.starts_with("ok") && before.contains("a start makes or changes the schema"), "{before}");
    let weir = node.start().await;
    let after = line().await;
    assert!(after.contains("the schema is there") && after.contains("without TLS"), "{after}");
    for running in [Some(&weir), None] {
        let (code, why) = node.failed(running, &["backup", "copy.db"]).await;
        assert!(code == Some(1) && why.contains("pg_dump"), "{why}");
    }
    // Another store is for another start, and then nothing of the new file is in force.
    weir.write(&(node.config(7) + "[drain]\ntimeout = \"1s\"\n"));
    weir.hang_up();
    until("the reload is refused", async || weir.said().contains("[store] cannot be changed by a reload")).await;
    weir.write(&(node.config(20) + "[drain]\ntimeout = \"1s\"\n"));
    weir.hang_up();
    until("it is reloaded", async || metric(&weir, "weir_config_generation").await == 2.0).await;
    ended(weir).await;
    node.say("postgres://weir:hunter2@db.internal/gate?sslmode=prefer");
    let (code, why) = node.failed(None, &["check"]).await;
    assert!(code == Some(2) && why.contains("verify-full"), "{why}");
    assert!(line().await.starts_with("FAIL"));
}

#[tokio::test]
async fn without_the_database_no_node_starts_and_the_reason_is_said() {
    only_through_weir!();
    let (server, mut database) = house().await;
    let url = database.url("gate");
    let node = Node::new(&server, &url.replace("hunter2", "hunter22"));
    let (code, said) = node.refused().await;
    assert!(code == Some(2) && said.contains("password authentication failed"), "{said}");
    let (code, said) = node.failed(None, &["keys", "list"]).await;
    assert!(code == Some(1) && said.contains("password authentication failed"), "{said}");
    node.say("no URL at all, but a secret: hunter2");
    assert_eq!(node.refused().await.0, Some(2));
    node.say(&url);
    node.add(None).await;
    database.sql("INSERT INTO weir.migrations VALUES (4711, '4711_later', '', 0)");
    let (code, said) = node.refused().await;
    assert!(code == Some(1) && said.contains("a newer version of Weir"), "{said}");
    database.kill();
    let (code, said) = node.refused().await;
    assert!(code == Some(3) && said.contains("out of reach"), "{said}");
    assert_eq!(node.failed(None, &["keys", "list"]).await.0, Some(3));
}

#[tokio::test]
async fn over_tls_the_database_proves_who_it_is() {
    only_through_weir!();
    let (ours, theirs) = (Authority::new("An authority of the house"), Authority::new("Another"));
    ours.issue("db", &["localhost"], 1, 2100);
    let read = |name: &str| std::fs::read_to_string(ours.path(name)).unwrap();
    let (certificate, key) = (read("db.pem"), read("db.key"));
    let database = spawn_blocking(move || Postgres::with_tls(&certificate, &key)).await.unwrap();
    let server = answering().await;
    let url = |host: &str, more: String| database.url("gate").replace("127.0.0.1", host) + &more;
    let verified =
        |authority: &Authority| format!("?sslmode=verify-full&sslrootcert={}", authority.path("ca.pem").display());
    for wrong in [
        url("localhost", verified(&theirs)),
        // By that name nobody is known.
        url("127.0.0.1", verified(&ours)),
        url("localhost", "?sslmode=require".to_owned()),
        // The database takes nobody in the clear.
        url("localhost", "?sslmode=disable".to_owned()),
    ] {
        let (code, said) = Node::new(&server, &wrong).refused().await;
        assert!(code == Some(2) && said.contains("cannot be used"), "{said}");
    }
    let node = Node::new(&server, &url("localhost", verified(&ours)));
    let weir = node.start().await;
    let (_, key) = node.add(Some(&weir)).await;
    assert_eq!(status(&weir, &key).await, 200);
    ended(weir).await;
}
