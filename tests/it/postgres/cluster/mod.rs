//! Limits that nodes share: what real daemons let in together by a real database.
//!
//! ```text
//! together   three at once; one alone; one that is killed, one that stops
//! breaking   PostgreSQL killed, frozen, full, read-only in the middle
//! keeping    reload; without a database; the example
//! ```

mod breaking;
mod keeping;
mod together;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::postgres::Postgres;
use crate::support::{Client, Gateway, Scripted, call, until};

use super::metric;

/// Calls in a second, and at once.
const RATE: u32 = 50;
const BURST: u32 = 50;

/// One that keeps within a limit of all nodes.
struct Node {
    home: TempDir,
    text: String,
}

impl Node {
    fn new(server: &Scripted, database: &Postgres, limits: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("url"), database.url("gate")).unwrap();
        let text = text(
            server,
            &format!("[store]\npostgres = {{ url = {{ file = {:?} }} }}\n{limits}", home.path().join("url")),
        );
        Self { home, text }
    }

    async fn start(&self) -> Gateway {
        Gateway::config(&self.text).data(&self.home.path().join("data")).start().await
    }
}

fn text(server: &Scripted, more: &str) -> String {
    format!(
        "[listen]\ncores = 2\n[reload]\nwatch = false\n[telemetry]\nlog = {{ format = \"json\" }}\n{more}[[servers]]\nname = \
         \"files\"\nendpoints = [{:?}]\n",
        server.url()
    )
}

/// Each tool has its own.
fn limit(more: &str) -> String {
    format!("[[limits]]\nname = \"few\"\nkey = \"tool\"\nscope = \"cluster\"\n{more}\n")
}

fn fifty() -> String {
    limit(&format!("rate = \"{RATE}/s\"\nburst = {BURST}"))
}

async fn server() -> Scripted {
    super::answering().await
}

/// All have heard of each other.
async fn know_each_other(nodes: &[&Gateway]) {
    for node in nodes {
        until("the nodes hear of each other", async || metric(node, "weir_limit_nodes").await == nodes.len() as f64)
            .await;
    }
}

async fn passes(client: &mut Client, tool: &str) -> bool {
    let answer = client.ask(&call("1", tool, "{}")).await;
    let refused = answer.json()["error"]["data"]["reason"] == "rate_limited";
    assert!(refused || answer.status() == 200, "{answer:?}");
    !refused
}

/// Calls that were let in: each some time between when it was sent and when it was answered.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<(Instant, Instant)>>>);

/// Calls a node for as long as it is kept.
struct Caller(JoinHandle<()>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Calls {
    /// Calls this tool there, one call after the other, many more than there may be.
    fn of(&self, node: &Gateway, tool: &str) -> Caller {
        let (address, tool, calls) = (node.address(), tool.to_owned(), self.clone());
        Caller(tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            loop {
                let sent = Instant::now();
                if passes(&mut client, &tool).await {
                    calls.0.lock().unwrap().push((sent, Instant::now()));
                }
                sleep(Duration::from_millis(4)).await;
            }
        }))
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// What part of the rate was had in the last so many seconds: calls that were surely let in then.
    fn part(&self, seconds: u64) -> f64 {
        let (now, time) = (Instant::now(), Duration::from_secs(seconds));
        let within = self.0.lock().unwrap().iter().filter(|(sent, _)| now - *sent <= time).count();
        within as f64 / (f64::from(RATE) * time.as_secs_f64())
    }

    /// In no window are there more than 105 % of what there is: of the calls that were surely let in within it.
    fn stay_within(&self) {
        let mut calls = self.0.lock().unwrap().clone();
        calls.sort();
        for (at, (begin, _)) in calls.iter().enumerate() {
            let mut ends: Vec<_> = calls[at..].iter().map(|(_, end)| *end).collect();
            ends.sort();
            for (count, end) in (1..).zip(ends) {
                let may = f64::from(BURST) + f64::from(RATE) * (end - *begin).as_secs_f64();
                assert!(f64::from(count) <= may * 1.05, "{count} of {may} in {:?}", end - *begin);
            }
        }
    }
}

/// The example, as it is but for addresses.
fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(name))
        .expect("it is there")
}
