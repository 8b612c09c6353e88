//! Calls that a rule copies to another server: what the copy has, and that nothing of the call waits for it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::support::{
    Answer, Demo, Exposition, Gateway, Post, Request, Scripted, call, legacy, modern, only_through_weir, result, until,
    within,
};

const BOTH: &str = r#"{"resultType":"complete","content":[]}"#;

/// `a` with the path `/a`, whose calls are copied to `b`.
fn config(rules: &str, a: &Scripted, b: &str) -> String {
    format!(
        "{rules}\n[reload]\nwatch = false\n[listen]\ncores = 1\n[[servers]]\nname = \"a\"\nendpoints = [\"{}\"]\n\
         [[servers]]\nname = \"b\"\n{b}\n[[routes]]\npath = \"/a\"\nservers = [\"a\"]\nlegacy_sse = \"/a/sse\"\n",
        a.url()
    )
}

fn endpoint(b: &Scripted) -> String {
    format!("endpoints = [\"{}\"]", b.url())
}

const ALL: &str = "[[rules]]\nname = \"copy\"\nset = { mirror = \"b\" }\n";

async fn ask(weir: &Gateway, post: Post) -> Answer {
    weir.client().await.ask(&post.path("/a")).await
}

/// Copies of that fate.
async fn counted(weir: &Gateway, fate: &str) -> f64 {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    let page = Exposition::parse(admin.answer().await.text());
    page.sum("weir_mirrored_calls_total", &[("server", "b"), ("result", fate)])
}

async fn until_counted(weir: &Gateway, fate: &str, count: f64) {
    until(&format!("{count} {fate}"), async || counted(weir, fate).await == count).await;
}

