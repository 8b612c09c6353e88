//! What is told of limits and of arguments is what is counted and checked.

use std::collections::BTreeMap;

use super::*;
use crate::metrics::page_where;
use crate::support::{Client, Request, modern};

const LIMITS: &str = r#"
[[limits]]
name = "address"
key = "client_ip"
rate = "100/h"
[[limits]]
name = "caller"
key = "principal"
rate = "100/h"
concurrent = 9
[[limits]]
name = "tenant"
methods = ["tools/call"]
key_expression = 'principal.subject + "/" + arguments.tenant'
quota = "100/day"
[[limits]]
name = "others"
key = "principal"
roles = ["admin"]
rate = "100/h"
[[limits]]
name = "tools"
key = "tool"
cost = 2
rate = "100/h"
[[limits]]
name = "dear"
key_expression = "server"
class = "dear"
rate = "100/h"
[[limits]]
name = "prompts"
key = "server"
prompts = ["*"]
rate = "100/h"
[[rules]]
name = "reports are dear"
tools = ["files:read_report"]
set = { class = "dear", cost = 5 }
[[rules]]
name = "pings are answered here"
methods = ["ping"]
then = { answer = {} }
"#;

/// How often each limit would be asked: once at each place, but where the message is refused there.
fn asked(document: &Value) -> BTreeMap<String, f64> {
    let mut asked = BTreeMap::new();
    let steps = document["steps"].as_array().expect("a list").iter();
    for step in steps.filter(|step| step["stage"] == "limits" && step["refused"].is_null()) {
        let looked_at = step["looked_at"].as_array().expect("a list").iter();
        for one in looked_at.filter(|one| one["applies"] == true) {
            *asked.entry(one["name"].as_str().expect("a name").to_owned()).or_default() += 1.0;
        }
    }
    asked
}

impl House {
    /// What is told of a request, by the file and by the daemon.
    async fn told(&self, request: &Post, who: &Value, running: &[&str]) -> (Value, Value) {
        let message = self.file("message.json", std::str::from_utf8(request.text()).unwrap());
        let who = self.file("who.json", &who.to_string());
        let asked = ["--message", &message, "--as", &who, "--address", "127.0.0.1"];
        (self.document(&asked).await, self.document(&[&asked[..], running].concat()).await)
    }
}

