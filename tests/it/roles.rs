//! What callers may use by their roles, and what they see: lists on every page, streams that hide what is hidden, and
//! names that are unknown whether they exist or not.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{
    Answer, Client, Demo, Exposition, Gateway, Post, Request, Scripted, call, legacy, modern, notification,
    only_through_weir, result, until,
};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;

/// What everybody is in these tests, unless they say otherwise.
const READER: &str = r#"
[reload]
watch = false
[auth.anonymous]
enabled = true
roles = ["reader"]
[[roles]]
name = "reader"
tools = ["files:e*", "*:read_*"]
prompts = ["hello"]
resources = ["files:demo://notes", "*:demo://catalog/1?", "oth*:*"]
deny_tools = ["*:entry_1*"]
"#;

fn config(roles: &str, urls: &[&str]) -> String {
    let servers = urls.iter().zip(["files", "other"]);
    let servers = servers.map(|(url, name)| format!("[[servers]]\nname = \"{name}\"\nendpoints = [\"{url}\"]\n"));
    format!("{roles}{}", servers.collect::<String>())
}

async fn reader(url: &str) -> Gateway {
    Gateway::config(&config(READER, &[url])).start().await
}

/// A session of the legacy era.
async fn session(client: &mut Client, path: &str) -> String {
    let opened = client.ask(&legacy("0", "initialize", INITIALIZE).path(path)).await;
    let id = opened.head.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}")).to_owned();
    let told = notification("notifications/initialized", "{}").path(path).session(&id);
    assert_eq!(client.ask(&told).await.status(), 202);
    id
}

