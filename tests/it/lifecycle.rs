//! Start, health and end of the daemon.

use tokio::sync::watch;

use crate::support::{Client, Gateway, Post, Scripted, call, legacy, modern, only_through_weir, result, until};

#[tokio::test]
async fn sigterm_lets_calls_finish_and_takes_no_new_ones() {
    only_through_weir!();
    let (server, go) = held_server().await;
    let mut weir = Gateway::to(&server.url()).start().await;
    let mut idle = weir.client().await;
    let mut slow = weir.client().await;
    slow.post(&call("1", "echo", "{}")).await;
    server.request().await;
    idle.get("/nowhere", &[]).await;
    assert_eq!(idle.answer().await.status(), 404);
    weir.terminate();
    refuses_connections(&weir).await;
    idle.closed().await;
    go.send_replace(true);
    let answer = slow.answer().await;
    assert_eq!((answer.status(), answer.text()), (200, &*result("1", r#"{"resultType":"complete","content":[]}"#)));
    let status = weir.exit().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_second_sigterm_ends_at_once() {
    only_through_weir!();
    let (server, _go) = held_server().await;
    let config =
        format!("[drain]\ntimeout = \"1h\"\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    let mut weir = Gateway::config(&config).start().await;
    let mut slow = weir.client().await;
    slow.post(&call("1", "echo", "{}")).await;
    server.request().await;
    weir.terminate();
    refuses_connections(&weir).await;
    weir.terminate();
    weir.exit().await;
    slow.closed().await;
}

/// A gateway that drains for so long, in front of `server`.
async fn draining_for(timeout: &str, server: &Scripted) -> Gateway {
    let config =
        format!("[drain]\ntimeout = {timeout:?}\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    Gateway::config(&config).start().await
}

/// A server whose every answer is an event stream that it leaves open; it has said one notification, with an event id
/// where the request names one (`X-Event-Id`).
async fn streaming_server() -> Scripted {
    Scripted::start(|exchange| async move {
        let id = exchange.request.header("x-event-id").map(|id| format!("id: {id}\n")).unwrap_or_default();
        let mut stream = exchange.stream().await;
        stream.send(format!("{id}data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}}\n\n")).await;
        stream.gone().await
    })
    .await
}

const TOLD: &str = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;

#[tokio::test]
async fn streams_without_an_end_end_in_the_way_of_their_era() {
    only_through_weir!();
    let server = streaming_server().await;
    let mut weir = draining_for("1h", &server).await;
    let mut modern_ones = Vec::new();
    for id in ["7", "\"s-\\u00e9\""] {
        let mut client = weir.client().await;
        client.post(&modern(id, "subscriptions/listen", r#""notifications":{"toolsListChanged":true}"#)).await;
        assert_eq!(client.head().await.status(), 200);
        assert_eq!(client.message().await.as_deref(), Some(TOLD));
        modern_ones.push((id, client));
    }
    let mut session = weir.client().await;
    session.get("/mcp", &["Accept: text/event-stream", "MCP-Protocol-Version: 2025-11-25"]).await;
    assert_eq!(session.head().await.status(), 200);
    assert_eq!(session.message().await.as_deref(), Some(TOLD));
    weir.terminate();
    for (id, mut client) in modern_ones {
        let end = format!(r#"{{"resultType":"complete","_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#);
        assert_eq!(client.message().await, Some(result(id, &end)));
        assert_eq!(client.message().await, None, "a clean end");
        client.closed().await;
    }
    let last = session.event().await.expect("whole events").expect("a last one");
    let retry: u64 = last.retry.as_deref().expect("when to come back").parse().expect("milliseconds");
    assert!((1000..2000).contains(&retry) && last.data.is_none(), "{last:?}");
    assert_eq!(session.message().await, None, "a clean end");
    session.closed().await;
    assert_eq!(weir.exit().await.code(), Some(0));
    server.open(0).await;
}

#[tokio::test]
async fn calls_that_outlast_the_drain_are_told_so() {
    only_through_weir!();
    let (server, _go) = held_server().await;
    let mut weir = draining_for("100ms", &server).await;
    let list = modern("\"l\"", "tools/list", "");
    let batch = Post::new(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).header("MCP-Protocol-Version", "2025-03-26");
    let mut waiting = Vec::new();
    for (post, status, retryable) in [
        (call("1", "echo", "{}"), 503, false),
        (list, 503, true),
        (legacy("2", "tools/call", r#"{"name":"echo"}"#), 200, false),
        (batch, 200, false),
    ] {
        let mut client = weir.client().await;
        client.post(&post).await;
        server.request().await;
        waiting.push((client, status, retryable));
    }
    // Of this one nothing has been sent, as half of it is still with the client.
    let mut halved = weir.client().await;
    let whole = call("9", "echo", "{}").bytes("localhost");
    halved.bytes(&whole[..whole.len() - 5]).await;
    // And of this one there is half a head.
    let mut begun = weir.client().await;
    begun.bytes(&whole[..20]).await;
    weir.terminate();
    for (mut client, status, retryable) in waiting {
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.head.header("connection")), (status, Some("close")), "{answer:?}");
        let json = answer.json();
        let error = if json.is_array() { &json[0]["error"] } else { &json["error"] };
        assert_eq!((error["code"].as_i64(), error["data"]["reason"].as_str()), (Some(50301), Some("draining")));
        assert_eq!(
            (error["data"]["accepted"].as_str(), error["data"]["retryable"].as_bool()),
            (Some("unknown"), Some(retryable))
        );
        client.closed().await;
    }
    let answer = halved.answer().await;
    assert_eq!((answer.status(), answer.refusal()), (503, (50301, "draining".into(), "no".into())));
    assert_eq!(answer.head.header("retry-after"), Some("1"));
    let answer = begun.answer().await;
    assert_eq!((answer.status(), answer.text()), (503, ""));
    assert_eq!(weir.exit().await.code(), Some(0));
}

#[tokio::test]
async fn streams_that_outlast_the_drain_carry_the_error_where_they_can() {
    only_through_weir!();
    let server = streaming_server().await;
    let mut weir = draining_for("100ms", &server).await;
    let open = async |post: Post| {
        let mut client = weir.client().await;
        client.post(&post).await;
        assert_eq!(client.head().await.status(), 200);
        assert_eq!(client.message().await.as_deref(), Some(TOLD));
        client
    };
    let mut plain = [open(call("1", "echo", "{}")).await, open(legacy("1", "tools/call", r#"{"name":"echo"}"#)).await];
    let resumable = legacy("2", "tools/call", r#"{"name":"echo"}"#).header("X-Event-Id", "e-1");
    let mut resumable = open(resumable).await;
    weir.terminate();
    for client in &mut plain {
        let error: serde_json::Value = serde_json::from_str(&client.message().await.expect("an error")).expect("JSON");
        assert_eq!((error["id"].as_i64(), error["error"]["code"].as_i64()), (Some(1), Some(50301)));
        let data = &error["error"]["data"];
        assert_eq!((data["reason"].as_str(), data["accepted"].as_str()), (Some("draining"), Some("unknown")));
        assert_eq!(client.message().await, None, "a clean end");
    }
    // Its client has an event id to come back with, and is told when: that is no failure.
    let last = resumable.event().await.expect("whole events").expect("a last one");
    assert!(last.retry.is_some() && last.data.is_none(), "{last:?}");
    assert_eq!(resumable.event().await.expect("a clean end"), None);
    assert_eq!(weir.exit().await.code(), Some(0));
}

#[tokio::test]
async fn an_answer_that_cannot_carry_an_error_is_cut() {
    only_through_weir!();
    let server = Scripted::start(|mut exchange| async move {
        exchange.some("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n").await;
        let begun = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":"{}"#, "x".repeat(100_000));
        exchange.some(begun).await;
        exchange.silence().await
    })
    .await;
    let mut weir = draining_for("100ms", &server).await;
    let mut client = weir.client().await;
    client.post(&call("1", "echo", "{}")).await;
    assert_eq!(client.head().await.status(), 200);
    weir.terminate();
    assert!(client.body().await.is_err(), "it must not look whole");
    assert_eq!(weir.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_that_comes_while_draining_is_answered_or_refused() {
    only_through_weir!();
    let (server, go) = held_server().await;
    let mut weir = Gateway::to(&server.url()).start().await;
    // Connected, and nothing sent: they came for something.
    let (mut late, mut listener) = (weir.client().await, weir.client().await);
    let mut slow = weir.client().await;
    slow.post(&call("1", "echo", "{}")).await;
    server.request().await;
    weir.terminate();
    late.post(&call("2", "echo", "{}")).await;
    server.request().await;
    // A stream that would have to end at once is not begun.
    listener.get("/mcp", &["Accept: text/event-stream", "MCP-Protocol-Version: 2025-11-25"]).await;
    let answer = listener.answer().await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (503, "draining"));
    let mut admin = weir.admin().await;
    admin.get("/readyz", &[]).await;
    let answer = admin.answer().await;
    assert_eq!((answer.status(), answer.text().contains("draining")), (503, true));
    go.send_replace(true);
    for (client, id) in [(&mut slow, 1), (&mut late, 2)] {
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.json()["id"].as_i64()), (200, Some(id)));
        assert_eq!(answer.head.header("connection"), Some("close"));
    }
    assert_eq!(weir.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_drain_has_an_end() {
    only_through_weir!();
    let (server, _go) = held_server().await;
    let config =
        format!("[drain]\ntimeout = \"100ms\"\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    let mut weir = Gateway::config(&config).start().await;
    let mut slow = weir.client().await;
    slow.post(&call("1", "echo", "{}")).await;
    server.request().await;
    weir.terminate();
    weir.exit().await;
}

#[tokio::test]
async fn it_says_where_it_listens_and_what_it_serves() {
    only_through_weir!();
    let (files, memory) = ("http://127.0.0.1:9/files", "http://127.0.0.1:9/memory");
    let weir = Gateway::to(&format!("files={files}")).and_to(&format!("memory={memory}")).start().await;
    // The federated endpoint does not exist yet, and says so.
    let answer = weir.client().await.ask(&call("1", "echo", "{}")).await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (404, "route_not_found"), "{answer:?}");
    assert!(answer.text().contains("/NAME/mcp"), "{answer:?}");
    let answer = weir.client().await.ask(&call("1", "echo", "{}").path("/memory/mcp")).await;
    assert_eq!(answer.refusal().1, "upstream_unavailable");
    let mut lines = weir.routes().await;
    lines.sort_unstable();
    let served = [format!("/files/mcp -> files ({files})"), format!("/memory/mcp -> memory ({memory})")];
    assert_eq!([&lines[0], &lines[2]], served.each_ref());
    assert!(lines.len() == 3 && lines[1].starts_with("/mcp -> 404"), "{lines:?}");
}

#[tokio::test]
async fn it_tells_its_health() {
    only_through_weir!();
    let (server, _go) = held_server().await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut admin = weir.admin().await;
    for path in ["/healthz", "/readyz"] {
        admin.get(path, &[]).await;
        assert_eq!(admin.answer().await.status(), 200, "{path}");
    }
    admin.get("/mcp", &[]).await;
    assert_eq!(admin.answer().await.status(), 404, "the admin listener serves no MCP");
    let mut client = weir.client().await;
    client.get("/healthz", &[]).await;
    assert_eq!(client.answer().await.status(), 404, "the data listener tells nothing");
    // Being rebound to another name is refused on this side too.
    let mut admin = weir.admin().await;
    admin.bytes(b"GET /healthz HTTP/1.1\r\nHost: evil.example.com\r\n\r\n").await;
    let status = admin.answer().await.status();
    assert!(matches!(status, 403 | 421), "{status}");
}

#[tokio::test]
async fn it_tells_its_health_however_many_ask_slowly() {
    only_through_weir!();
    let weir = Gateway::to("http://127.0.0.1:9/mcp").start().await;
    let mut slow = Vec::new();
    let order = weir.order("POST", "/api/v1/reload", "half of it");
    for half in ["".into(), "POST /api/v1/rel".into(), order[..order.len() - 6].to_vec()] {
        for _ in 0..80 {
            let mut client = weir.admin().await;
            client.bytes(&half).await;
            slow.push(client);
        }
        for path in ["/healthz", "/readyz"] {
            let mut admin = weir.admin().await;
            admin.get(path, &[]).await;
            // Not after the thirty seconds that a connection may last: then a slow one had to end first.
            let answer = tokio::time::timeout(std::time::Duration::from_secs(20), admin.answer()).await;
            assert_eq!(answer.expect("health waits for nobody").status(), 200, "{path}");
        }
    }
    weir.stop().await;
}

#[tokio::test]
async fn it_does_not_open_to_the_world_without_credentials() {
    only_through_weir!();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, said) = Gateway::to("http://127.0.0.1:9/mcp").listen(address).refused().await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("loopback") && said.contains("auth"), "says what to do: {said}");
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_refused_with_2() {
    only_through_weir!();
    for (arguments, word) in [
        (&["--wrong"][..], "--wrong"),
        (&["--to"], "--to"),
        (&["--to", "not a url"], "not a url"),
        (&["--to", "ftp://127.0.0.1/mcp"], "ftp"),
        (&["--to", "http://127.0.0.1:1/mcp", "--listen", "nowhere"], "nowhere"),
        (&["--config", "/does/not/exist.toml"], "/does/not/exist.toml"),
        (&[], "weir.toml"),
    ] {
        let (code, said) = Gateway::arguments(arguments).refused().await;
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?} is not named: {said}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_2_and_its_line() {
    only_through_weir!();
    let server = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:9/mcp\"]\n";
    for (text, words) in [
        (format!("{server}[http]\nbodi = \"1MiB\"\n"), &["weir.toml:5", "bodi", "body"][..]),
        (format!("{server}[http]\nbody = 7\n"), &["weir.toml:5", "body"]),
        (format!("{server}era = \"ancient\"\n"), &["weir.toml:4", "ancient"]),
        (format!("{server}{server}"), &["files"]),
        ("[[servers]\n".into(), &["weir.toml:1"]),
        (String::new(), &["servers"]),
    ] {
        let (code, said) = Gateway::config(&text).refused().await;
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} are not all in: {said}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_no_silent_failure() {
    only_through_weir!();
    let taken = Scripted::answering(|_| String::new()).await;
    let (code, said) = Gateway::to("http://127.0.0.1:9/mcp").listen(&taken.address().to_string()).refused().await;
    assert!(matches!(code, Some(1..=3)), "{code:?}");
    assert!(said.contains(&taken.address().to_string()), "{said}");
}

/// A server that holds every answer back until it is told to go on.
async fn held_server() -> (Scripted, watch::Sender<bool>) {
    let (go, wait) = watch::channel(false);
    let server = Scripted::start(move |exchange| {
        let mut wait = wait.clone();
        async move {
            let text = result(&exchange.request.id(), r#"{"resultType":"complete","content":[]}"#);
            let _ = wait.wait_for(|go| *go).await;
            exchange.json(text).await
        }
    })
    .await;
    (server, go)
}

async fn refuses_connections(weir: &Gateway) {
    let address = weir.address();
    until("new connections are refused", async || Client::try_connect(address).await.is_none()).await;
}