#[tokio::test]
async fn a_copy_is_what_the_server_gets_without_what_the_caller_has_shown() {
    only_through_weir!();
    let (a, b) = (
        Scripted::answering(|request: &Request| result(&request.id(), BOTH)).await,
        Scripted::answering(|request: &Request| result(&request.id(), r#"{"resultType":"complete","content":["b"]}"#))
            .await,
    );
    let rules = "[[rules]]\nname = \"change\"\nset = { headers = { x-team = \"blue\" }, arguments = { set = { limit = 10 } } }\n";
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("token");
    std::fs::write(&file, "Bearer ours").expect("it can be written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
    let b_as = format!("{}\nauthorization = {{ value = {{ file = {file:?} }} }}", endpoint(&b));
    let weir = Gateway::config(&config(&format!("{ALL}{rules}"), &a, &b_as)).start().await;
    let theirs = [("Authorization", "Bearer theirs"), ("Cookie", "theirs"), ("X-API-Key", "theirs")];
    let post =
        theirs.into_iter().fold(call("1", "x", r#"{ "a" : 1e400 }"#), |post, (name, value)| post.header(name, value));
    let answer = ask(&weir, post).await;
    assert_eq!(answer.text(), result("1", BOTH), "the first server's");
    let (first, copy) = (a.request().await, within("the copy", b.request()).await);
    assert_eq!(copy.body, first.body);
    let body = String::from_utf8(copy.body.to_vec()).expect("text");
    assert!(body.contains(r#""arguments":{ "a" : 1e400,"limit":10 }"#), "{body}");
    for name in ["x-team", "mcp-name", "mcp-method", "mcp-protocol-version", "x-request-id"] {
        assert_eq!(copy.header(name), first.header(name), "{name}");
        assert!(copy.header(name).is_some(), "{name}");
    }
    assert_eq!(copy.header("authorization"), Some("Bearer ours"));
    assert_eq!((copy.header("cookie"), copy.header("x-api-key")), (None, None));
    until_counted(&weir, "sent", 1.0).await;
    weir.stop().await;
}

#[tokio::test]
async fn calls_alone_are_copied_and_of_those_what_another_server_understands() {
    only_through_weir!();
    let a = Scripted::answering(|request: &Request| match request.json().is_array() {
        true => format!("[{}]", result("1", "{}")),
        false => result(&request.id(), BOTH),
    })
    .await;
    let b = Scripted::answering(|request: &Request| result(&request.id(), BOTH)).await;
    let weir = Gateway::config(&config(ALL, &a, &endpoint(&b))).start().await;
    let in_session = legacy("1", "tools/call", r#"{"name":"x","arguments":{}}"#);
    let goes_on = modern("1", "tools/call", r#""name":"x","requestState":"s""#).header("Mcp-Name", "x");
    let batch = Post::new(r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}]"#);
    for post in [in_session, goes_on, batch] {
        assert_eq!(ask(&weir, post).await.status(), 200);
    }
    for post in [modern("1", "tools/list", ""), modern("1", "ping", ""), legacy("1", "ping", "{}")] {
        ask(&weir, post).await;
    }
    until_counted(&weir, "unfit", 3.0).await;
    assert!(b.waiting().is_empty(), "none of them was copied");
    let prompt = modern("1", "prompts/get", r#""name":"x""#).header("Mcp-Name", "x");
    let resource = modern("1", "resources/read", r#""uri":"note://1""#).header("Mcp-Name", "note://1");
    let completion = modern(
        "1",
        "completion/complete",
        r#""ref":{"type":"ref/prompt","name":"x"},"argument":{"name":"y","value":"z"}"#,
    );
    for post in [prompt, resource, completion, call("1", "x", "{}")] {
        assert_eq!(ask(&weir, post.clone()).await.status(), 200, "{post:?}");
        within("the copy", b.request()).await;
    }
    until_counted(&weir, "sent", 4.0).await;
    weir.stop().await;
}

#[tokio::test]
async fn no_call_waits_for_a_server_that_is_slow_and_what_finds_no_room_is_dropped() {
    only_through_weir!();
    let a = Scripted::answering(|request: &Request| result(&request.id(), BOTH)).await;
    let room = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&room);
    let b = Scripted::start(move |exchange| {
        let waits = Arc::clone(&waits);
        async move {
            waits.acquire().await.expect("it is not closed").forget();
            let answer = result(&exchange.request.id(), BOTH);
            exchange.json(answer).await
        }
    })
    .await;
    let weir = Gateway::config(&config(ALL, &a, &endpoint(&b))).start().await;
    let mut client = weir.client().await;
    // Eight are under way, and 64 wait.
    for _ in 0..200 {
        let answer = client.ask(&call("1", "x", "{}").path("/a")).await;
        assert_eq!(answer.text(), result("1", BOTH));
    }
    until_counted(&weir, "dropped", 128.0).await;
    room.add_permits(200);
    until_counted(&weir, "sent", 72.0).await;
    assert_eq!(b.waiting().len(), 72);
    weir.stop().await;
}

#[tokio::test]
async fn what_becomes_of_a_copy_is_nothing_to_its_call() {
    only_through_weir!();
    let a = Scripted::answering(|request: &Request| result(&request.id(), BOTH)).await;
    // A status, a connection that breaks, a stream with questions and an answer that asks back.
    let b = Scripted::start(|exchange| async move {
        match exchange.request.json()["params"]["name"].as_str() {
            Some("status") => exchange.answer("500 Oh", "", "").await,
            Some("gone") => exchange.stream().await.cut(),
            Some("long") => exchange.json(" ".repeat(2 << 20)).await,
            _ => {
                let id = exchange.request.id();
                let mut stream = exchange.stream().await;
                stream.event(r#"{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}"#).await;
                stream
                    .event(&result(&id, r#"{"resultType":"input_required","requestState":"s","inputRequests":{}}"#))
                    .await;
                stream.end().await
            }
        }
    })
    .await;
    let weir = Gateway::config(&config(ALL, &a, &endpoint(&b))).start().await;
    for name in ["status", "gone", "long", "asks"] {
        assert_eq!(ask(&weir, call("1", name, "{}")).await.text(), result("1", BOTH));
        within("the copy", b.request()).await;
    }
    // An answer is one, whatever it says and however long it is.
    until_counted(&weir, "failed", 2.0).await;
    until_counted(&weir, "sent", 2.0).await;
    // Where nobody listens.
    let nobody = format!("endpoints = [\"{}\"]", Scripted::nobody().await);
    let alone = Gateway::config(&config(ALL, &a, &nobody)).start().await;
    assert_eq!(ask(&alone, call("1", "x", "{}")).await.text(), result("1", BOTH));
    until_counted(&alone, "failed", 1.0).await;
    weir.stop().await;
    alone.stop().await;
}

#[tokio::test]
async fn a_share_is_copied_and_a_command_takes_copies_too() {
    only_through_weir!();
    let a = Scripted::answering(|request: &Request| result(&request.id(), BOTH)).await;
    let line = Demo::command_line();
    let words: Vec<_> = line.split(' ').map(|word| format!("{word:?}")).collect();
    let of = |share: &str| {
        format!("[[rules]]\nname = \"some\"\nset = {{ mirror = {{ server = \"b\", share = {share} }} }}\n")
    };
    let command = format!("command = [{}]", words.join(", "));
    let weir = Gateway::config(&config(&of("0.5"), &a, &command)).start().await;
    let mut client = weir.client().await;
    // As many as can wait. None or all by chance: once in 2^59.
    for _ in 0..60 {
        assert_eq!(client.ask(&call("1", "echo", r#"{"text":"x"}"#).path("/a")).await.status(), 200);
    }
    until("some were copied", async || counted(&weir, "sent").await > 0.0).await;
    assert!(counted(&weir, "sent").await < 60.0);
    assert_eq!((counted(&weir, "failed").await, counted(&weir, "dropped").await), (0.0, 0.0));
    weir.stop().await;
}