#[tokio::test]
async fn the_limits_that_are_told_are_those_that_count() {
    only_through_weir!();
    let server =
        Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await;
    let house = House::new();
    let config = format!("{}{LIMITS}", house.config(&server.url()));
    house.file("weir.toml", &config);
    let data = house.home.path().join("data");
    let weir = Gateway::config(&config).data(&data).start().await;
    let (admin, data) = (weir.admin_address().to_string(), data.display().to_string());
    let running = ["--running", "--admin", &admin, "--data", &data];
    let (claims, who) = caller(&["reader"], "mcp:tools");
    let bearer = format!("Bearer {}", house.issuer.token(header(), &claims));
    let mut client = weir.client().await;
    let mut expected: BTreeMap<String, f64> = BTreeMap::new();
    for (request, limits, reason) in [
        (call("1", "read_a", r#"{"tenant":"a"}"#), &["address", "caller", "tenant", "tools"][..], Value::Null),
        (call("1", "read_report", r#"{"tenant":"a"}"#), &["address", "caller", "tenant", "tools", "dear"], Value::Null),
        (call("1", "write_a", r#"{"tenant":"a"}"#), &["address", "caller", "tenant"], json!("unknown_name")),
        (call("1", "read_a", "{}"), &["address"], json!("policy_denied")),
        (modern("1", "tools/list", ""), &["address", "caller"], Value::Null),
        (modern("1", "ping", ""), &["address", "caller"], Value::Null),
        (
            legacy("1", "tools/call", r#"{"name":"read_a","arguments":{"tenant":"\u0061"}}"#),
            &["address", "caller", "tenant", "tools"],
            Value::Null,
        ),
    ] {
        let (here, there) = house.told(&request, &who, &running).await;
        assert_eq!((&here["limits"], &there["limits"]), (&json!(limits), &json!(limits)), "{here:#}");
        assert_eq!((&here["refused"], &there["refused"]), (&reason, &reason), "{here:#}");
        for (limit, count) in asked(&there) {
            *expected.entry(limit).or_default() += count;
        }
        let answer = client.ask(&request.clone().header("Authorization", &bearer)).await;
        assert_eq!(answer.json()["error"]["data"]["reason"], reason, "{answer:?}");
        page_where(&weir, "what was told was counted", |page| {
            ["address", "caller", "tenant", "others", "tools", "dear", "prompts"].iter().all(|limit| {
                let labels = [("limit", *limit), ("decision", "admitted")];
                page.sum("weir_limit_decisions_total", &labels) == expected.get(*limit).copied().unwrap_or(0.0)
            })
        })
        .await;
    }
    weir.stop().await;
}

#[tokio::test]
async fn each_limit_says_what_it_counts_or_why_not() {
    only_through_weir!();
    let server =
        Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await;
    let house = House::new();
    let config = format!("{}{LIMITS}", house.config(&server.url()));
    house.file("weir.toml", &config);
    let data = house.home.path().join("data");
    let weir = Gateway::config(&config).data(&data).start().await;
    let (admin, data) = (weir.admin_address().to_string(), data.display().to_string());
    let running = ["--running", "--admin", &admin, "--data", &data];
    let (claims, who) = caller(&["reader"], "mcp:tools");
    let bearer = format!("Bearer {}", house.issuer.token(header(), &claims));
    let request = call("1", "read_report", r#"{"tenant":"a"}"#);
    let all = |document: &Value| {
        let steps = document["steps"].as_array().unwrap().iter().filter(|step| step["stage"] == "limits");
        let looked_at = steps.flat_map(|step| step["looked_at"].as_array().unwrap().clone());
        looked_at.map(|one| format!("{}: {}", one["name"].as_str().unwrap(), one["says"].as_str().unwrap())).collect()
    };
    let fresh = [
        "address: counts 1 for the address 127.0.0.1",
        "caller: counts 1 and holds 1 of 9 calls for this caller",
        "tenant: counts 1 for the key \"ann/a\"",
        "others: none of its roles: `roles`",
        "caller: a rule makes it cost 5: it counts 4 for this caller, beside that",
        "tenant: a rule makes it cost 5: it counts 4 for the key \"ann/a\", beside that",
        "tools: counts 10 for the tool files:read_report",
        "dear: counts 5 for the key \"files\"",
        "prompts: another name: `tools`, `prompts`, `resources`",
    ];
    let (here, there) = house.told(&request, &who, &running).await;
    assert_eq!(all(&here) as Vec<String>, fresh);
    assert_eq!(all(&there) as Vec<String>, fresh, "nothing was counted yet, and asking counts nothing");
    assert_eq!(weir.client().await.ask(&request.clone().header("Authorization", &bearer)).await.status(), 200);
    let (here, there) = house.told(&request, &who, &running).await;
    assert_eq!(all(&here) as Vec<String>, fresh);
    let there: Vec<String> = all(&there);
    for left in [
        "address: counts 1 for the address 127.0.0.1; 99 left",
        "tenant: counts 1 for the key \"ann/a\"; 95 left",
        "tools: counts 10 for the tool files:read_report; 90 left",
    ] {
        assert!(there.iter().any(|said| said == left), "{left}: {there:#?}");
    }
    let output = house.weir(&["--message", "message.json", "--as", "who.json"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("    applies  tenant: counts 1 for the key \"ann/a\"\n"), "{said}");
    weir.stop().await;
}

#[tokio::test]
async fn an_expression_that_fails_is_told_with_its_limit() {
    only_through_weir!();
    let house = House::new();
    house.file("weir.toml", &format!("{}{LIMITS}", house.config("http://127.0.0.1:9/mcp")));
    let message = house.file("m.json", std::str::from_utf8(call("1", "read_a", "{}").text()).unwrap());
    let who = house.file("w.json", &caller(&["reader"], "mcp:tools").1.to_string());
    let told = house.document(&["--message", &message, "--as", &who]).await;
    let last = told["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["stage"], &last["refused"]), (&json!("limits"), &json!("policy_denied")), "{told:#}");
    let says = last["looked_at"].as_array().unwrap().last().unwrap()["says"].as_str().unwrap();
    let why = "its key_expression has failed, which denies: `arguments.tenant` is not there; ask with has() first";
    assert_eq!(says, why);
}

/// What is looked at of arguments, as one text.
fn arguments(document: &Value) -> String {
    let steps = document["steps"].as_array().unwrap().iter().filter(|step| step["stage"] == "arguments");
    let looked_at = steps.flat_map(|step| step["looked_at"].as_array().unwrap().clone());
    let shown = looked_at.map(|one| format!("{}: {}", one["name"].as_str().unwrap(), one["says"].as_str().unwrap()));
    shown.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_is_told_of_arguments_is_what_is_checked() {
    only_through_weir!();
    const TOOL: &str = r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"read_a","inputSchema":
        {"type":"object","required":["n"]}}]}"#;
    let server = Scripted::answering(|request: &Request| match &*request.method() {
        "tools/list" => result(&request.id(), TOOL),
        _ => result(&request.id(), r#"{"resultType":"complete","content":[]}"#),
    })
    .await;
    let house = House::new();
    let checked =
        "servers = [\"files\"]\nvalidate_arguments = true\nvalidate_answers = \"count\"\nbounds = [{ values = 15 }]\n";
    let config = house.config(&server.url()).replacen("servers = [\"files\"]\n", checked, 1);
    house.file("weir.toml", &config);
    let data = house.home.path().join("data");
    let weir = Gateway::config(&config).data(&data).start().await;
    let (admin, data) = (weir.admin_address().to_string(), data.display().to_string());
    let running = ["--running", "--admin", &admin, "--data", &data];
    let (claims, who) = caller(&["reader"], "mcp:tools");
    let bearer = format!("Bearer {}", house.issuer.token(header(), &claims));
    let mut client: Client = weir.client().await;
    let unknown = "the definition of the tool is not known here; a call asks its server for it";
    let (here, there) = house.told(&call("1", "read_a", r#"{"n":1}"#), &who, &running).await;
    assert_eq!(arguments(&here), format!("bounds: it is within them\ninputSchema: {unknown}\noutputSchema: {unknown}"));
    assert_eq!(here, there);
    for (arguments_of_it, refused, looked_at) in [
        (r#"{"n":1}"#, Value::Null, "inputSchema: its arguments fit\noutputSchema: the tool has none"),
        ("{}", json!("invalid_arguments"), "inputSchema: its arguments do not fit, or cannot be checked"),
        (r#"{"n":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}"#, json!("invalid_params"), "bounds: it is beyond them"),
    ] {
        let request = call("1", "read_a", arguments_of_it);
        let answer = client.ask(&request.clone().header("Authorization", &bearer)).await.json();
        let became = match answer["result"]["isError"] == true {
            true => json!("invalid_arguments"),
            false => answer["error"]["data"]["reason"].clone(),
        };
        let (_, there) = house.told(&request, &who, &running).await;
        assert_eq!((&became, &there["refused"]), (&refused, &refused), "{answer} {there:#}");
        assert!(arguments(&there).ends_with(looked_at), "{there:#}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn a_row_of_the_table_expects_limits_as_well() {
    only_through_weir!();
    let house = House::new();
    house.file("weir.toml", &format!("{}{LIMITS}", house.config("http://127.0.0.1:9/mcp")));
    let row = |limits: &[&str]| {
        let mut case = case("read_a", &["reader"], &json!({ "expect": "pass", "limits": limits }));
        case["message"]["params"]["arguments"] = json!({ "tenant": "a" });
        case["address"] = json!("192.0.2.1");
        format!("{case}\n")
    };
    let right = row(&["tools", "address", "caller", "tenant"]);
    house.file("cases.jsonl", &format!("{right}{}{}", row(&[]), row(&["caller"])));
    let output = house.command("rules test", &["cases.jsonl"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let counted = "it is by address, caller, tenant, tools";
    for line in [
        "ok    read_a\n".to_owned(),
        format!("FAIL  read_a: expected to be counted by no limit, and {counted}\n"),
        format!("FAIL  read_a: expected to be counted by caller, and {counted}\n"),
        "3 cases, 2 not as expected\n".to_owned(),
    ] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    house.file("broken.jsonl", &right.replace("[\"tools\"", "[7"));
    let output = house.command("rules test", &["broken.jsonl"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("broken.jsonl:1: `limits` is a list of strings"), "{said}");
}
