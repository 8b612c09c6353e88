//! A configuration that changes while commands run, and what is counted of their processes meanwhile.

use std::path::Path;

use tempfile::TempDir;

use crate::reload::reload;
use crate::support::{Client, Exposition, Gateway, Post, legacy, only_through_weir, until};

/// Answers a call with the number of its process; to `wait`, once there is a file `go`.
const SERVER: &str = r#"while read -r line; do
id=${line#*\"id\":}; id=${id%%,*}
case "$line" in
*'"initialize"'*) result='"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"a","version":"1"}';;
*'"wait"'*) : > begun; until [ -e go ]; do sleep 0.02; done; result='"content":[],"pid":"'$$'"';;
*'"tools/call"'*) result='"content":[],"pid":"'$$'"';;
*'"bad"'*) echo no message; result='';;
*) continue;;
esac
echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{$result}}"
done"#;

struct Place(TempDir);

impl Place {
    /// Two servers of that script; one of them has this in its environment.
    fn config(&self, servers: &[(&str, &str)]) -> String {
        let mut text = "[reload]\nwatch = false\n".to_owned();
        for (name, value) in servers {
            let place = self.0.path().display();
            text += &format!(
                "[[servers]]\nname = {name:?}\ncommand = [\"sh\", \"-c\", '''{SERVER}''']\ndirectory = \"{place}\"\n\
                 environment = {{ VALUE = {value:?} }}\n"
            );
        }
        text
    }
}

/// A session with one of the servers.
struct Session {
    client: Client,
    path: String,
    id: String,
}

impl Session {
    async fn open(weir: &Gateway, server: &str) -> Self {
        let (mut client, path) = (weir.client().await, format!("/{server}/mcp"));
        let params = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;
        let opened = client.ask(&legacy("1", "initialize", params).path(&path)).await;
        let id = opened.head.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}")).to_owned();
        Self { client, path, id }
    }

    fn call(&self, tool: &str) -> Post {
        let call = legacy("2", "tools/call", &format!(r#"{{"name":"{tool}","arguments":{{}}}}"#));
        call.path(&self.path).session(&self.id)
    }

    /// The process that a call is answered by.
    async fn process(&mut self) -> String {
        let answer = self.client.ask(&self.call("who")).await;
        answer.json()["result"]["pid"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }
}

fn runs(process: &str) -> bool {
    Path::new("/proc").join(process).exists()
}

/// What is counted of a server: processes that run, were started, have ended; and lines that were no messages.
async fn counted(weir: &Gateway, server: &str) -> [f64; 4] {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    let page = Exposition::parse(admin.answer().await.text());
    ["processes_running", "processes_started_total", "processes_ended_total", "bad_lines_total"]
        .map(|what| page.sum(&format!("weir_server_{what}"), &[("server", server)]))
}

#[tokio::test]
async fn a_command_that_did_not_change_runs_on_and_one_that_did_ends_after_its_calls() {
    only_through_weir!();
    let place = Place(tempfile::tempdir().expect("a temporary directory can be made"));
    let weir = Gateway::config(&place.config(&[("kept", "1"), ("other", "1")])).start().await;
    let (mut kept, mut other) = (Session::open(&weir, "kept").await, Session::open(&weir, "other").await);
    let (same, before) = (kept.process().await, other.process().await);
    let begun = other.call("wait");
    other.client.post(&begun).await;
    until("the call has begun", async || place.0.path().join("begun").exists()).await;

    weir.write(&place.config(&[("other", "2"), ("kept", "1")]));
    assert_eq!(reload(&weir).await.status(), 200);
    assert_eq!(kept.process().await, same, "its session goes on");
    let mut anew = Session::open(&weir, "other").await;
    let after = anew.process().await;
    assert_ne!(after, before);
    assert!(runs(&before), "its call runs on");
    std::fs::write(place.0.path().join("go"), "").expect("the directory can be written");
    let answer = other.client.answer().await;
    assert_eq!(answer.json()["result"]["pid"], before.as_str(), "{answer:?}");
    until("the old process ends", async || !runs(&before)).await;
    until("it is counted", async || counted(&weir, "other").await == [1.0, 2.0, 1.0, 0.0]).await;
    assert_eq!(counted(&weir, "kept").await, [1.0, 1.0, 0.0, 0.0]);

    let bad = legacy("3", "bad", "{}").path("/other/mcp").session(&anew.id);
    assert_eq!(weir.client().await.ask(&bad).await.status(), 200);
    until("a line that is no message is counted", async || counted(&weir, "other").await[3] == 1.0).await;
    weir.write(&place.config(&[("kept", "1")]));
    assert_eq!(reload(&weir).await.status(), 200);
    until("a server that is gone ends at 0", async || counted(&weir, "other").await == [0.0, 2.0, 2.0, 1.0]).await;
    assert!(!runs(&after));
    assert_eq!(kept.process().await, same);
    weir.stop().await;
    assert!(!runs(&same));
}
