//! `weir explain`: what is told of a message is what becomes of it.

mod limits;

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::{Gateway, Post, Scripted, call, legacy, only_through_weir, result};
use crate::tokens::{Issuer, header, now};

const ISSUER: &str = "https://a.example/";

/// A configuration, a key set and messages in a directory.
struct House {
    home: TempDir,
    issuer: Issuer,
}

impl House {
    fn new() -> Self {
        let (home, issuer) = (tempfile::tempdir().unwrap(), Issuer::new(1));
        fs::write(home.path().join("a.json"), issuer.key_set("1")).unwrap();
        Self { home, issuer }
    }

    fn config(&self, server: &str) -> String {
        format!(
            "[listen]\naddress = \"127.0.0.1:0\"\npublic_url = \"https://gateway.test\"\n[[auth.jwt]]\nissuer = {ISSUER:?}\n\
             jwks = {{ file = {:?} }}\n[[roles]]\nname = \"reader\"\ntools = [\"files:read_*\"]\n[[routes]]\npath = \"/mcp\"\n\
             servers = [\"files\"]\nscopes = [\"mcp:tools\"]\n[[servers]]\nname = \"files\"\nendpoints = [{server:?}]\n",
            self.home.path().join("a.json")
        )
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.home.path().join(name), text).unwrap();
        name.to_owned()
    }

    async fn weir(&self, arguments: &[&str]) -> Output {
        self.command("explain", arguments).await
    }

    async fn command(&self, command: &str, arguments: &[&str]) -> Output {
        let weir = std::env::var_os("WEIR_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into());
        let words = command.split(' ').chain(arguments.iter().copied());
        let mut command = Command::new(weir);
        command.args(words).current_dir(self.home.path()).env_remove("STATE_DIRECTORY");
        spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn document(&self, arguments: &[&str]) -> Value {
        let output = self.weir(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A caller as a token names them, and as `--as` does.
fn caller(roles: &[&str], scopes: &str) -> (Value, Value) {
    let claims = json!({ "iss": ISSUER, "sub": "ann", "aud": "https://gateway.test/mcp", "exp": now() + 600, "roles": roles, "scope": scopes });
    let scopes: Vec<_> = scopes.split_whitespace().collect();
    (claims, json!({ "issuer": ISSUER, "subject": "ann", "roles": roles, "scopes": scopes }))
}

#[tokio::test]
async fn what_is_told_of_a_message_is_what_becomes_of_it() {
    only_through_weir!();
    let server =
        Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await;
    let house = House::new();
    let config = house.config(&server.url());
    house.file("weir.toml", &config);
    let data = house.home.path().join("data");
    let weir = Gateway::config(&config).data(&data).start().await;
    let (admin, data) = (weir.admin_address().to_string(), data.display().to_string());
    let mut client = weir.client().await;
    let cases: [(&str, Post, &[&str], &str, Value); 5] = [
        ("reads", call("1", "read_a", "{}"), &["reader"], "mcp:tools", Value::Null),
        ("writes", call("1", "write_a", "{}"), &["reader"], "mcp:tools", json!("unknown_name")),
        ("legacy", legacy("1", "tools/call", r#"{"name":"write_a"}"#), &["reader"], "mcp:tools", json!("unknown_name")),
        ("no scope", call("1", "read_a", "{}"), &["reader"], "other", json!("insufficient_scope")),
        ("no role", call("1", "read_a", "{}"), &["nobody"], "mcp:tools", json!("unknown_name")),
    ];
    for (what, request, roles, scopes, refused) in cases {
        let (claims, who) = caller(roles, scopes);
        let token = house.issuer.token(header(), &claims);
        let answer = client.ask(&request.clone().header("Authorization", &format!("Bearer {token}"))).await;
        assert_eq!(answer.json()["error"]["data"]["reason"], refused, "{what}: {answer:?}");
        let (message, who) = (
            house.file("message.json", std::str::from_utf8(request.text()).unwrap()),
            house.file("who.json", &who.to_string()),
        );
        let asked = ["--message", &message, "--as", &who];
        let here = house.document(&asked).await;
        assert_eq!((&here["refused"], &here["path"], &here["server"]), (&refused, &json!("/mcp"), &json!("files")));
        let there = house.document(&[&asked[..], &["--running", "--admin", &admin, "--data", &data]].concat()).await;
        assert_eq!(here, there, "{what}");
        let stages: Vec<_> = here["steps"].as_array().unwrap().iter().map(|step| step["stage"].clone()).collect();
        assert_eq!(stages[..], ["authenticate", "wellformed", "authorize", "rules"].map(Value::from)[..stages.len()]);
    }
    assert_eq!(server.waiting().len(), 1, "explaining sends nothing");
    weir.stop().await;
}

#[tokio::test]
async fn a_mistake_in_what_is_asked_is_told() {
    only_through_weir!();
    let house = House::new();
    let message = house.file("message.json", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    let told = async |arguments: &[&str]| {
        let output = house.weir(arguments).await;
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = told(&["--message", &message]).await;
    assert!(code == Some(2) && said.contains("nothing to explain by"), "{said}");
    house.file("weir.toml", &house.config("http://127.0.0.1:9/mcp"));
    for (arguments, code, what) in [
        (&["--message", "nowhere.json"][..], 2, "nowhere.json: No such file"),
        (&["--message", "weir.toml"], 2, "weir.toml: "),
        (&["--message", &message, "--path", "/x"], 2, "no route has the path \"/x\": there are /mcp"),
        (&["--message", &message, "--as", &message], 2, "nothing is called \"jsonrpc\" here"),
        (&["--message", &message, "--header", "x"], 2, "takes NAME: VALUE"),
        (&["--message", &message, "--running", "--admin", "127.0.0.1:9"], 3, "no daemon runs here"),
    ] {
        let (ended, said) = told(arguments).await;
        assert!(ended == Some(code) && said.contains(what), "{arguments:?}: {ended:?} {said}");
    }
    let output = house.weir(&["--message", &message]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.starts_with("/mcp -> files\n  authenticate  unauthenticated"), "{said}");
    assert!(said.ends_with("it goes no further: unauthenticated\n"), "{said}");
}

const RULES: &str = r#"
[[rules]]
name = "guests delete nothing"
tools = ["files:*_delete"]
when = '!("operator" in principal.roles)'
then = "refuse"
message = "deleting takes the operator role"
[[rules]]
name = "pings are answered here"
methods = ["ping"]
then = { answer = {} }
[[rules]]
name = "trial"
tools = ["files:new_*"]
then = { route = [{ server = "second" }] }
[[servers]]
name = "second"
endpoints = ["http://127.0.0.1:9/second"]
"#;

/// A case of a call with this name.
fn case(name: &str, roles: &[&str], expected: &Value) -> Value {
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": {} } });
    let who = json!({ "subject": "ann", "roles": roles, "scopes": ["mcp:tools"] });
    let mut case = json!({ "name": name, "message": message, "as": who });
    case.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
    case
}

#[tokio::test]
async fn rules_are_tried_on_a_table_of_messages() {
    only_through_weir!();
    let house = House::new();
    house.file("weir.toml", &format!("{}{RULES}", house.config("http://127.0.0.1:9/mcp")));
    let ping = json!({ "message": { "jsonrpc": "2.0", "id": 1, "method": "ping" }, "expect": "answer",
                       "as": { "subject": "ann", "roles": ["admin"], "scopes": ["mcp:tools"] } });
    let right = [
        case("a_delete", &["admin"], &json!({ "expect": "refuse", "rule": "guests delete nothing" })),
        case("a_delete", &["admin", "operator"], &json!({ "expect": "pass", "server": "files" })),
        case("new_a", &["admin"], &json!({ "expect": "route", "rule": "trial", "server": "second" })),
        case("read_a", &["reader"], &json!({ "expect": "pass" })),
        case("a_delete", &["reader"], &json!({ "expect": "unknown_name" })),
        ping,
    ];
    let lines = |cases: &[Value]| cases.iter().map(|case| format!("{case}\n")).collect::<String>();
    house.file("right.jsonl", &lines(&right));
    let output = house.command("rules test", &["right.jsonl"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.ends_with("\n6 cases, 0 not as expected\n"), "{said}");
    assert!(said.starts_with("ok    a_delete\n") && said.contains("ok    line 6\n"), "{said}");
    let wrong = [
        case("a_delete", &["admin"], &json!({ "expect": "pass" })),
        case("a_delete", &["admin"], &json!({ "expect": "refuse", "rule": "trial" })),
        case("new_a", &["admin"], &json!({ "expect": "route", "server": "files" })),
    ];
    house.file("wrong.jsonl", &lines(&wrong));
    let output = house.command("rules test", &["wrong.jsonl"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for line in [
        "FAIL  a_delete: expected pass, and it is refuse, by \"guests delete nothing\"\n",
        "FAIL  a_delete: expected the rule \"trial\", and it is refuse, by \"guests delete nothing\"\n",
        "FAIL  new_a: expected files, and it goes to second\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    house.file("broken.jsonl", &format!("{}\n{{\"message\":{{}}}}\n", right[0]));
    let output = house.command("rules test", &["broken.jsonl"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.starts_with("weir: broken.jsonl:2: `expect` is needed"), "{said}");
}

#[tokio::test]
async fn every_rule_that_was_looked_at_is_told_of() {
    only_through_weir!();
    let house = House::new();
    house.file("weir.toml", &format!("{}{RULES}", house.config("http://127.0.0.1:9/mcp")));
    let asked = case("new_a", &["admin"], &json!({}));
    let (message, who) =
        (house.file("m.json", &asked["message"].to_string()), house.file("w.json", &asked["as"].to_string()));
    let told = house.document(&["--message", &message, "--as", &who]).await;
    assert_eq!(told["ruled"], json!({ "verdict": "route", "rule": "trial" }));
    assert_eq!(
        told["steps"][3]["looked_at"],
        json!([
            { "name": "guests delete nothing", "applies": false, "says": "another name: `tools`, `prompts`, `resources`" },
            { "name": "pings are answered here", "applies": false, "says": "another method: `methods`" },
            { "name": "trial", "applies": true, "says": "route" },
        ])
    );
}