/// The pages of a list, by its cursors.
async fn pages(client: &mut Client, path: &str, session: Option<&str>, method: &str) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let post = match session {
            Some(session) => legacy("1", method, &format!("{{{cursor}}}")).session(session),
            None => modern("1", method, &cursor),
        };
        let answer = client.ask(&post.path(path)).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        // What is a stream to one client is a body to another.
        let text = answer.text().lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(answer.text());
        let page: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{answer:?}"));
        let next = page["result"]["nextCursor"].as_str().map(str::to_owned);
        pages.push(page["result"].clone());
        match next {
            Some(next) => cursor = format!("\"cursor\":\"{next}\""),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn the_sample_servers_lists_show_what_is_granted_on_every_page() {
    only_through_weir!();
    let demo = Demo::start(&["--server-only"]).await;
    let at = |path: &str| format!("http://{}{path}", demo.address());
    let text = config(READER, &[&at("/mcp"), &at("/catalog/mcp")]);
    let weir = Gateway::config(&text).start().await;
    let tool = |server: &str, name: &str| {
        (server == "files" && name.starts_with('e') || name.starts_with("read_")) && !name.starts_with("entry_1")
    };
    let resource = |server: &str, uri: &str| {
        uri == "demo://notes" || server == "other" || uri.len() == 17 && uri.starts_with("demo://catalog/1")
    };
    let template = |_: &str, _: &str| true;
    type Granted<'a> = &'a dyn Fn(&str, &str) -> bool;
    let lists: [(&str, &str, &str, Granted<'_>); 3] = [
        ("tools/list", "tools", "name", &tool),
        ("resources/list", "resources", "uri", &resource),
        ("resources/templates/list", "resourceTemplates", "uriTemplate", &template),
    ];
    let (mut there, mut here) = (Client::connect(demo.address()).await, weir.client().await);
    let (mut hidden, mut shown) = (0, 0);
    for (server, path, through) in [("files", "/mcp", "/files/mcp"), ("other", "/catalog/mcp", "/other/mcp")] {
        let sessions = (session(&mut there, path).await, session(&mut here, through).await);
        for (method, key, name, granted) in lists {
            if server == "other" && method != "tools/list" {
                continue;
            }
            for (directly, by_weir) in [(None, None), (Some(&*sessions.0), Some(&*sessions.1))] {
                let all = pages(&mut there, path, directly, method).await;
                let seen = pages(&mut here, through, by_weir, method).await;
                assert_eq!(all.len(), seen.len(), "{method}: no page is missing");
                for (mut all, seen) in all.into_iter().zip(seen) {
                    let entries = all[key].as_array_mut().expect("a list");
                    let before = entries.len();
                    entries.retain(|entry| granted(server, entry[name].as_str().expect("a name")));
                    hidden += before - entries.len();
                    shown += entries.len();
                    // The cursors are the server's own, sealed anew by it each time.
                    assert_eq!(all["nextCursor"].is_string(), seen["nextCursor"].is_string());
                    let cursorless = |mut page: Value| {
                        page.as_object_mut().expect("an object").remove("nextCursor");
                        page
                    };
                    assert_eq!(cursorless(all), cursorless(seen), "{method}");
                }
            }
        }
    }
    assert!(hidden > 400 && shown > 10, "{hidden} hidden, {shown} shown");
    for (name, fine) in [("echo", true), ("slow", false), ("nothing", false)] {
        let answer = here.ask(&call("7", name, r#"{"text":"hello"}"#).path("/files/mcp")).await;
        assert_eq!(answer.json()["error"]["code"].as_i64(), (!fine).then_some(-32602), "{answer:?}");
        assert_eq!(answer.json()["result"]["content"][0]["text"].as_str(), fine.then_some("hello"));
    }
    demo.stop().await;
}

#[tokio::test]
async fn a_command_is_hidden_behind_roles_alike() {
    only_through_weir!();
    let line = Demo::command_line();
    let words: Vec<_> = line.split(' ').map(|word| format!("{word:?}")).collect();
    let text = format!("{READER}[[servers]]\nname = \"files\"\ncommand = [{}]\n", words.join(", "));
    let weir = Gateway::config(&text).start().await;
    let mut client = weir.client().await;
    let session = session(&mut client, "/mcp").await;
    for by in [None, Some(&*session)] {
        let tools = pages(&mut client, "/mcp", by, "tools/list").await;
        let names: Vec<_> = tools[0]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
        assert!(names.contains(&"echo".into()) && !names.contains(&"slow".into()), "{names:?}");
    }
    let refused = client.ask(&legacy("1", "tools/call", r#"{"name":"slow"}"#).session(&session)).await;
    assert_eq!(refused.refusal(), (-32602, "unknown_name".into(), "no".into()));
    let read = client.ask(&legacy("2", "resources/subscribe", r#"{"uri":"demo://catalog/7"}"#).session(&session)).await;
    assert_eq!(read.json()["error"]["message"], "demo://catalog/7 not found");
}

/// A server that offers more than anybody may see.
fn generous(request: &Request) -> String {
    let members = match request.method().as_str() {
        "tools/list" => {
            r#""tools": [ {"name":"rm"},{"name":"read_a","x":1.0e+2} , {"\u006eame":"e"}],"nextCursor":"c""#
        }
        "prompts/list" => r#""prompts":[{"name":"hello"},{"name":"bye"}]"#,
        "resources/list" => r#""resources":[{"uri":"demo://notes"},{"uri":"demo://secret"}]"#,
        "resources/templates/list" => r#""resourceTemplates":[{"uriTemplate":"demo://{x}"},{"uriTemplate":"x://{y}"}]"#,
        _ => r#""content":[]"#,
    };
    result(&request.id(), &format!(r#"{{"resultType":"complete",{members}}}"#))
}

#[tokio::test]
async fn each_list_is_cut_to_the_byte_in_both_eras() {
    only_through_weir!();
    let server = Scripted::answering(generous).await;
    let weir = reader(&server.url()).await;
    let mut client = weir.client().await;
    for (method, left) in [
        ("tools/list", r#""tools": [{"name":"read_a","x":1.0e+2} , {"\u006eame":"e"}],"nextCursor":"c""#),
        ("prompts/list", r#""prompts":[{"name":"hello"}]"#),
        ("resources/list", r#""resources":[{"uri":"demo://notes"}]"#),
        ("resources/templates/list", r#""resourceTemplates":[{"uriTemplate":"demo://{x}"}]"#),
    ] {
        let left = result("1", &format!(r#"{{"resultType":"complete",{left}}}"#));
        // The third time, a list of tools is known.
        for _ in 0..3 {
            assert_eq!(client.ask(&modern("1", method, "")).await.text(), left);
            assert_eq!(client.ask(&legacy("1", method, "{}")).await.text(), left);
        }
        let batch = Post::new(format!(r#"[{{"jsonrpc":"2.0","id":1,"method":"{method}"}}]"#));
        assert_eq!(client.ask(&batch).await.refusal_reason(), "upstream_bad_response", "the server knows no batches");
    }
}

trait Reason {
    fn refusal_reason(&self) -> String;
}

impl Reason for Answer {
    /// Of a batch, that of its first error.
    fn refusal_reason(&self) -> String {
        let said = self.json();
        let error = if said.is_array() { &said[0]["error"] } else { &said["error"] };
        error["data"]["reason"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

/// An answer without what differs from one request to the next.
fn steady(answer: &Answer, name: &str) -> (u16, Vec<(String, String)>, String) {
    let id = answer.json()["error"]["data"]["requestId"].as_str().expect("a request id").to_owned();
    let headers = answer.head.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date")).cloned();
    let text = answer.text().replace(&id, "ID").replace(name, "NAME");
    (answer.status(), headers.filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")).collect(), text)
}

#[tokio::test]
async fn a_hidden_name_is_answered_like_one_that_does_not_exist() {
    only_through_weir!();
    let server = Scripted::answering(generous).await;
    let weir = reader(&server.url()).await;
    let mut client = weir.client().await;
    let uri = |method: &str, uri: &str| modern("1", method, &format!(r#""uri":"{uri}""#)).header("Mcp-Name", uri);
    let prompt = |name: &str| modern("1", "prompts/get", &format!(r#""name":"{name}""#)).header("Mcp-Name", name);
    let complete = |name: &str| {
        let params = format!(r#""ref":{{"type":"ref/prompt","name":"{name}"}},"argument":{{"name":"a","value":""}}"#);
        modern("1", "completion/complete", &params)
    };
    let listen = |uri: &str| {
        modern("1", "subscriptions/listen", &format!(r#""notifications":{{"resourceSubscriptions":["{uri}"]}}"#))
    };
    let old = |name: &str| legacy("1", "tools/call", &format!(r#"{{"name":"{name}"}}"#));
    type Asks<'a> = &'a dyn Fn(&str) -> Post;
    let asks: [(&str, &str, Asks<'_>); 7] = [
        ("rm", "zz", &|name| call("1", name, "{}")),
        ("rm", "zz", &old),
        ("bye", "byebye", &prompt),
        ("bye", "byebye", &complete),
        ("demo://secret", "demo://nothing", &|name| uri("resources/read", name)),
        ("demo://secret", "demo://nothing", &|name| {
            legacy("1", "resources/subscribe", &format!(r#"{{"uri":"{name}"}}"#))
        }),
        ("demo://secret", "demo://nothing", &listen),
    ];
    for (hidden, unknown, ask) in asks {
        let (one, other) = (client.ask(&ask(hidden)).await, client.ask(&ask(unknown)).await);
        assert_eq!(steady(&one, hidden), steady(&other, unknown));
        assert_eq!(one.refusal(), (-32602, "unknown_name".into(), "no".into()));
        assert_eq!((one.status(), &one.json()["error"]["message"]), (200, &format!("{hidden} not found").into()));
    }
    // As a notification and as part of a batch it is decided alike.
    let told = notification("tools/call", r#"{"name":"rm"}"#);
    assert_eq!((client.ask(&told).await.status(), server.waiting().len()), (202, 0));
    let element = |id: u8, name: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}"}}}}"#)
    };
    let batch = Post::new(format!("[{},{}]", element(1, "read_a"), element(2, "rm")));
    let refused = client.ask(&batch).await;
    let reasons: Vec<_> =
        refused.json().as_array().unwrap().iter().map(|error| error["error"]["data"]["reason"].clone()).collect();
    assert_eq!((refused.status(), reasons), (200, vec!["policy_denied".into(), "unknown_name".into()]));
    assert!(server.waiting().is_empty(), "nothing of it reached the server");

    // Each is one line and one count, with its reason.
    until("the lines are written", async || weir.said().matches(" reason=unknown_name ").count() >= 16).await;
    let mut admin = weir.admin().await;
    until("each is counted", async || {
        admin.get("/metrics", &[]).await;
        let page = Exposition::parse(admin.answer().await.text());
        let count = |method| page.sum("weir_requests_total", &[("method", method), ("reason", "unknown_name")]);
        ["tools/call", "prompts/get", "resources/subscribe", "batch"].map(count) == [5.0, 2.0, 2.0, 1.0]
    })
    .await;
}

#[tokio::test]
async fn what_a_hidden_tool_mirrors_is_not_told_either() {
    only_through_weir!();
    const TOOLS: &str = r#"{"resultType":"complete","tools":[{"name":"rm","inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"R"}}}},{"name":"e","inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"R"}}}}]}"#;
    let server = Scripted::answering(|request: &Request| result(&request.id(), TOOLS)).await;
    let weir = reader(&server.url()).await;
    let mut client = weir.client().await;
    let wrong = |name: &str| call("1", name, r#"{"r":"a"}"#).header("Mcp-Param-R", "b");
    // The list is learnt beside the traffic.
    until("the list is known", async || {
        assert_eq!(client.ask(&modern("2", "tools/list", "")).await.status(), 200);
        client.ask(&wrong("e")).await.status() == 400
    })
    .await;
    let (hidden, unknown) = (client.ask(&wrong("rm")).await, client.ask(&wrong("zz")).await);
    assert_eq!(steady(&hidden, "rm"), steady(&unknown, "zz"));
}

#[tokio::test]
async fn one_call_is_decided_alike_on_every_path() {
    only_through_weir!();
    let server = Scripted::answering(generous).await;
    let routes = "[[routes]]\npath = \"/a\"\nservers = [\"files\"]\nlegacy_sse = \"/a/sse\"\n\
                  [[routes]]\npath = \"/b/c\"\nservers = [\"files\"]\n";
    let weir = Gateway::config(&format!("{}{routes}", config(READER, &[&server.url()]))).start().await;
    let mut client = weir.client().await;
    for path in ["/a", "/b/c"] {
        for (name, code) in [("rm", Some(-32602)), ("read_a", None)] {
            for post in [call("1", name, "{}"), legacy("1", "tools/call", &format!(r#"{{"name":"{name}"}}"#))] {
                let answer = client.ask(&post.path(path)).await;
                assert_eq!(answer.json()["error"]["code"].as_i64(), code, "{path} {name}: {answer:?}");
            }
        }
    }
    // The pair of 2024-11-05: what is posted is answered on the stream.
    let mut stream = weir.client().await;
    stream.get("/a/sse", &["Accept: text/event-stream"]).await;
    assert_eq!(stream.head().await.status(), 200);
    let endpoint = stream.event().await.expect("a whole event").expect("an event").data.expect("where to post");
    for (body, found) in [
        (r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#, "\"content\":[]"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm"}}"#, "rm not found"),
        (r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#, r#""tools": [{"name":"read_a","x":1.0e+2} , {"#),
        (r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"read_a"}}"#, "\"content\":[]"),
    ] {
        assert_eq!(client.ask(&Post::new(body).path(&endpoint)).await.status(), 202);
        let message = stream.message().await.expect("an answer");
        assert!(message.contains(found), "{body}: {message}");
    }
}

#[tokio::test]
async fn streams_carry_nothing_about_what_is_hidden() {
    only_through_weir!();
    let note = |uri: &str| {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#)
    };
    let (hidden, shown) = (note("demo://secret"), note("demo://notes"));
    let list = r#"{"jsonrpc":"2.0","id":9,"result":{"tools":[{"name":"rm"},{"name":"e"}]}}"#;
    let said = [hidden.clone(), shown.clone(), list.to_owned(), hidden.clone(), shown.clone()];
    let server = Scripted::start(move |exchange| {
        let said = said.clone();
        async move {
            let mut stream = exchange.stream().await;
            for event in &said {
                stream.event(event).await;
            }
            stream.gone().await
        }
    })
    .await;
    let weir = reader(&server.url()).await;
    let (mut listening, mut got) = (weir.client().await, weir.client().await);
    let filter = r#""notifications":{"resourceSubscriptions":["demo://notes"],"toolsListChanged":true}"#;
    listening.post(&modern("1", "subscriptions/listen", filter)).await;
    got.get("/mcp", &["Accept: text/event-stream", "Last-Event-ID: 7"]).await;
    for client in [&mut listening, &mut got] {
        assert_eq!(client.head().await.status(), 200);
        assert_eq!(client.message().await.as_deref(), Some(&*shown));
    }
    // To the listener of the modern era the list is nobody's answer; of the session's stream it may be a replay.
    let replay = got.message().await.expect("what the stream replays");
    assert_eq!(replay, list.replace(r#"{"name":"rm"},"#, ""));
    for client in [&mut listening, &mut got] {
        assert_eq!(client.message().await.as_deref(), Some(&*shown));
    }
    let mut admin = weir.admin().await;
    until("what was hidden is counted", async || {
        admin.get("/metrics", &[]).await;
        let page = Exposition::parse(admin.answer().await.text());
        page.sum("weir_hidden_messages_total", &[("server", "files")]) == 4.0
    })
    .await;
}

#[tokio::test]
async fn a_reload_of_the_roles_counts_from_the_next_request_on() {
    only_through_weir!();
    let server = Scripted::answering(generous).await;
    let weir = reader(&server.url()).await;
    let mut client = weir.client().await;
    let names = |answer: &Answer| -> BTreeSet<String> {
        let tools = answer.json()["result"]["tools"].as_array().cloned().unwrap_or_default();
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    };
    for (roles, seen) in [
        (r#"["reader"]"#, &["e", "read_a"][..]),
        (r#"["user"]"#, &["e", "read_a", "rm"]),
        (r#"["approver", "reader", "user"]"#, &["e", "read_a", "rm"]),
        (r#"["reader"]"#, &["e", "read_a"]),
    ] {
        weir.write(&config(&READER.replace(r#"roles = ["reader"]"#, &format!("roles = {roles}")), &[&server.url()]));
        assert_eq!(super::reload::reload(&weir).await.status(), 200);
        let seen: BTreeSet<_> = seen.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names(&client.ask(&modern("1", "tools/list", "")).await), seen, "{roles}");
        let called = client.ask(&call("1", "rm", "{}")).await;
        assert_eq!(called.json().get("error").is_none(), seen.contains("rm"), "{called:?}");
    }
    // Nobody is granted anything.
    weir.write(&config(&READER.replace(r#"roles = ["reader"]"#, r#"roles = ["viewer"]"#), &[&server.url()]));
    assert_eq!(super::reload::reload(&weir).await.status(), 200);
    server.waiting();
    let refused = client.ask(&modern("1", "tools/list", "")).await;
    assert_eq!((refused.status(), refused.refusal()), (403, (40301, "policy_denied".into(), "no".into())));
    let refused = client.ask(&legacy("1", "initialize", INITIALIZE)).await;
    assert_eq!((refused.status(), refused.refusal().1), (403, "policy_denied".into()));
    let refused = client.ask(&legacy("1", "ping", "{}")).await;
    assert_eq!((refused.status(), refused.refusal().1), (200, "policy_denied".into()));
    client.get("/mcp", &["Accept: text/event-stream"]).await;
    assert_eq!(client.answer().await.status(), 403);
    client.without_body("DELETE", "/mcp", &["Mcp-Session-Id: x"]).await;
    assert_eq!(client.answer().await.status(), 404, "the session is looked for first");
    assert!(server.waiting().is_empty(), "nothing of it reached the server");
}
