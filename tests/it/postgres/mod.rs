//! A store that nodes share, on a real PostgreSQL of each test's own.
//!
//! ```text
//! sharing    keys of one node on the others; commands; what is refused at the start and at a reload
//! breaking   PostgreSQL killed, frozen, full, read-only, ended in the middle
//! cluster    limits that nodes share: within them together, alone, and while it is away
//! ```

mod breaking;
mod cluster;
mod sharing;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::postgres::{PASSWORD, Postgres};
use crate::support::{Exposition, Gateway, Scripted, call, result};

/// A node: a configuration with the URL of the database beside it, and a data directory.
struct Node {
    home: TempDir,
    server: String,
}

impl Node {
    /// One that comes to the database by this URL.
    fn new(server: &Scripted, url: &str) -> Self {
        let node = Self { home: tempfile::tempdir().unwrap(), server: server.url() };
        node.say(url);
        std::fs::write(node.home.path().join("weir.toml"), node.config(20)).unwrap();
        node
    }

    fn say(&self, url: &str) {
        std::fs::write(self.url(), url).unwrap();
    }

    fn url(&self) -> PathBuf {
        self.home.path().join("url")
    }

    fn config(&self, pool: usize) -> String {
        format!(
            "[listen]\ncores = 2\n[auth.api_keys]\nenabled = true\n[store]\npostgres = {{ url = {{ file = {:?} }}, pool = \
             {pool} }}\n[telemetry]\nlog = {{ format = \"json\" }}\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n",
            self.url(),
            self.server
        )
    }

    async fn start(&self) -> Gateway {
        let data = self.home.path().join("data");
        Gateway::config(&self.config(20)).data(&data).with("WEIR_LOG", "trace").start().await
    }

    /// It does not start: its exit code, and what it says, which holds no secret.
    async fn refused(&self) -> (Option<i32>, String) {
        let data = self.home.path().join("data");
        let (code, said) = Gateway::config(&self.config(20)).data(&data).with("WEIR_LOG", "trace").refused().await;
        assert!(!said.contains(PASSWORD), "{said}");
        (code, said)
    }

    /// `weir` with these arguments, beside this daemon, or beside none.
    async fn weir(&self, weir: Option<&Gateway>, arguments: &[&str]) -> Output {
        let binary = std::env::var_os("WEIR_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into());
        let mut command = Command::new(binary);
        let nobody = "127.0.0.1:1".to_owned();
        let admin = weir.map_or(nobody, |weir| weir.admin_address().to_string());
        command.args(arguments).current_dir(self.home.path()).env_remove("STATE_DIRECTORY");
        if arguments[0] != "check" {
            command.arg("--data").arg(self.home.path().join("data")).args(["--admin", &admin]);
        }
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains(PASSWORD), "{arguments:?}: {output:?}");
        output
    }

    async fn document(&self, weir: Option<&Gateway>, arguments: &[&str]) -> Value {
        let output = self.weir(weir, &[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn failed(&self, weir: Option<&Gateway>, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.weir(weir, arguments).await;
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// A new key: its id and itself.
    async fn add(&self, weir: Option<&Gateway>) -> (String, String) {
        let made = self.document(weir, &["keys", "add", "--owner", "ann", "--role", "user"]).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["key"]["id"]), text(&made["secret"]))
    }
}

/// A database, and the section that names it; its URL is kept in this directory.
pub(crate) async fn section(directory: &Path) -> (Postgres, String) {
    let (database, url) = (spawn_blocking(Postgres::start).await.unwrap(), directory.join("url"));
    std::fs::write(&url, database.url("gate")).unwrap();
    (database, format!("[store]\npostgres = {{ url = {{ file = {url:?} }} }}\n"))
}

async fn answering() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

async fn status(weir: &Gateway, key: &str) -> u16 {
    weir.client().await.ask(&call("1", "echo", "{}").header("X-API-Key", key)).await.status()
}

/// What `/readyz` says: its status, and whether the store is away.
async fn ready(weir: &Gateway) -> (u16, bool) {
    let mut operator = weir.admin().await;
    operator.get("/readyz", &[]).await;
    let answer = operator.answer().await;
    (answer.status(), answer.json()["store"] == "away")
}

async fn metric(weir: &Gateway, name: &str) -> f64 {
    let mut operator = weir.admin().await;
    operator.get("/metrics", &[]).await;
    Exposition::parse(operator.answer().await.text()).sum(name, &[])
}

/// A server, and one that keeps keys.
async fn house() -> (Scripted, Postgres) {
    (answering().await, spawn_blocking(Postgres::start).await.unwrap())
}

/// Ends it, and looks for secrets in all that it has said.
async fn ended(weir: Gateway) -> String {
    let log = weir.log().await;
    assert!(!log.contains(PASSWORD), "{log}");
    log
}
