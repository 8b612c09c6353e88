//! Public servers, as their READMEs start them: they hold what they hold over a pipe of one's own.

use serde_json::{Value, json};

use super::{Caller, messages};
use crate::support::{Gateway, legacy, node, only_through_weir, python, within};

/// Asks for `method` in a session of its own.
async fn asked(caller: &mut Caller, method: &str, params: &Value) -> Value {
    let post = legacy("1", method, &params.to_string()).session(&caller.session);
    caller.client.post(&post).await;
    within("an answer", messages(&mut caller.client)).await.pop().expect("an answer")
}

#[tokio::test]
async fn server_memory_keeps_what_it_is_told() {
    only_through_weir!();
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("memory.jsonl");
    let environment = format!("environment = {{ MEMORY_FILE_PATH = {file:?} }}");
    let server = node("node_modules/@modelcontextprotocol/server-memory/dist/index.js");
    let weir = Gateway::command(&server, &environment).start().await;
    let mut caller = Caller::open(&weir).await;
    let entity = json!({ "name": "create_entities", "arguments": { "entities": [{ "name": "weir", "entityType": "daemon", "observations": ["grüße"] }] } });
    let made = asked(&mut caller, "tools/call", &entity).await;
    assert_ne!(made["result"]["isError"], json!(true), "{made}");
    let mut other = Caller::open(&weir).await;
    let graph = asked(&mut other, "tools/call", &json!({ "name": "read_graph", "arguments": {} })).await;
    assert!(graph.to_string().contains("grüße"), "{graph}");
    assert!(std::fs::read_to_string(file).unwrap().contains("weir"));
    weir.stop().await;
}

#[tokio::test]
async fn server_filesystem_reads_what_it_may() {
    only_through_weir!();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let text = "zürich\n".repeat(100_000);
    std::fs::write(path.join("a.txt"), &text).unwrap();
    let mut server = node("node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
    server.arg(&path);
    let weir = Gateway::command(&server, "").start().await;
    let mut caller = Caller::open(&weir).await;
    let read = |file: &str| json!({ "name": "read_text_file", "arguments": { "path": path.join(file) } });
    let answer = asked(&mut caller, "tools/call", &read("a.txt")).await;
    assert_eq!(answer["result"]["content"][0]["text"].as_str(), Some(&*text));
    let refused = asked(&mut caller, "tools/call", &read("../../etc/passwd")).await;
    assert_eq!(refused["result"]["isError"], json!(true), "{refused}");
    weir.stop().await;
}

#[tokio::test]
async fn the_python_sdks_server_answers_in_both_generations() {
    only_through_weir!();
    for environment in ["before", "present"] {
        let weir = Gateway::command(&python(environment, "stdio_server.py"), "").start().await;
        let mut caller = Caller::open(&weir).await;
        let listed = asked(&mut caller, "tools/list", &json!({})).await;
        assert!(listed.to_string().contains("probe_echo"), "{listed}");
        let called = json!({ "name": "probe_echo", "arguments": { "text": "grüße" } });
        let answer = asked(&mut caller, "tools/call", &called).await;
        assert_eq!(answer["result"]["content"][0]["text"], "grüße", "{environment}: {answer}");
        weir.stop().await;
    }
}
