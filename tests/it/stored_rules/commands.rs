//! `weir rules`, beside a daemon and without one.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::{Gateway, Scripted, call, only_through_weir};

use super::{answering, called, config, listed};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples/stored/no-shell.json");

/// A configuration, files with rules and a data directory.
struct House(TempDir);

impl House {
    fn new(config: &str) -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        house.file("weir.toml", config);
        house
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn data(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }

    async fn weir(&self, weir: Option<&Gateway>, arguments: &[&str]) -> Output {
        let binary = std::env::var_os("WEIR_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into());
        let mut command = Command::new(binary);
        let admin = weir.map_or("127.0.0.1:1".to_owned(), |weir| weir.admin_address().to_string());
        command.args(arguments).args(["--admin", &admin]).arg("--data").arg(self.data());
        command.current_dir(self.0.path()).env_remove("STATE_DIRECTORY");
        spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// One that has to succeed: what it said.
    async fn done(&self, weir: Option<&Gateway>, arguments: &[&str]) -> String {
        let output = self.weir(weir, arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    async fn failed(&self, weir: Option<&Gateway>, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.weir(weir, arguments).await;
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

async fn started(house: &House, text: &str) -> Gateway {
    Gateway::config(text).data(&house.data()).start().await
}

fn needy(server: &Scripted) -> String {
    format!("[[servers]]\nname = \"other\"\nendpoints = [{:?}]\n", server.url())
}

const SHUT: &str = "shell tools are shut until 6 o'clock";

#[tokio::test]
async fn rules_are_stored_before_the_first_start_and_while_it_runs() {
    only_through_weir!();
    let server = answering().await;
    let text = config("", &server);
    let house = House::new(&text);
    let (code, why) = house.failed(None, &["rules", "list"]).await;
    assert!(code == Some(1) && why.contains("--data") && !house.data().exists(), "{why}");
    let said = house.done(None, &["rules", "add", EXAMPLE]).await;
    assert!(said.contains("version 1 is kept, and counts from the next start on"), "{said}");
    let weir = started(&house, &text).await;
    assert_eq!((called(&weir, "shell").await.as_str(), called(&weir, "ls").await.as_str()), (SHUT, "- -"));

    house.file(
        "no-ls.toml",
        "[[rules]]\nname = \"no ls\"\ntools = [\"*:ls\"]\nthen = \"refuse\"\nmessage = \"no ls\"\n",
    );
    let said = house.done(Some(&weir), &["rules", "add", "no-ls.toml", "--dry-run"]).await;
    assert!(said.contains("it would be taken; nothing was changed") && listed(&weir).await.1 == 1, "{said}");
    let said = house.done(Some(&weir), &["rules", "add", "no-ls.toml", "--position", "0"]).await;
    assert_eq!(
        (said.as_str(), called(&weir, "ls").await.as_str()),
        ("weir: version 2 of the stored rules is in force\n", "no ls")
    );
    let list = house.done(Some(&weir), &["rules", "list"]).await;
    let stored = |at: u8, name: &str| format!("stored     {at}  {{\"name\":\"{name}\"");
    assert!(list.contains(&stored(0, "no ls")) && list.contains(&stored(1, "no shell tonight")), "{list}");
    house.done(Some(&weir), &["rules", "order", "no shell tonight", "no ls"]).await;
    assert_eq!(listed(&weir).await.0, ["no shell tonight", "no ls"]);
    house.file("no-ls.json", r#"{"name":"no ls","tools":["*:ls"],"then":"refuse","message":"still none"}"#);
    house.done(Some(&weir), &["rules", "change", "no-ls.json", "--on", "3"]).await;
    assert_eq!(called(&weir, "ls").await, "still none");
    house.done(Some(&weir), &["rules", "remove", "no ls"]).await;
    house.done(Some(&weir), &["rules", "rollback", "2"]).await;
    assert_eq!((called(&weir, "ls").await, listed(&weir).await.1), ("no ls".to_owned(), 6));

    // What is told of a message says which rule is a stored one.
    house.file("call.json", std::str::from_utf8(call("1", "ls", "{}").text()).unwrap());
    let told = house.done(Some(&weir), &["explain", "--running", "--message", "call.json"]).await;
    assert!(told.contains("applies  no ls (stored): refuse"), "{told}");

    for (arguments, said) in [
        (&["rules", "remove", "gone"][..], "there is no stored rule \"gone\""),
        (&["rules", "remove", "no ls", "--on", "5"], "at version 6, and not at 5"),
        (&["rules", "add", "no-ls.json"], "there is a rule \"no ls\" already"),
        (&["rules", "rollback", "9"], "there is no version 9"),
    ] {
        let (code, why) = house.failed(Some(&weir), arguments).await;
        assert!(code == Some(1) && why.contains(said), "{arguments:?}: {why}");
    }
    house.file("wrong.json", r#"{"name":"wrong","toolz":[],"then":"refuse"}"#);
    for arguments in [&["rules", "add", "wrong.json"][..], &["rules", "add", "wrong.json", "--dry-run"]] {
        let (code, why) = house.failed(Some(&weir), arguments).await;
        assert!(code == Some(1) && why.contains("`toolz`"), "{why}");
    }
    for (text, said) in
        [("[[rules]]\n[[rules]]", "one at a time"), ("{}", "`name`"), ("{\"name\":\"order\"}", "another name")]
    {
        house.file("wrong.toml", text);
        let (code, why) = house.failed(Some(&weir), &["rules", "add", "wrong.toml"]).await;
        assert!(code == Some(2) && why.contains(said), "{why}");
    }
    let told: Value = serde_json::from_str(&house.done(Some(&weir), &["rules", "versions", "--json"]).await).unwrap();
    let by: Vec<_> = told["versions"].as_array().unwrap().iter().map(|one| &one["by"]).collect();
    assert_eq!((by.len(), by[0]), (6, &json!("the key of the data directory")));
    assert!(by[5].as_str().unwrap().ends_with(" by command"), "{by:?}");
    weir.stop().await;
    let versions = house.done(None, &["rules", "versions"]).await;
    assert_eq!((versions.lines().count(), versions.contains("rolled back to 2")), (6, true), "{versions}");
}

/// Of several rules that do not fit each is mended by itself.
#[tokio::test]
async fn what_keeps_a_daemon_from_starting_is_mended_without_one() {
    only_through_weir!();
    let server = answering().await;
    let house = House::new(&config(&needy(&server), &server));
    for name in ["one", "two"] {
        let rule = json!({ "name": name, "tools": ["*:x"], "then": { "route": [{ "server": "other" }] } });
        house.file(&format!("{name}.json"), &rule.to_string());
        house.done(None, &["rules", "add", &format!("{name}.json")]).await;
    }
    house.done(None, &["rules", "add", EXAMPLE]).await;
    house.file("weir.toml", &config("", &server));
    refused(&house, &server, &["\"one\"", "\"two\"", "weir rules"]).await;
    house.file("three.json", r#"{"name":"three","then":{"route":[{"server":"other"}]}}"#);
    let (code, why) = house.failed(None, &["rules", "add", "three.json"]).await;
    assert!(code == Some(1) && why.contains("\"three\"") && !why.contains("\"one\""), "{why}");
    house.file("one.json", r#"{"name":"one","tools":["*:x"],"then":"refuse"}"#);
    house.done(None, &["rules", "change", "one.json"]).await;
    refused(&house, &server, &["\"two\""]).await;
    house.done(None, &["rules", "remove", "two"]).await;
    let weir = started(&house, &config("", &server)).await;
    assert_eq!((called(&weir, "shell").await, listed(&weir).await.0.len()), (SHUT.to_owned(), 2));
    weir.stop().await;
}

async fn refused(house: &House, server: &Scripted, all: &[&str]) {
    let (code, said) = Gateway::config(&config("", server)).data(Path::new(&house.data())).refused().await;
    assert!(code == Some(2) && all.iter().all(|name| said.contains(name)), "{said}");
}
