//! What Weir itself answers over HTTP, before any server is asked.

use crate::support::{Gateway, Scripted, call, legacy, modern, notification, only_through_weir, result};

#[tokio::test]
async fn preflight_is_answered_for_allowed_origins() {
    only_through_weir!();
    let (weir, server) = start().await;
    let mut client = weir.client().await;
    for origin in ["http://localhost:6274", "http://127.0.0.1", "http://[::1]:3000"] {
        let asks = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"];
        client.without_body("OPTIONS", "/mcp", &[&format!("Origin: {origin}"), asks[0], asks[1]]).await;
        let answer = client.answer().await;
        let header = |name| answer.head.header(name).unwrap_or("").to_ascii_lowercase();
        assert_eq!((answer.status(), header("access-control-allow-origin").as_str()), (204, origin));
        assert!(header("vary").contains("origin"), "{answer:?}");
        for method in ["get", "post", "delete"] {
            assert!(header("access-control-allow-methods").contains(method), "{answer:?}");
        }
        for name in
            ["authorization", "content-type", "accept", "mcp-protocol-version", "mcp-session-id", "last-event-id"]
        {
            assert!(header("access-control-allow-headers").contains(name), "{name}: {answer:?}");
        }
        assert!(header("access-control-max-age").parse::<u32>().is_ok());

        let answer = client.ask(&call("1", "echo", "{}").header("Origin", origin)).await;
        assert_eq!((answer.status(), answer.head.header("access-control-allow-origin")), (200, Some(origin)));
        let exposed = answer.head.header("access-control-expose-headers").unwrap_or("").to_ascii_lowercase();
        for name in ["mcp-session-id", "mcp-protocol-version", "www-authenticate", "retry-after"] {
            assert!(exposed.contains(name), "{name}: {answer:?}");
        }
        assert_eq!(server.request().await.header("origin"), None, "the client's Origin stays here");
    }
}

