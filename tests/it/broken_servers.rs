//! What a broken server does, its callers are told, at once and in the protocol's words; and nobody else feels it.

use crate::support::{
    After, Answer, Client, Exchange, Gateway, Post, Scripted, call, legacy, modern, only_through_weir, result,
};

/// A gateway with a broken server at `/broken/mcp` and a healthy one at `/healthy/mcp`.
struct Story {
    weir: Gateway,
    broken: Scripted,
    _healthy: Scripted,
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable() {
    only_through_weir!();
    let url = Scripted::nobody().await;
    let weir = Gateway::to(&url).start().await;
    let answer = weir.client().await.ask(&call("\"a\"", "echo", "{}")).await;
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert_eq!(answer.refusal(), (50301, "upstream_unavailable".into(), "no".into()));
    assert_eq!(answer.json()["id"], "a");
    assert_eq!(answer.json()["error"]["data"]["retryable"], true);
    assert!(answer.head.header("retry-after").is_some());

    let answer = weir.client().await.ask(&legacy("7", "tools/list", "{}")).await;
    assert_eq!((answer.status(), answer.refusal().0), (200, 50301), "{answer:?}");
    assert!(answer.head.header("retry-after").is_some());
    assert_eq!(answer.json()["id"], 7);
    let initialize = legacy("0", "initialize", r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{}}"#);
    let answer = weir.client().await.ask(&initialize).await;
    assert_eq!((answer.status(), answer.refusal().0), (503, 50301), "{answer:?}");
}

#[tokio::test]
async fn the_next_endpoint_is_tried_where_nothing_was_sent() {
    only_through_weir!();
    let url = Scripted::nobody().await;
    let up = healthy().await;
    let endpoints = format!("endpoints = [{url:?}, {:?}]", up.url());
    let weir = Gateway::config(&format!("[[servers]]\nname = \"files\"\n{endpoints}\n")).start().await;
    for _ in 0..6 {
        assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
    }
    assert_eq!(up.waiting().len(), 6);
}

#[tokio::test]
async fn a_server_that_hangs_runs_into_the_limit_for_the_first_byte() {
    only_through_weir!();
    let story = Story::with("first_byte = \"300ms\"", |exchange| exchange.silence()).await;
    let mut waiting = story.client().await;
    waiting.post(&broken(call("1", "echo", "{}"))).await;
    story.broken.request().await;
    story.others_are_served().await;
    let answer = waiting.answer().await;
    assert_eq!(answer.status(), 504, "{answer:?}");
    assert_eq!(answer.refusal(), (50401, "upstream_timeout".into(), "unknown".into()));

    let answer = story.ask(legacy("1", "tools/call", r#"{"name":"echo","arguments":{}}"#)).await;
    assert_eq!((answer.status(), answer.refusal().0), (200, 50401), "{answer:?}");
    story.broken.open(0).await;
}

#[tokio::test]
async fn a_server_that_drips_is_waited_for() {
    let server = Scripted::start(|mut exchange| async move {
        let body = result("1", r#"{"resultType":"complete","content":[]}"#);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length:";
        let bytes = format!("{head} {}\r\n\r\n{body}", body.len());
        let (last, rest) = bytes.as_bytes().split_last().expect("bytes");
        for byte in rest {
            exchange.some([*byte]).await;
            tokio::task::yield_now().await;
        }
        exchange.bytes([*last]).await
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    for _ in 0..2 {
        let answer = client.ask(&call("1", "echo", "{}")).await;
        assert_eq!((answer.status(), answer.text()), (200, &*result("1", r#"{"resultType":"complete","content":[]}"#)));
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_response() {
    only_through_weir!();
    for garbage in [
        "\u{0}\u{1}garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\nnot json!",
    ] {
        let story = Story::begin(move |exchange| exchange.bytes(garbage)).await;
        story.bad_response(call("1", "echo", "{}"), garbage).await;
        story.others_are_served().await;
    }
}

#[tokio::test]
async fn a_reset_after_the_request_leaves_it_unknown() {
    only_through_weir!();
    for close in [Exchange::reset as fn(Exchange) -> After, Exchange::close] {
        let story = Story::begin(move |exchange| async move { close(exchange) }).await;
        let answer = story.ask(call("1", "echo", "{}")).await;
        assert_eq!(answer.status(), 502, "{answer:?}");
        assert_eq!(answer.refusal(), (50201, "upstream_reset".into(), "unknown".into()));
        assert_eq!(story.broken.waiting().len(), 1, "a tool call is not sent twice");
        story.others_are_served().await;
    }
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_costs_nobody_a_call() {
    let server = Scripted::start(|exchange| async move {
        let text = result(&exchange.request.id(), r#"{"resultType":"complete","content":[]}"#);
        // Says nothing about closing, and closes: a pooled connection is dead when it is wanted again.
        let _ = exchange.json(text).await;
        After::gone()
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    for round in 0..20 {
        if crate::support::direct() {
            client = weir.client().await;
        }
        assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 200, "call {round}");
        server.open(0).await;
    }
}

#[tokio::test]
async fn an_answer_with_a_wrong_id_is_nobodys() {
    only_through_weir!();
    for id in ["2", "\"1\"", "1.0", "null", "[1]", "true"] {
        let story = Story::begin(move |exchange| exchange.json(result(id, r#"{"content":[]}"#))).await;
        story.bad_response(call("1", "echo", "{}"), id).await;
        let story = Story::begin(move |exchange| async move {
            let mut stream = exchange.stream().await;
            stream.event(&result(id, r#"{"content":["wrong"]}"#)).await;
            stream.event(&result("1", r#"{"content":["right"]}"#)).await;
            stream.end().await
        })
        .await;
        let mut client = story.client().await;
        client.post(&broken(call("1", "echo", "{}"))).await;
        let head = client.head().await;
        if head.status() == 200 {
            assert_eq!(client.message().await, Some(result("1", r#"{"content":["right"]}"#)), "{id}");
            assert_eq!(client.message().await, None);
        } else {
            assert_eq!(head.status(), 502);
        }
    }
}

#[tokio::test]
async fn a_second_answer_on_a_stream_is_dropped() {
    only_through_weir!();
    let (first, second) = (result("1", r#"{"content":["first"]}"#), result("1", r#"{"content":["second"]}"#));
    let (go, wait) = tokio::sync::watch::channel(false);
    let sent = (first.clone(), second);
    let story = Story::begin(move |exchange| {
        let ((first, second), mut wait) = (sent.clone(), wait.clone());
        async move {
            let mut stream = exchange.stream().await;
            stream.event(&first).await;
            let _ = wait.wait_for(|go| *go).await;
            stream.event(&second).await;
            stream.end().await
        }
    })
    .await;
    let mut client = story.client().await;
    client.post(&broken(call("1", "echo", "{}"))).await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.message().await, Some(first));
    go.send_replace(true);
    assert_eq!(client.message().await, None);
    story.others_are_served().await;
}

#[tokio::test]
async fn a_request_of_the_server_on_a_modern_stream_is_dropped() {
    only_through_weir!();
    let story = Story::begin(|exchange| async move {
        let mut stream = exchange.stream().await;
        stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
        stream.event(r#"{"jsonrpc":"2.0","id":9,"method":"elicitation/create","params":{}}"#).await;
        stream.event(&result("1", r#"{"content":[]}"#)).await;
        stream.end().await
    })
    .await;
    let mut client = story.client().await;
    client.post(&broken(call("1", "echo", "{}"))).await;
    assert_eq!(client.head().await.status(), 200);
    assert!(client.message().await.expect("progress").contains("notifications/progress"));
    assert_eq!(client.message().await, Some(result("1", r#"{"content":[]}"#)));
    assert_eq!(client.message().await, None);
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    only_through_weir!();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let elsewhere = healthy().await;
        let location = format!("Location: {}\r\n", elsewhere.url());
        let story = Story::begin(move |exchange| {
            let location = location.clone();
            async move { exchange.answer(status, &location, "").await }
        })
        .await;
        story.bad_response(call("1", "echo", "{}"), status).await;
        assert!(elsewhere.waiting().is_empty());
    }
}

#[tokio::test]
async fn a_stream_that_ends_before_the_answer_does_not_look_whole() {
    only_through_weir!();
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    for cut in [false, true] {
        let story = Story::begin(move |exchange| async move {
            let mut stream = exchange.stream().await;
            stream.event(progress).await;
            if cut { stream.cut() } else { stream.end().await }
        })
        .await;
        let mut client = story.client().await;
        client.post(&broken(call("1", "echo", "{}"))).await;
        assert_eq!(client.head().await.status(), 200);
        assert_eq!(client.message().await.as_deref(), Some(progress));
        // Either an error that answers the call, or a body that is visibly cut.
        match client.event().await {
            Err(_) => {}
            Ok(event) => {
                let data = event.and_then(|event| event.data).expect("an error, where the stream ends in order");
                assert!(data.contains(r#""id":1"#) && data.contains("50201"), "{data}");
            }
        }
        story.others_are_served().await;
    }
}

#[tokio::test]
async fn a_json_body_that_is_cut_never_looks_whole() {
    only_through_weir!();
    let short = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"jsonrpc\":\"2.0\"";
    let story = Story::begin(move |mut exchange| async move {
        exchange.some(short).await;
        exchange.close()
    })
    .await;
    let answer = story.ask(call("1", "echo", "{}")).await;
    assert_eq!((answer.status(), answer.refusal().0), (502, 50201), "{answer:?}");

    // Longer than what is read before the status goes out: the connection is cut.
    let story = Story::begin(|mut exchange| async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n";
        exchange.some(format!("{head}{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"{}", "x".repeat(200_000))).await;
        exchange.close()
    })
    .await;
    let mut client = story.client().await;
    client.post(&broken(call("1", "echo", "{}"))).await;
    let head = client.head().await;
    let body = client.body().await;
    assert!(head.status() == 502 || body.is_err(), "{head:?}");
}

#[tokio::test]
async fn a_long_answer_to_somebody_else_is_cut() {
    only_through_weir!();
    // The id comes last, long after the status has gone out.
    let text = format!(r#"{{"jsonrpc":"2.0","result":{{"x":"{}"}},"id":2}}"#, "x".repeat(1_000_000));
    let story = Story::begin(move |exchange| exchange.json(text.clone())).await;
    let mut client = story.client().await;
    client.post(&broken(call("1", "echo", "{}"))).await;
    let head = client.head().await;
    let body = client.body().await;
    assert!(head.status() == 502 || body.is_err(), "{head:?}");
    story.others_are_served().await;
}

#[tokio::test]
async fn gzip_is_passed_on_to_who_asked_for_it_and_nothing_here_has_to_read() {
    only_through_weir!();
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00";
    let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let story = Story::begin(move |exchange| exchange.answer("200 OK", headers, gzip)).await;
    let answer = story.ask(call("1", "echo", "{}").header("Accept-Encoding", "gzip, zstd")).await;
    assert_eq!((answer.status(), answer.head.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(&answer.body[..], gzip);
    assert_eq!(story.broken.request().await.header("accept-encoding"), Some("gzip, zstd"));
    // Lists are read: no coding is asked for, and none is taken.
    for list in ["tools/list", "prompts/list"] {
        story.bad_response(modern("1", list, "").header("Accept-Encoding", "gzip"), "gzip").await;
        assert_eq!(story.broken.request().await.header("accept-encoding"), Some("identity"), "{list}");
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_runs_into_its_limit() {
    only_through_weir!();
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let silent = move |exchange: Exchange| async move {
        let mut stream = exchange.stream().await;
        stream.event(progress).await;
        stream.gone().await
    };
    let (broken_server, other) = (Scripted::start(silent).await, healthy().await);
    // Comments that Weir writes into the silence are no sign of life of the server.
    let config = format!(
        "[http]\nkeepalive = \"1s\"\n[[servers]]\nname = \"broken\"\nendpoints = [{:?}]\nidle_timeout = \"2500ms\"\n\
         [[servers]]\nname = \"healthy\"\nendpoints = [{:?}]\n",
        broken_server.url(),
        other.url()
    );
    let weir = Gateway::config(&config).start().await;
    let mut client = weir.client().await;
    client.post(&broken(call("1", "echo", "{}"))).await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.message().await.as_deref(), Some(progress));
    // Either an error that answers the call, or a body that is visibly cut.
    loop {
        match client.event().await {
            Err(_) => break,
            Ok(Some(event)) if event.comment.is_some() => {}
            Ok(event) => {
                let data = event.and_then(|event| event.data).expect("an error, where the stream ends in order");
                assert!(data.contains(r#""id":1"#) && data.contains("50401"), "{data}");
                break;
            }
        }
    }
    broken_server.open(0).await;
}

#[tokio::test]
async fn a_stream_without_end_ends_with_its_caller() {
    let never = |exchange: Exchange| async move {
        let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#;
        let mut stream = exchange.stream().await;
        while stream.send(format!("data: {progress}\n\n")).await {
            tokio::task::yield_now().await;
        }
        stream.gone().await
    };
    let server = Scripted::start(never).await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    client.post(&call("1", "echo", "{}")).await;
    client.head().await;
    for _ in 0..1_000 {
        assert!(client.message().await.is_some());
    }
    drop(client);
    server.open(0).await;
}

#[tokio::test]
async fn a_server_without_end_does_not_disturb_its_neighbours() {
    only_through_weir!();
    let story = Story::begin(|exchange| async move {
        let mut stream = exchange.stream().await;
        // Nobody reads: what Weir takes in has to have a bound, and its other callers are served.
        while stream.send(format!("data: {}\n\n", "x".repeat(100_000))).await {}
        stream.gone().await
    })
    .await;
    let mut stuck = story.client().await;
    stuck.post(&broken(legacy("1", "tools/call", r#"{"name":"echo","arguments":{}}"#))).await;
    story.broken.request().await;
    for _ in 0..20 {
        story.others_are_served().await;
    }
    assert!(story.weir.resident() < 200 * 1024, "{} KiB", story.weir.resident());
}

impl Story {
    async fn begin<F, R>(serve: F) -> Self
    where
        F: Fn(Exchange) -> R + Send + Sync + 'static,
        R: Future<Output = After> + Send + 'static,
    {
        Self::with("", serve).await
    }

    /// `extra` are further lines of the broken server's section.
    async fn with<F, R>(extra: &str, serve: F) -> Self
    where
        F: Fn(Exchange) -> R + Send + Sync + 'static,
        R: Future<Output = After> + Send + 'static,
    {
        let (broken, healthy) = (Scripted::start(serve).await, healthy().await);
        let section = |name, url, extra| format!("[[servers]]\nname = \"{name}\"\nendpoints = [{url:?}]\n{extra}\n");
        let config = section("broken", broken.url(), extra) + &section("healthy", healthy.url(), "");
        let weir = Gateway::config(&config).start().await;
        Self { weir, broken, _healthy: healthy }
    }

    async fn client(&self) -> Client {
        self.weir.client().await
    }

    /// Asks the broken server.
    async fn ask(&self, post: Post) -> Answer {
        self.client().await.ask(&broken(post)).await
    }

    async fn bad_response(&self, post: Post, what: &str) {
        let answer = self.ask(post).await;
        assert_eq!(answer.status(), 502, "{what:?}: {answer:?}");
        let (code, reason, _) = answer.refusal();
        assert_eq!((code, reason.as_str()), (50201, "upstream_bad_response"), "{what:?}");
    }

    async fn others_are_served(&self) {
        let answer = self.client().await.ask(&call("1", "echo", "{}").path("/healthy/mcp")).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
    }
}

fn broken(post: Post) -> Post {
    post.path("/broken/mcp")
}

async fn healthy() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}
