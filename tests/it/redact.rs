//! Fields that a rule redacts, on every way that an answer takes to its caller; and no log has what is said in a call.

use std::fs;
use std::path::Path;

use crate::support::{
    Answer, Gateway, Post, Request, Scripted, call, legacy, modern, only_through_weir, result, until, within,
};

/// What nobody is to see.
const MARKER: &str = "HUSH-7";

const RULES: &str = r#"
[http]
event = "64KiB"
[reload]
watch = false
[[rules]]
name = "hush"
tools = ["a:look"]
set = { redact = ["structuredContent.email", "content.*.owner"] }
[[rules]]
name = "prompts"
prompts = ["a:look"]
set = { redact = ["messages.content.text"] }
[[rules]]
name = "resources"
resources = ["a:note://*"]
set = { redact = ["contents.text"] }
[[rules]]
name = "shadow"
shadow = true
set = { redact = ["content.*.type"] }
"#;

fn config(server: &Scripted) -> String {
    format!(
        "{RULES}[[servers]]\nname = \"a\"\nendpoints = [\"{}\"]\n[[routes]]\npath = \"/a\"\nservers = [\"a\"]\n\
         legacy_sse = \"/a/sse\"\n",
        server.url()
    )
}

/// A result with what is to be redacted, or with what stands there then.
fn said(secret: &str) -> String {
    format!(
        r#"{{ "resultType":"complete","content" : [{{"type":"text","text":"{{\"n\": 1.50,\"email\":\"{secret}\"}}","owner":"{secret}"}}],"x":1e400, "structuredContent":{{"n":1.50,"email":"{secret}"}}}}"#
    )
}

fn as_shown() -> String {
    said("[redacted]")
}

async fn ask(weir: &Gateway, post: Post) -> Answer {
    weir.client().await.ask(&post.path("/a")).await
}

