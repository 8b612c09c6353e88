//! The official clients of the generation before do over the pair what they do over streamable HTTP.

use std::process::Command;

use serde_json::{Value, json};

use super::gateway;
use crate::matrix;
use crate::sdk::{REFERENCE, makes};
use crate::support::{Gateway, NodeServer, Process, node, only_through_weir, python, within};

#[tokio::test]
async fn sdk_1_before_a_server_of_streamable_http() {
    only_through_weir!();
    let server = NodeServer::reference(&["--era", "dual"]).await;
    let weir = gateway(server.url()).await;
    for revision in ["2024-11-05", "2025-11-25"] {
        typescript(&weir, revision, &[]).await;
    }
    weir.stop().await;
}

#[tokio::test]
async fn sdk_1_before_a_command() {
    only_through_weir!();
    let weir = command().await;
    typescript(&weir, "2024-11-05", &["--stdio"]).await;
    weir.stop().await;
}

#[tokio::test]
async fn python_1_before_a_server_of_streamable_http() {
    only_through_weir!();
    let server = NodeServer::reference(&["--era", "dual"]).await;
    let weir = gateway(server.url()).await;
    scenario(&weir).await;
    weir.stop().await;
}

#[tokio::test]
async fn python_1_before_a_command() {
    only_through_weir!();
    let weir = command().await;
    scenario(&weir).await;
    weir.stop().await;
}

/// The reference server as a command.
async fn command() -> Gateway {
    let mut server: Command = node("ref-server.mjs");
    server.args(["--stdio", "--era", "dual"]);
    let route = "[[routes]]\npath = \"/mcp\"\nservers = [\"server\"]\nlegacy_sse = \"/sse\"";
    Gateway::command(&server, route).start().await
}

fn url(weir: &Gateway) -> String {
    format!("http://{}/sse", weir.address())
}

async fn typescript(weir: &Gateway, revision: &str, more: &[&str]) {
    let url = url(weir);
    let how = [&["--sse", "--url", &url], more].concat();
    makes(weir, &how, "1", revision, "ref", REFERENCE).await;
}

async fn scenario(weir: &Gateway) {
    makes_scenario("sse", &url(weir)).await;
}

/// What `client.py` does with every server, each step with the right end.
pub(super) async fn makes_scenario(mode: &str, url: &str) {
    let steps = matrix::told(&matrix::scenario());
    let runs = json!([{ "run": "pair", "client": "mcp", "mode": mode, "url": url, "steps": steps }]).to_string();
    let mut client = Process::listening("client.py", &mut python("before", "client.py"));
    client.say(runs.as_bytes());
    client.hush();
    let mut steps = Vec::new();
    while let Some(line) = within("a step", client.line()).await {
        let step: Value = serde_json::from_str(&line).expect("a step is JSON");
        let name = step["step"].as_str().expect("a step has a name").to_owned();
        let fine = step.get("result").is_some();
        // An unknown tool is an error or a result with one, by the server's choice.
        assert!(fine || name == "unknown tool", "{step}");
        if name == "progress" {
            assert_eq!(step["result"]["progress"].as_array().map(Vec::len), Some(3), "{step}");
        }
        steps.push(name);
    }
    let all = "connect,tools,echo,progress,failing tool,elicitation,resource,prompt,unknown tool,still there,end";
    assert_eq!(steps.join(","), all);
}