#[tokio::test]
async fn a_foreign_origin_is_refused() {
    only_through_weir!();
    let (weir, server) = start().await;
    for origin in ["https://evil.example.com", "null", "http://localhost.evil.example.com", "http://127.0.0.1.nip.io"] {
        let answer = weir.client().await.ask(&call("1", "echo", "{}").header("Origin", origin)).await;
        assert_eq!((answer.status(), answer.refusal().1.as_str()), (403, "origin_not_allowed"), "{origin}: {answer:?}");
        assert_eq!(answer.head.header("access-control-allow-origin"), None);
        for method in ["OPTIONS", "GET", "DELETE"] {
            let mut client = weir.client().await;
            client.without_body(method, "/mcp", &[&format!("Origin: {origin}")]).await;
            assert_eq!(client.answer().await.status(), 403, "{method} {origin}");
        }
    }
    assert!(server.waiting().is_empty());
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    only_through_weir!();
    let (weir, server) = start().await;
    for host in ["evil.example.com", "localhost.evil.example.com", "192.0.2.1", "evil.example.com:8080"] {
        let answer = weir.client().await.ask(&call("1", "echo", "{}").header("Host", host)).await;
        assert!(matches!(answer.status(), 403 | 421), "{host}: {answer:?}");
        assert_eq!((answer.refusal().0, answer.refusal().1.as_str()), (40302, "host_not_allowed"), "{host}");
    }
    assert!(server.waiting().is_empty());
    let port = weir.address().port();
    for host in ["localhost".into(), format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
    {
        let answer = weir.client().await.ask(&call("1", "echo", "{}").header("Host", &host)).await;
        assert_eq!(answer.status(), 200, "{host}: {answer:?}");
        assert_eq!(server.request().await.header("host"), Some(server.address().to_string().as_str()));
    }
}

#[tokio::test]
async fn credentials_stay_here_and_the_protocols_headers_go_on() {
    only_through_weir!();
    let (weir, server) = start().await;
    let ask = call("1", "echo", "{}")
        .header("Authorization", "Bearer secret")
        .header("Proxy-Authorization", "Basic secret")
        .header("Cookie", "secret=1")
        .header("X-API-Key", "secret")
        .header("Connection", "keep-alive, X-Hop")
        .header("X-Hop", "secret")
        .header("Mcp-Param-Region", "zurich");
    assert_eq!(weir.client().await.ask(&ask).await.status(), 200);
    let seen = server.request().await;
    assert!(!String::from_utf8_lossy(&seen.head.raw).contains("secret"), "{:?}", seen.head);
    let expected = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "echo"),
        ("mcp-param-region", "zurich"),
        ("accept", "application/json, text/event-stream"),
    ];
    for (name, value) in expected {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!((seen.verb(), seen.path()), ("POST", "/mcp"));
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    only_through_weir!();
    let (weir, server) = start().await;
    for (name, value) in [
        ("Content-Encoding", "gzip"),
        ("Content-Encoding", "br"),
        ("Content-Type", "application/json; charset=iso-8859-1"),
        ("Content-Type", "application/json;charset=utf-16"),
    ] {
        let answer = weir.client().await.ask(&call("1", "echo", "{}").header(name, value)).await;
        assert_eq!((answer.status(), answer.refusal().0), (415, 41501), "{name}: {value}: {answer:?}");
        assert_eq!(answer.refusal().1, "unsupported_media_type");
    }
    assert!(server.waiting().is_empty());
    for value in ["application/json; charset=utf-8", "application/json;charset=\"UTF-8\""] {
        let answer = weir.client().await.ask(&call("1", "echo", "{}").header("Content-Type", value)).await;
        assert_eq!(answer.status(), 200, "{value}: {answer:?}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    only_through_weir!();
    let (weir, server) = start().await;
    for path in ["/", "/mcp/", "/MCP", "/mcp/x", "/healthz", "//mcp", "/nobody/mcp"] {
        let answer = weir.client().await.ask(&call("1", "echo", "{}").path(path)).await;
        assert_eq!((answer.status(), answer.refusal().1.as_str()), (404, "route_not_found"), "{path}: {answer:?}");
    }
    for method in ["PUT", "PATCH", "HEAD", "TRACE"] {
        let mut client = weir.client().await;
        client.without_body(method, "/mcp", &[]).await;
        let head = client.head().await;
        assert_eq!(head.status(), 405, "{method}");
        let allow = head.header("allow").expect("a 405 has Allow");
        assert!(["GET", "POST", "DELETE"].iter().all(|method| allow.contains(method)), "{allow}");
    }
    assert!(server.waiting().is_empty());
    let answer = weir.client().await.ask(&call("1", "echo", "{}").path("/server/mcp")).await;
    assert_eq!(answer.status(), 200, "a single server without a name is called `server`");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    only_through_weir!();
    let server = echo().await;
    let section = format!("[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    let weir = Gateway::config(&format!("[http]\nbody = \"1KiB\"\n{section}")).start().await;
    let long = call("1", "echo", &format!(r#"{{"x":"{}"}}"#, "x".repeat(1024)));
    let host = weir.address().to_string();
    let mut client = weir.client().await;
    for bytes in [long.bytes(&host), long.chunked(&host, &[100])] {
        client.bytes(&bytes).await;
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.refusal().0, answer.refusal().1.as_str()), (413, 41301, "too_large"));
        assert_eq!((answer.json()["id"].clone(), answer.head.header("connection")), (1.into(), None), "{answer:?}");
    }
    assert!(server.waiting().is_empty());
    // Exactly the limit passes; the body before was read to its end, so its connection lives on.
    let empty = call("1", "echo", r#"{"x":""}"#).text().len();
    let full = call("1", "echo", &format!(r#"{{"x":"{}"}}"#, "x".repeat(1024 - empty)));
    assert_eq!(client.ask(&full).await.status(), 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_to_whom_it_is_of() {
    only_through_weir!();
    let server = echo().await;
    let section = format!("[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    let weir = Gateway::config(&format!("[http]\nbody = \"1KiB\"\n{section}")).start().await;
    let text = "x".repeat(1 << 20);
    let told =
        |method: &str, end: &str| format!(r#"{{"method":"{method}","params":{{"x":"{text}"}},"jsonrpc":"2.0"{end}}}"#);
    let call = told("tools/call", r#","id":"\u0061""#);
    let mut client = weir.client().await;
    for (body, status, id) in [
        (call.clone(), 200, Some(r#""id":"\u0061""#)),
        (told("initialize", r#","id":2"#), 413, Some(r#""id":2"#)),
        (told("notifications/initialized", ""), 413, None),
        (format!(r#"{{"jsonrpc":"2.0","id":3,"result":{{"x":"{text}"}}}}"#), 413, None),
        (call.replace(r#"},"jsonrpc""#, r#"},],"jsonrpc""#), 413, None),
        (call.replace(r#""jsonrpc""#, r#""id":1,"jsonrpc""#), 413, None),
    ] {
        let answer = client.ask(&legacy("1", "x", "{}").body(body)).await;
        assert_eq!((answer.status(), answer.refusal().1.as_str()), (status, "too_large"), "{answer:?}");
        let named = answer.text().contains(id.unwrap_or(r#""id":"#));
        assert_eq!(named, id.is_some(), "to the byte: {answer:?}");
    }
    let answer = client.ask(&notification("x", "{}").body(told("notifications/progress", ""))).await;
    assert_eq!((answer.status(), answer.text()), (202, ""));
    assert_eq!(client.ask(&legacy("9", "tools/call", "{}")).await.status(), 200, "the connection lives on");
    server.request().await;
    // What is far too large is not read to its end; those who name themselves first are told all the same.
    for (begin, status) in [(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"x":""#, 200), ("no JSON", 413)]
    {
        let head = legacy("1", "x", "{}").header("Content-Length", "100000000").head(&weir.address().to_string());
        let mut client = weir.client().await;
        client.bytes(&[head.as_slice(), b"\r\n", begin.as_bytes(), &vec![b'x'; 100_000]].concat()).await;
        let answer = client.answer().await;
        assert_eq!(
            (answer.status(), answer.json()["id"].as_u64()),
            (status, (status == 200).then_some(7)),
            "{answer:?}"
        );
        assert_eq!(answer.head.header("connection"), Some("close"));
        client.closed().await;
    }
    assert!(server.waiting().is_empty());
}

#[tokio::test]
async fn a_notification_that_is_lost_is_told_to_operators_alone_unless_somebody_waits_for_it() {
    only_through_weir!();
    let nobody = Scripted::nobody().await;
    let section = format!("[[servers]]\nname = \"down\"\nendpoints = [{nobody:?}]\n");
    for (http, lost) in [("", 202), ("[http]\nlegacy_status = \"table\"\n", 503)] {
        let weir = Gateway::config(&format!("{http}{section}")).start().await;
        let mut client = weir.client().await;
        for (post, status) in [
            (notification("notifications/cancelled", r#"{"requestId":1}"#), lost),
            (notification("notifications/initialized", "{}"), 503),
            (notification("x", "{}").body(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), 503),
            (notification("x", "{}").session("nobody's"), 404),
            (notification("x", "{}").header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", "x"), 503),
        ] {
            let answer = client.ask(&post).await;
            assert_eq!(answer.status(), status, "{post:?}: {answer:?}");
            assert_eq!(answer.text().is_empty(), status == 202, "{answer:?}");
        }
        let log = weir.log().await;
        assert_eq!(log.contains("status=202"), lost == 202, "{log}");
        let told = log.lines().find(|line| line.contains("notifications/cancelled")).unwrap_or("").to_owned();
        assert!(told.contains(&format!("status={lost}")) && told.contains("reason=upstream_unavailable"), "{log}");
    }
}

#[tokio::test]
async fn a_message_that_two_readers_could_read_differently_is_refused() {
    only_through_weir!();
    let (weir, server) = start().await;
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{}{}}}}}"#, "[".repeat(64), "]".repeat(64));
    for (body, code) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{}}"#, -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\u0061me":"b"}}"#, -32700),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":{"y":1,"y":2}}}}"#,
            -32700,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"Method":"x","method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":9007199254740992,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#, -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, -32700),
        ("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", -32700),
        ("", -32700),
        ("[]", -32600),
        (deep.as_str(), -32700),
    ] {
        let answer = weir.client().await.ask(&legacy("1", "ping", "{}").body(body)).await;
        assert!(matches!(answer.status(), 200 | 400), "{body}: {answer:?}");
        let refused = answer.refusal().0;
        // The fault of a document is a parse error, that of a message an invalid request; which of the two a repeated
        // or doubled key is, is not the point here.
        assert!([-32700, -32600, -32602].contains(&refused), "{body}: {refused}, about {code}");
    }
    assert!(server.waiting().is_empty());
}

#[tokio::test]
async fn headers_of_the_modern_era_have_to_match_the_body() {
    only_through_weir!();
    let (weir, server) = start().await;
    let list = || modern("5", "tools/list", "");
    for (ask, code) in [
        (call("5", "echo", "{}").header("Mcp-Name", "other"), -32020),
        (call("5", "echo", "{}").header("Mcp-Method", "tools/list"), -32020),
        (call("5", "echo", "{}").header("Mcp-Name", "=?base64?!!!?="), -32020),
        (modern("5", "tools/call", r#""name":"echo","arguments":{}"#), -32020),
        (list().header("MCP-Protocol-Version", "2027-01-01"), -32020),
        (list().header("MCP-Protocol-Version", "2025-11-25"), -32020),
        (legacy("5", "tools/list", "{}").header("MCP-Protocol-Version", "2026-07-28"), -32602),
    ] {
        let answer = weir.client().await.ask(&ask).await;
        assert_eq!((answer.status(), answer.refusal().0), (400, code), "{ask:?}: {answer:?}");
        assert_eq!(answer.json()["id"], 5);
    }
    let future = String::from_utf8(list().text().to_vec()).expect("UTF-8").replace("2026-07-28", "2027-01-01");
    let ask = list().body(future).header("MCP-Protocol-Version", "2027-01-01");
    let answer = weir.client().await.ask(&ask).await;
    assert_eq!((answer.status(), answer.refusal().0), (400, -32022), "{answer:?}");
    assert_eq!(answer.json()["error"]["data"]["supported"], serde_json::json!(["2026-07-28"]));
    assert_eq!(answer.json()["error"]["data"]["requested"], "2027-01-01");
    assert!(server.waiting().is_empty());
    let ask = call("5", "grüße", "{}").header("Mcp-Name", "=?base64?Z3LDvMOfZQ==?=");
    assert_eq!(weir.client().await.ask(&ask).await.status(), 200);
}

#[tokio::test]
async fn an_error_of_ours_carries_the_id_as_it_was_sent() {
    only_through_weir!();
    let weir = Gateway::to(&Scripted::nobody().await).start().await;
    for id in
        ["0", "-1", "\"\"", r#""\u0041\/é""#, "9007199254740991", "-9007199254740991", r#""1""#, "\"\\ud83d\\ude00\""]
    {
        for ask in [call(id, "echo", "{}"), legacy(id, "tools/list", "{}")] {
            let answer = weir.client().await.ask(&ask).await;
            assert!(answer.text().contains(&format!("\"id\":{id},")), "{id}: {}", answer.text());
            assert_eq!(answer.refusal().0, 50301);
        }
    }
}

#[tokio::test]
async fn notifications_take_an_answer_of_their_own() {
    let server = Scripted::start(|exchange| exchange.accepted()).await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    for _ in 0..3 {
        let told = notification("notifications/cancelled", r#"{"requestId":1}"#);
        let answer = client.ask(&told).await;
        assert_eq!((answer.status(), answer.text()), (202, ""));
        assert_eq!(server.request().await.body, told.text());
    }
}

#[tokio::test]
async fn requests_behind_one_another_are_answered_in_order() {
    let (weir, _server) = start().await;
    let host = weir.address().to_string();
    let mut client = weir.client().await;
    let mut bytes = Vec::new();
    for id in 0..50 {
        let ask = call(&id.to_string(), "echo", "{}");
        bytes.extend(if id % 2 == 0 { ask.bytes(&host) } else { ask.chunked(&host, &[3, 50]) });
    }
    client.bytes(&bytes).await;
    for id in 0..50 {
        let answer = client.answer().await;
        assert_eq!((answer.status(), &answer.json()["id"]), (200, &id.into()));
    }
}

#[tokio::test]
async fn heads_that_could_hide_a_request_close_the_connection() {
    only_through_weir!();
    let (weir, server) = start().await;
    let body = String::from_utf8(call("1", "echo", "{}").text().to_vec()).expect("UTF-8");
    let length = body.len();
    let smuggled = format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}");
    let post = |headers: &str| format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}{smuggled}");
    for bytes in [
        format!("POST /mcp HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}"),
        post(&format!("Host: localhost\r\nContent-Length: {length}\r\n")),
        post(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n")),
        post(&format!("Content-Length: {length}\r\nContent-Length: {length}\r\n")),
        post(&format!("Content-Length: +{length}\r\n")),
        post(&format!("Content_Length: {length}\r\n")),
        post(&format!("Content-Length : {length}\r\n")),
        post(&format!("Content-Length: {length}\r\n X: folded\r\n")),
        post("Transfer-Encoding: gzip, chunked\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        post("Transfer-Encoding: xchunked\r\n"),
        post(&format!("Content-Length: {length}\r\nX: a\u{1}b\r\n")),
        post(&format!("Content-Length: {length}\nX: y\r\n")),
        format!("POST /mcp HTTP/1.1\nHost: localhost\nContent-Length: {length}\n\n{body}"),
        format!(
            "POST /mcp HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        ),
        format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"),
        post(&format!("Content-Length: {length}\r\nX: {}\r\n", "x".repeat(9_000))),
        post(&format!("Content-Length: {length}\r\n{}", "X: y\r\n".repeat(70))),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n".into(),
        "GET /mcp\r\n\r\n".into(),
    ] {
        let mut client = weir.client().await;
        client.bytes(bytes.as_bytes()).await;
        if let Some(head) = client.try_head().await {
            assert!(matches!(head.status(), 400 | 431 | 505), "{bytes:?}: {head:?}");
            assert_eq!(client.body().await.as_deref().ok(), Some(&b""[..]), "no word to whom we do not understand");
        }
        client.closed().await;
    }
    assert!(server.waiting().is_empty(), "none of it reached the server");
}

#[tokio::test]
async fn a_good_request_before_a_bad_head_is_answered() {
    only_through_weir!();
    let (weir, server) = start().await;
    let host = weir.address().to_string();
    let bad = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n";
    for good in [call("1", "echo", "{}").chunked(&host, &[9]), call("1", "echo", "{}").bytes(&host)] {
        let mut client = weir.client().await;
        client.bytes(&[&good[..], bad].concat()).await;
        assert_eq!(client.answer().await.status(), 200, "{}", String::from_utf8_lossy(&good));
        assert_eq!(client.head().await.status(), 400);
        client.closed().await;
        assert_eq!(server.waiting().len(), 1);
    }
}

async fn start() -> (Gateway, Scripted) {
    let server = echo().await;
    (Gateway::to(&server.url()).start().await, server)
}

async fn echo() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}