fn old_call(id: &str, name: &str) -> Post {
    legacy(id, "tools/call", &format!(r#"{{"name":"{name}","arguments":{{}}}}"#))
}

#[tokio::test]
async fn an_answer_in_json_is_redacted_and_stays_to_the_byte_else() {
    only_through_weir!();
    let server = Scripted::answering(|request: &Request| match request.method().as_str() {
        "prompts/get" => result(&request.id(), &format!(r#"{{"resultType":"complete","messages":[{{"role":"user","content":{{"type":"text","text":"{MARKER}"}}}}]}}"#)),
        "resources/read" => result(&request.id(), &format!(r#"{{"resultType":"complete","contents":[{{"uri":"note://1","text":"{MARKER}"}}]}}"#)),
        _ => result(&request.id(), &said(MARKER)),
    })
    .await;
    let weir = Gateway::config(&config(&server)).start().await;
    for post in [call("1", "look", "{}"), old_call("1", "look")] {
        let answer = ask(&weir, post.header("Accept-Encoding", "gzip")).await;
        assert_eq!((answer.status(), answer.text()), (200, &*result("1", &as_shown())));
        let length = answer.head.header("content-length").map(|length| length.parse::<usize>().expect("a number"));
        assert_eq!(length, Some(answer.text().len()));
        assert_eq!(server.request().await.header("accept-encoding"), Some("identity"), "it has to be read");
    }
    // What the rule does not name passes as it is.
    assert_eq!(ask(&weir, call("1", "other", "{}")).await.text(), result("1", &said(MARKER)));
    let prompt = ask(&weir, modern("1", "prompts/get", r#""name":"look""#).header("Mcp-Name", "look")).await;
    assert_eq!(prompt.json()["result"]["messages"][0]["content"]["text"], "[redacted]");
    let read = ask(&weir, modern("1", "resources/read", r#""uri":"note://1""#).header("Mcp-Name", "note://1")).await;
    assert_eq!(read.json()["result"]["contents"][0], serde_json::json!({"uri":"note://1","text":"[redacted]"}));
    weir.stop().await;
}

#[tokio::test]
async fn an_answer_on_a_stream_is_redacted() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        let answer = result(&exchange.request.id(), &said(MARKER));
        let mut stream = exchange.stream().await;
        stream
            .event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#)
            .await;
        stream.send(&format!("event: note\ndata: {MARKER}\n\n")).await;
        // Cut anywhere.
        let (begun, rest) = answer.split_at(answer.find(MARKER).expect("it is there") + 2);
        stream.send(&format!("data: {begun}")).await;
        stream.send(&format!("{rest}\n\n")).await;
        stream.end().await
    })
    .await;
    let weir = Gateway::config(&config(&server)).start().await;
    for post in [call("1", "look", "{}"), old_call("1", "look")] {
        let mut client = weir.client().await;
        client.post(&post.path("/a")).await;
        assert_eq!(client.head().await.status(), 200);
        assert!(client.message().await.expect("progress").contains("notifications/progress"));
        // The event of another type is not known to be none: it went.
        assert_eq!(client.message().await.as_deref(), Some(&*result("1", &as_shown())));
        assert_eq!(client.message().await, None);
    }
    weir.stop().await;
}

#[tokio::test]
async fn what_a_session_replays_is_redacted_whatever_call_it_answers() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        match exchange.request.verb() {
            "GET" => {
                let mut stream = exchange.stream().await;
                stream.send(&format!("id: 5\ndata: {}\n\n", result("7", &said(MARKER)))).await;
                stream.end().await
            }
            _ => exchange.accepted().await,
        }
    })
    .await;
    let weir = Gateway::config(&config(&server)).start().await;
    let mut client = weir.client().await;
    client.get("/a", &["Accept: text/event-stream"]).await;
    assert_eq!(client.head().await.status(), 200);
    let event = within("the replay", client.event()).await.expect("whole").expect("an event");
    assert_eq!((event.id.as_deref(), event.data.as_deref()), (Some("5"), Some(&*result("7", &as_shown()))));
    weir.stop().await;
}

#[tokio::test]
async fn the_result_of_a_task_is_redacted() {
    only_through_weir!();
    let server = Scripted::answering(|request: &Request| match request.method().as_str() {
        "tasks/get" => result(
            &request.id(),
            &format!(r#"{{"resultType":"complete","taskId":"t","status":"completed","result":{}}}"#, said(MARKER)),
        ),
        _ => result(&request.id(), &said(MARKER)),
    })
    .await;
    let weir = Gateway::config(&config(&server)).start().await;
    for post in [
        legacy("1", "tasks/result", r#"{"taskId":"t"}"#),
        legacy("1", "tasks/get", r#"{"taskId":"t"}"#),
        modern("1", "tasks/get", r#""taskId":"t""#).header("Mcp-Name", "t"),
    ] {
        let answer = ask(&weir, post).await;
        assert!(answer.status() == 200 && answer.text().contains("[redacted]"), "{answer:?}");
        assert!(!answer.text().contains(MARKER), "{answer:?}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn every_answer_of_a_batch_is_redacted() {
    only_through_weir!();
    let server =
        Scripted::answering(|_| format!("[{} , {}]", result("2", &said(MARKER)), result("1", &said(MARKER)))).await;
    let weir = Gateway::config(&config(&server)).start().await;
    let element = |id: u8, name: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}"}}}}"#)
    };
    let answer = ask(&weir, Post::new(format!("[{},{}]", element(1, "look"), element(2, "other")))).await;
    assert_eq!(answer.text(), format!("[{} , {}]", result("2", &as_shown()), result("1", &as_shown())));
    weir.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_does_not_pass() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        let (text, json) = (result(&exchange.request.id(), &said(MARKER)), "Content-Type: application/json\r\n");
        let kind = exchange.request.json()["params"]["arguments"]["kind"].as_str().unwrap_or_default().to_owned();
        match &*kind {
            "coded" => exchange.answer("200 OK", &format!("{json}Content-Encoding: gzip\r\n"), text).await,
            "coded failure" => exchange.answer("500 Oh", &format!("{json}Content-Encoding: gzip\r\n"), text).await,
            "plain failure" => exchange.answer("500 Oh", "Content-Type: text/plain\r\n", text).await,
            "malformed failure" => exchange.answer("500 Oh", json, format!("{text}]")).await,
            "failure" => exchange.answer("500 Oh", json, text).await,
            "long failure" => exchange.answer("500 Oh", json, format!("{text}{}", " ".repeat(1 << 17))).await,
            "malformed" => exchange.json(format!("{text}]")).await,
            "long" => exchange.json(format!("{text}{}", " ".repeat(1 << 17))).await,
            "long event" | "malformed event" => {
                let mut stream = exchange.stream().await;
                let more = if kind == "long event" { " ".repeat(1 << 17) } else { "]".to_owned() };
                stream.event(&format!("{text}{more}")).await;
                stream.end().await
            }
            other => panic!("{other}"),
        }
    })
    .await;
    let weir = Gateway::config(&config(&server)).start().await;
    for (kind, status) in [
        ("coded", 502),
        ("coded failure", 500),
        ("plain failure", 500),
        ("malformed failure", 502),
        ("failure", 500),
        ("long failure", 502),
        ("malformed", 502),
        ("long", 502),
        ("long event", 200),
        ("malformed event", 200),
    ] {
        let post = call("1", "look", &format!(r#"{{"kind":"{kind}"}}"#)).header("Accept-Encoding", "gzip");
        let answer = within(kind, ask(&weir, post)).await;
        assert_eq!(answer.status(), status, "{kind}: {answer:?}");
        assert!(!answer.text().contains(MARKER), "{kind}: {answer:?}");
        assert!(status == 500 || answer.text().contains("upstream_"), "{kind}: {answer:?}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn a_client_of_2024_11_05_sees_as_little() {
    only_through_weir!();
    let server = Scripted::answering(|request: &Request| result(&request.id(), &said(MARKER))).await;
    let weir = Gateway::config(&config(&server)).start().await;
    let (mut client, mut stream) = (weir.client().await, weir.client().await);
    stream.get("/a/sse", &["Accept: text/event-stream"]).await;
    assert_eq!(stream.head().await.status(), 200);
    let endpoint = stream.event().await.expect("a whole event").expect("an event").data.expect("where to post");
    assert_eq!(client.ask(&old_call("1", "look").path(&endpoint)).await.status(), 202);
    assert_eq!(within("the answer", stream.message()).await.as_deref(), Some(&*result("1", &as_shown())));
    weir.stop().await;
}

#[tokio::test]
async fn a_command_is_redacted_alike() {
    only_through_weir!();
    let line = crate::support::Demo::command_line();
    let words: Vec<_> = line.split(' ').map(|word| format!("{word:?}")).collect();
    let rules = "[[rules]]\nname = \"echo\"\ntools = [\"files:echo\"]\nset = { redact = [\"content.text\"] }\n";
    let weir = Gateway::config(&format!("{rules}[[servers]]\nname = \"files\"\ncommand = [{}]\n", words.join(", ")))
        .start()
        .await;
    let answer = weir.client().await.ask(&call("1", "echo", &format!(r#"{{"text":"{MARKER}"}}"#))).await;
    assert!(answer.text().contains("[redacted]") && !answer.text().contains(MARKER), "{answer:?}");
    weir.stop().await;
}

#[tokio::test]
async fn the_answers_of_the_page_are_as_it_says() {
    only_through_weir!();
    let server = Scripted::answering(|request: &Request| match request.method().as_str() {
        "resources/read" => result(&request.id(), &format!(r#"{{"resultType":"complete","contents":[{{"uri":"note://1","text":"{MARKER}"}}]}}"#)),
        _ => result(&request.id(), &format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":"[{{\"customers\":[{{\"id\":1,\"email\":\"{MARKER}\"}}]}}]"}}],"structuredContent":{{"customers":[{{"id":1,"email":"{MARKER}","card":{{"number":"{MARKER}"}}}}]}}}}"#)),
    })
    .await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/rules-answers.toml");
    let text = fs::read_to_string(file).expect("it is there");
    assert!(text.contains("http://127.0.0.1:3000/mcp"));
    let next = Scripted::answering(|request: &Request| result(&request.id(), "{}")).await;
    let text = text.replace("http://127.0.0.1:3000/mcp", &server.url());
    assert!(text.contains("http://127.0.0.1:3001/mcp"));
    let weir = Gateway::config(&text.replace("http://127.0.0.1:3001/mcp", &next.url())).start().await;
    let mut client = weir.client().await;
    let told = client.ask(&call("1", "customer_find", "{}")).await;
    let customers = serde_json::json!([{"id":1,"email":"[redacted]","card":{"number":"[redacted]"}}]);
    assert_eq!(told.json()["result"]["structuredContent"]["customers"], customers);
    let text = r#"[{"customers":[{"id":1,"email":"[redacted]"}]}]"#;
    assert_eq!(told.json()["result"]["content"][0]["text"], text);
    let note = client.ask(&modern("1", "resources/read", r#""uri":"note://1""#).header("Mcp-Name", "note://1")).await;
    assert_eq!(note.json()["result"]["contents"][0]["text"], "[redacted]");
    let _ = next.waiting();
    client.ask(&modern("1", "prompts/get", r#""name":"greet""#).header("Mcp-Name", "greet")).await;
    assert_eq!(within("the copy", next.request()).await.method(), "prompts/get");
    weir.stop().await;
}

/// A tool that says an argument in a header as well.
const MIRRORS: &str = r#"{"resultType":"complete","tools":[{"name":"mirrors","inputSchema":{"type":"object","properties":{"secret":{"type":"string","x-mcp-header":"S"}}}}]}"#;

/// Whatever becomes of a call, its words are in no line and no metric: neither arguments nor answers, at no level.
#[tokio::test]
async fn no_log_has_what_is_said_in_a_call() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        let (text, json) = (result(&exchange.request.id(), &said(MARKER)), "Content-Type: application/json\r\n");
        let name = exchange.request.json()["params"]["name"].as_str().unwrap_or_default().to_owned();
        if exchange.request.method() == "tools/list" {
            let tools = result(&exchange.request.id(), MIRRORS);
            return exchange.json(tools).await;
        }
        match &*name {
            "look" | "other" => exchange.json(text).await,
            "malformed" => exchange.json(format!("{text}]")).await,
            "stray" => exchange.json(result(&format!("{MARKER:?}"), &said(MARKER))).await,
            "failure" => exchange.answer("500 Oh", json, text).await,
            _ => {
                let mut stream = exchange.stream().await;
                stream.event(&format!("{text}]")).await;
                stream.event(&result(&format!("{MARKER:?}"), &said(MARKER))).await;
                stream.end().await
            }
        }
    })
    .await;
    // An expression that fails, over what must not be told.
    let logging = "[[rules]]\nname = \"fails\"\ntools = [\"a:fails\"]\nwhen = 'arguments.secret > 1'\nthen = \"refuse\"\n\
                   [telemetry]\nlog = { arguments = true, redact = [\"arguments.secret\"] }\n";
    let weir = Gateway::config(&format!("{}{logging}", config(&server))).with("WEIR_LOG", "trace").start().await;
    let arguments = format!(r#"{{"secret":"{MARKER}","deep":{{"secret":["{MARKER}"]}},"open":"seen"}}"#);
    let names = ["look", "other", "malformed", "stray", "failure", "streamed", "fails"];
    for name in names {
        for post in [
            call("1", name, &arguments),
            legacy("1", "tools/call", &format!(r#"{{"name":"{name}","arguments":{arguments}}}"#)),
            // What cannot be read, or is said twice.
            call("1", name, &arguments).body(format!(r#"{{"jsonrpc":"2.0","id":1,"x":"{MARKER}","#)),
            call("1", name, &format!(r#"{{"secret":"{MARKER}","secret":"{MARKER}"}}"#)),
        ] {
            within(name, ask(&weir, post)).await;
        }
    }
    let unlike = call("1", "mirrors", &arguments).header("Mcp-Param-S", &format!("{MARKER}-else"));
    until("the tool is known", async || {
        ask(&weir, modern("1", "tools/list", "")).await;
        let answer = ask(&weir, unlike.clone()).await;
        answer.json()["error"]["data"]["reason"] == "header_mismatch" && answer.text().contains(MARKER)
    })
    .await;
    until("each has its line", async || weir.said().matches("\"open\":\"seen\"").count() >= 2 * names.len()).await;
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    let metrics = admin.answer().await;
    assert!(!metrics.text().contains(MARKER), "{}", metrics.text());
    let log = weir.said();
    let found: Vec<_> = log.lines().filter(|line| line.contains(MARKER)).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(log.contains("[redacted]"), "{log}");
    weir.stop().await;
}
