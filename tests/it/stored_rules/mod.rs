//! Rules that are kept in the store: added, changed, ordered, removed and rolled back while Weir runs.
//!
//! ```text
//! changing   each change counts once it is answered; what is wrong changes nothing; no message meets two versions
//! commands   `weir rules`, beside a daemon and without one
//! keeping    over starts, reloads and kills; what does not fit a configuration
//! sharing    two nodes on one PostgreSQL, which is killed and started again
//! ```

mod changing;
mod commands;
mod keeping;
mod sharing;

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Request, Scripted, call, result};

/// A configuration with these sections, in front of this server.
fn config(more: &str, server: &Scripted) -> String {
    format!(
        "{more}\n[listen]\ncores = 2\n[reload]\nwatch = false\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n\
         [[routes]]\npath = \"/mcp\"\nservers = [\"files\"]\n",
        server.url()
    )
}

/// One that says which of two fields of a request it was sent.
async fn answering() -> Scripted {
    let told = |request: &Request| {
        let field = |name| request.header(name).unwrap_or("-").to_owned();
        let told = format!("{} {}", field("x-one"), field("x-two"));
        result(&request.id(), &json!({ "resultType": "complete", "content": [], "told": told }).to_string())
    };
    Scripted::answering(told).await
}

/// What an operator orders, with these fields.
async fn ordered(weir: &Gateway, method: &str, path: &str, fields: &str, body: &str) -> Answer {
    let order = String::from_utf8(weir.order(method, path, body)).unwrap();
    let mut operator = weir.admin().await;
    operator.bytes(order.replacen("Host: localhost\r\n", &format!("Host: localhost\r\n{fields}"), 1).as_bytes()).await;
    operator.answer().await
}

async fn order(weir: &Gateway, method: &str, path: &str, body: &Value) -> Answer {
    ordered(weir, method, path, "", &body.to_string()).await
}

/// One that has to succeed: the version that it makes.
async fn done(weir: &Gateway, method: &str, path: &str, body: &Value) -> u64 {
    let answer = order(weir, method, path, body).await;
    assert!(matches!(answer.status(), 200 | 201), "{method} {path} {body}: {answer:?}");
    answer.json()["version"].as_u64().unwrap()
}

async fn add(weir: &Gateway, rule: &Value) -> u64 {
    done(weir, "POST", "/api/v1/rules", &json!({ "rule": rule })).await
}

fn refusing(name: &str, tool: &str) -> Value {
    json!({ "name": name, "tools": [format!("*:{tool}")], "then": "refuse", "message": format!("by {name}") })
}

/// The names of all rules in force, those of the file with a star, and the version.
async fn listed(weir: &Gateway) -> (Vec<String>, u64) {
    let answer = order(weir, "GET", "/api/v1/rules", &json!(null)).await;
    let list = answer.json();
    let version = list["version"].as_u64().unwrap();
    assert_eq!(answer.head.header("etag"), Some(&*format!("\"{version}\"")), "{answer:?}");
    let name = |rule: &Value| {
        let star = if rule["origin"] == "file" { "*" } else { "" };
        format!("{star}{}", rule["name"].as_str().unwrap())
    };
    (list["rules"].as_array().unwrap().iter().map(name).collect(), version)
}

/// What becomes of a call: the message of the refusal, or what the server was sent.
async fn called(weir: &Gateway, tool: &str) -> String {
    let answer = weir.client().await.ask(&call("1", tool, "{}")).await.json();
    let told = answer["error"]["message"].as_str().or(answer["result"]["told"].as_str());
    told.unwrap_or_else(|| panic!("{answer}")).to_owned()
}
