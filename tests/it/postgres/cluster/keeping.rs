//! What a reload keeps; nodes without a database; the example.

use tokio::task::spawn_blocking;

use crate::reload::reload;
use crate::support::postgres::Postgres;
use crate::support::{Gateway, only_through_weir, until};

use super::{Node, example, know_each_other, limit, passes, server, text};

#[tokio::test]
async fn a_reload_forgets_nothing_and_a_limit_that_comes_with_one_is_shared() {
    only_through_weir!();
    let (server, database) = (server().await, spawn_blocking(Postgres::start).await.unwrap());
    let node = Node::new(&server, &database, &limit("rate = \"80/h\""));
    let weir = node.start().await;
    let mut client = weir.client().await;
    let mut admitted = 0;
    until("all of it is leased", async || {
        admitted += usize::from(passes(&mut client, "report").await);
        admitted == 80
    })
    .await;
    let other =
        format!("[[limits]]\nname = \"more\"\nkey = \"global\"\nscope = \"cluster\"\nrate = \"900/s\"\n{}", node.text);
    let faster = node.text.replace("80/h", "200/h");
    for (config, what) in [(&other, "one more limit"), (&faster, "other numbers"), (&node.text, "as it was")] {
        weir.write(config);
        assert_eq!(reload(&weir).await.status(), 200);
        let mut client = weir.client().await;
        assert!(!passes(&mut client, "report").await, "{what}: what was used stays used");
        assert!(passes(&mut client, what).await, "{what}");
    }
    // The last limit that is shared goes, and so does the node.
    weir.write(&node.text.replace("cluster", "node"));
    assert_eq!(reload(&weir).await.status(), 200);
    until("it has left", async || database.sql("SELECT count(*) FROM weir.lease_nodes WHERE among > 0") == "0").await;
    weir.write(&node.text);
    assert_eq!(reload(&weir).await.status(), 200);
    know_each_other(&[&weir]).await;
    weir.log().await;
}

#[tokio::test]
async fn without_a_database_each_node_counts_and_says_so_once() {
    only_through_weir!();
    let server = server().await;
    let weir = Gateway::config(&text(&server, &limit("rate = \"8/h\""))).start().await;
    let mut client = weir.client().await;
    for passing in [true; 8].into_iter().chain([false]) {
        assert_eq!(passes(&mut client, "report").await, passing);
    }
    let log = weir.log().await;
    assert_eq!(log.matches("is counted by each node for itself").count(), 1, "{log}");
}

#[tokio::test]
async fn the_example_is_shared_as_it_says() {
    only_through_weir!();
    let (server, database) = (server().await, spawn_blocking(Postgres::start).await.unwrap());
    let directory = tempfile::tempdir().unwrap();
    let (url, ring) = (directory.path().join("url"), directory.path().join("ring"));
    std::fs::write(&url, database.url("gate")).unwrap();
    std::fs::write(&ring, "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n").unwrap();
    let mut config = example("limits-cluster.toml");
    for (from, to) in [
        ("{ credential = \"postgres_url\" }", format!("{{ file = {url:?} }}")),
        ("{ credential = \"weir_ring\" }", format!("{{ file = {ring:?} }}")),
        ("http://127.0.0.1:3000/mcp", server.url()),
    ] {
        assert!(config.contains(from), "{from}");
        config = config.replace(from, &to);
    }
    let start = async |name: &str| Gateway::config(&config).data(&directory.path().join(name)).start().await;
    let (one, two) = tokio::join!(start("one"), start("two"));
    know_each_other(&[&one, &two]).await;
    // Reports: so many in a day, by whichever node.
    let (mut here, mut there) = (one.client().await, two.client().await);
    let mut admitted = 0;
    until("all of the day's reports are made", async || {
        admitted += usize::from(passes(&mut here, "report_year").await);
        admitted += usize::from(passes(&mut there, "report_year").await);
        assert!(admitted <= 200);
        admitted >= 190
    })
    .await;
    // The callers went on as fast as they were answered and may have nothing left for now ("per caller"), which is back
    // within the second; the day's reports of this tool would not be.
    until("another one counts apart", async || passes(&mut here, "report_month").await).await;
    for node in [one, two] {
        node.log().await;
    }
}
