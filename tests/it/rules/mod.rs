//! What policy says of messages: refused, passed, answered, sent elsewhere and changed, on every path and in both eras.

mod changed;
mod defined;
mod defined_anew;
mod examples;
mod routed;

use crate::support::{
    Answer, Exposition, Gateway, Post, Request, Scripted, call, legacy, modern, notification, only_through_weir,
    result, until,
};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;

/// Rules in front of these servers, the first of which has the path `/a`.
fn config(rules: &str, servers: &[(&str, &Scripted)]) -> String {
    let mut text = format!("{rules}\n[reload]\nwatch = false\n");
    for (name, server) in servers {
        text += &format!("[[servers]]\nname = \"{name}\"\nendpoints = [\"{}\"]\n", server.url());
    }
    let first = servers[0].0;
    text + &format!("[[routes]]\npath = \"/a\"\nservers = [\"{first}\"]\nlegacy_sse = \"/a/sse\"\n")
}

fn answers(request: &Request) -> String {
    result(&request.id(), r#"{"resultType":"complete","content":[]}"#)
}

async fn answering() -> Scripted {
    Scripted::answering(answers).await
}

async fn ask(weir: &Gateway, post: Post) -> Answer {
    weir.client().await.ask(&post.path("/a")).await
}

fn old_call(name: &str) -> Post {
    legacy("1", "tools/call", &format!(r#"{{"name":"{name}","arguments":{{}}}}"#))
}

/// What the metrics say of a rule.
async fn matches(weir: &Gateway, rule: &str, effect: &str) -> f64 {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    let page = Exposition::parse(admin.answer().await.text());
    page.sum("weir_rule_matches_total", &[("rule", rule), ("effect", effect)])
}

const REFUSING: &str = r#"
[[rules]]
name = "would it bite"
shadow = true
then = "refuse"
[[rules]]
name = "team"
tools = ["files:rm"]
headers = { x-team = "ops*" }
then = "pass"
[[rules]]
name = "no rm"
tools = ["*:r?"]
then = "refuse"
message = "rm is for operators"
code = 4711
[[rules]]
name = "closed"
tools = ["*:closed"]
then = { answer = { content = [{ type = "text", text = "closed until Monday" }] } }
[[rules]]
name = "no completion"
methods = ["completion/*"]
then = "refuse"
[[rules]]
name = "no private things"
resources = ["*:file:///private/*"]
then = "refuse"
"#;

#[tokio::test]
async fn the_first_rule_that_matches_decides_in_both_eras() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config(REFUSING, &[("files", &server)])).start().await;
    for (post, status) in [(call("1", "rm", "{}"), 403), (old_call("rm"), 200), (call("1", "ra", "{}"), 403)] {
        let refused = ask(&weir, post).await;
        assert_eq!(refused.refusal(), (4711, "policy_denied".into(), "no".into()));
        assert_eq!((refused.status(), &refused.json()["error"]["message"]), (status, &"rm is for operators".into()));
    }
    assert!(server.waiting().is_empty(), "nothing was sent");
    for post in [call("1", "rm", "{}"), old_call("rm"), call("1", "read", "{}"), modern("1", "tools/list", "")] {
        let passed = ask(&weir, post.header("X-Team", "ops-7")).await;
        assert!(passed.json()["result"].is_object(), "{passed:?}");
        server.request().await;
    }
    let refused = ask(&weir, modern("1", "completion/complete", r#""ref":{"type":"ref/prompt","name":"x"}"#)).await;
    assert_eq!((refused.refusal().0, refused.status()), (40301, 403));
    let uri = |uri: &str| modern("1", "resources/read", &format!(r#""uri":"{uri}""#)).header("Mcp-Name", uri);
    assert_eq!(ask(&weir, uri("file:///private/a")).await.refusal().1, "policy_denied");
    assert_eq!(ask(&weir, uri("file:///x/../private/a")).await.refusal().1, "invalid_params", "another spelling");
    assert!(ask(&weir, uri("file:///public/a")).await.json()["result"].is_object());

    until("the lines name the rule", async || {
        weir.said().matches("rule=\"no rm\"").count() == 3 && weir.said().matches("rule=team").count() == 2
    })
    .await;
    until("each is counted", async || {
        matches(&weir, "no rm", "decided").await == 3.0 && matches(&weir, "would it bite", "shadow").await == 10.0
    })
    .await;
    weir.stop().await;
}

#[tokio::test]
async fn a_request_is_answered_in_its_era_and_what_is_none_is_refused() {
    only_through_weir!();
    let server = answering().await;
    let weir = Gateway::config(&config(REFUSING, &[("files", &server)])).start().await;
    let content = r#"{"content":[{"type":"text","text":"closed until Monday"}]}"#;
    let old = ask(&weir, old_call("closed")).await;
    assert_eq!((old.status(), old.text()), (200, &*format!(r#"{{"jsonrpc":"2.0","id":1,"result":{content}}}"#)));
    assert_eq!(old.head.header("content-type"), Some("application/json"));
    let new = ask(&weir, call("\"a\\u0062\"", "closed", "{}")).await;
    let inside = content.strip_prefix('{').expect("an object");
    let text = format!(r#"{{"jsonrpc":"2.0","id":"a\u0062","result":{{"resultType":"complete",{inside}}}"#);
    assert_eq!((new.status(), new.text()), (200, &*text));
    let told = ask(&weir, notification("tools/call", r#"{"name":"closed"}"#)).await;
    assert_eq!(told.status(), 202, "a notification takes no answer");
    assert!(server.waiting().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn each_message_of_a_batch_is_ruled_and_it_goes_on_whole_or_not_at_all() {
    only_through_weir!();
    let server = Scripted::answering(|_| r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#.into()).await;
    let weir = Gateway::config(&config(REFUSING, &[("files", &server)])).start().await;
    let element = |id: u8, name: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}"}}}}"#)
    };
    for (name, code) in [("rm", 4711), ("closed", 40301)] {
        let refused = ask(&weir, Post::new(format!("[{},{}]", element(1, "fine"), element(2, name)))).await;
        let codes: Vec<_> =
            refused.json().as_array().unwrap().iter().map(|one| one["error"]["code"].as_i64().unwrap()).collect();
        assert_eq!((refused.status(), codes), (200, vec![40301, code]), "{name}");
    }
    assert!(server.waiting().is_empty(), "nothing was sent");
    assert_eq!(ask(&weir, Post::new(format!("[{}]", element(1, "fine")))).await.status(), 200);
}

#[tokio::test]
async fn rules_hold_on_every_path_to_a_server() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        match exchange.request.verb() {
            "POST" => {
                let answer = answers(&exchange.request);
                exchange.json(answer).await
            }
            _ => exchange.accepted().await,
        }
    })
    .await;
    let rules = format!(
        "{REFUSING}[[rules]]\nname = \"no streams\"\nmethods = [\"GET\", \"DELETE\"]\nheaders = {{ x-stream = \"no\" }}\n\
         then = \"refuse\"\n[[rules]]\nname = \"no sampling\"\nmethods = [\"answer\"]\nthen = \"refuse\"\n"
    );
    let weir = Gateway::config(&config(&rules, &[("files", &server)])).start().await;
    // GET, DELETE, and what a client answers to its server.
    let mut client = weir.client().await;
    for verb in ["GET", "DELETE"] {
        for (stream, status) in [("no", 403), ("yes", 202)] {
            client.without_body(verb, "/a", &[&format!("X-Stream: {stream}"), "Accept: text/event-stream"]).await;
            assert_eq!(client.answer().await.status(), status, "{verb} {stream}");
        }
    }
    let posted = ask(&weir, Post::new(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#)).await;
    assert_eq!(posted.status(), 403);
    // The pair of 2024-11-05: its stream is opened by GET, and what is posted is answered on it.
    client.get("/a/sse", &["Accept: text/event-stream", "X-Stream: no"]).await;
    assert_eq!(client.answer().await.status(), 403);
    let mut stream = weir.client().await;
    stream.get("/a/sse", &["Accept: text/event-stream"]).await;
    assert_eq!(stream.head().await.status(), 200);
    let endpoint = stream.event().await.expect("a whole event").expect("an event").data.expect("where to post");
    for (name, found) in [("rm", "\"code\":4711"), ("closed", "closed until Monday"), ("read", "\"content\":[]")] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
        assert_eq!(client.ask(&Post::new(body).path(&endpoint)).await.status(), 202);
        let message = stream.message().await.expect("an answer");
        assert!(message.contains(found), "{name}: {message}");
    }
}

#[tokio::test]
async fn a_command_is_ruled_alike() {
    only_through_weir!();
    let line = crate::support::Demo::command_line();
    let words: Vec<_> = line.split(' ').map(|word| format!("{word:?}")).collect();
    let rules = "[[rules]]\nname = \"no echo\"\ntools = [\"files:echo\"]\nroles = [\"user\"]\nthen = \"refuse\"\n";
    let text = format!("{rules}[[servers]]\nname = \"files\"\ncommand = [{}]\n", words.join(", "));
    let weir = Gateway::config(&text).start().await;
    let mut client = weir.client().await;
    let refused = client.ask(&call("1", "echo", r#"{"text":"x"}"#)).await;
    assert_eq!(refused.refusal(), (40301, "policy_denied".into(), "no".into()));
    assert!(client.ask(&modern("1", "tools/list", "")).await.json()["result"]["tools"].is_array());
}

#[tokio::test]
async fn a_reload_puts_other_rules_into_force_whole() {
    only_through_weir!();
    let server = answering().await;
    let of = |then: &str| {
        config(&format!("[[rules]]\nname = \"a\"\ntools = [\"x\"]\nthen = {then}\n"), &[("files", &server)])
    };
    let weir = Gateway::config(&of("\"refuse\"")).start().await;
    assert_eq!(ask(&weir, call("1", "x", "{}")).await.refusal().0, 40301);
    weir.write(&of("\"pass\""));
    weir.hang_up();
    until("it is in force", async || ask(&weir, call("1", "x", "{}")).await.status() == 200).await;
    weir.write(&of("\"refuse\"\ncode = 7"));
    weir.hang_up();
    until("it is in force", async || ask(&weir, call("1", "x", "{}")).await.status() == 403).await;
    assert_eq!(ask(&weir, call("1", "x", "{}")).await.refusal().0, 7);
}
