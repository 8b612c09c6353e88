//! API keys: made, used, rotated and revoked while Weir runs and while it does not.

mod calling;
mod keeping;

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::{Client, Gateway, Scripted, call, result};

/// A configuration in a directory, with a data directory beside it.
struct House {
    home: TempDir,
    /// The options by which a command finds the daemon.
    admin: Option<String>,
}

impl House {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), admin: None }
    }

    fn data(&self) -> std::path::PathBuf {
        self.home.path().join("data")
    }

    async fn start(&mut self, config: &str) -> Gateway {
        let weir = Gateway::config(config).data(&self.data()).with("WEIR_LOG", "trace").start().await;
        self.admin = Some(weir.admin_address().to_string());
        weir
    }

    /// `weir` with these arguments, as an operator runs it.
    async fn weir(&self, arguments: &[&str]) -> Output {
        let weir = std::env::var_os("WEIR_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into());
        let mut command = Command::new(weir);
        command.args(arguments).arg("--data").arg(self.data()).current_dir(self.home.path());
        command.args(self.admin.iter().flat_map(|address| ["--admin", address.as_str()]));
        command.env_remove("STATE_DIRECTORY");
        spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// One that has to succeed: what it printed.
    async fn done(&self, arguments: &[&str]) -> String {
        let output = self.weir(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    async fn document(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat()).await).unwrap()
    }

    async fn failed(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.weir(arguments).await;
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {output:?}");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// A new key of ann's: its id and itself.
    async fn add(&self, more: &[&str]) -> (String, String) {
        let made = self.document(&[&["keys", "add", "--owner", "ann"], more].concat()).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["key"]["id"]), text(&made["secret"]))
    }

    async fn listed(&self, id: &str) -> Value {
        let list = self.document(&["keys", "list"]).await;
        list["keys"].as_array().unwrap().iter().find(|key| key["id"] == id).expect("it is listed").clone()
    }
}

fn config(server: &str, more: &str) -> String {
    format!(
        "{more}\n[auth.api_keys]\nenabled = true\n[telemetry]\nlog = {{ format = \"json\" }}\n[[servers]]\nname = \
         \"files\"\nendpoints = [{server:?}]\n"
    )
}

async fn answering() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

async fn status(client: &mut Client, key: &str) -> u16 {
    client.ask(&call("1", "echo", "{}").header("X-API-Key", key)).await.status()
}
