//! What one client connection may carry, how long it may take, and what is left of those that misbehave.

use tokio::{io::AsyncWriteExt, net::TcpStream, sync::watch};

use crate::support::{
    Dice, Exchange, Gateway, Scripted, call, count, legacy, notification, only_through_weir, result, until,
};

const EMPTY: &str = r#"{"resultType":"complete","content":[]}"#;

#[tokio::test]
async fn streams_and_answers_share_a_connection() {
    let server = Scripted::start(by_name).await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    for id in 0..20 {
        let id = id.to_string();
        client.post(&call(&id, "stream", "{}")).await;
        assert_eq!(client.head().await.header("content-type"), Some("text/event-stream"));
        assert!(client.message().await.expect("progress").contains("progress"));
        assert_eq!(client.message().await, Some(result(&id, EMPTY)));
        assert_eq!(client.message().await, None);
        assert_eq!(client.ask(&call(&id, "echo", "{}")).await.text(), result(&id, EMPTY));
        assert_eq!(client.ask(&notification("notifications/x", "{}")).await.status(), 202);
    }
}

#[tokio::test]
async fn a_request_sent_while_a_stream_runs_is_answered_after_it() {
    let (go, wait) = watch::channel(0);
    let server = Scripted::start(move |exchange| {
        let mut wait = wait.clone();
        async move {
            let id = exchange.request.id();
            if exchange.request.json()["params"]["name"] != "stream" {
                return exchange.json(result(&id, EMPTY)).await;
            }
            let mut stream = exchange.stream().await;
            stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
            let _ = wait.wait_for(|done| id.parse::<usize>().is_ok_and(|id| *done > id)).await;
            stream.event(&result(&id, EMPTY)).await;
            stream.end().await
        }
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let host = weir.address().to_string();
    let mut client = weir.client().await;
    // The next request arrives whole, as a head alone, and cut within its body, while the stream runs.
    for (round, early) in [usize::MAX, 40, 400].into_iter().enumerate() {
        client.post(&call(&round.to_string(), "stream", "{}")).await;
        assert_eq!(client.head().await.status(), 200);
        assert!(client.message().await.is_some());
        let next =
            call("\"next\"", "echo", r#"{"padding":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#).bytes(&host);
        let (now, later) = next.split_at(early.min(next.len()));
        client.bytes(now).await;
        go.send_replace(round + 1);
        assert_eq!(client.message().await, Some(result(&round.to_string(), EMPTY)));
        assert_eq!(client.message().await, None);
        client.bytes(later).await;
        assert_eq!(client.answer().await.text(), result("\"next\"", EMPTY), "round {round}");
    }
}

#[tokio::test]
async fn a_bad_head_behind_a_stream_is_still_refused() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    let bad =
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    client.post(&call("1", "stream", "{}")).await;
    assert_eq!(client.head().await.status(), 200);
    assert!(client.message().await.is_some());
    client.bytes(bad.as_bytes()).await;
    while client.message().await.is_some() {}
    if let Some(head) = client.try_head().await {
        assert_eq!(head.status(), 400);
        assert_eq!(client.body().await.as_deref().ok(), Some(&b""[..]));
    }
    client.closed().await;
    assert_eq!(server.waiting().len(), 1);
}

#[tokio::test]
async fn who_waits_for_100_continue_gets_it() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = Gateway::to(&server.url()).start().await;
    let ask = call("1", "echo", "{}").header("Expect", "100-continue").bytes(&weir.address().to_string());
    let body = memchr::memmem::find(&ask, b"\r\n\r\n").expect("the end of the head") + 4;
    let mut client = weir.client().await;
    client.bytes(&ask[..body]).await;
    assert_eq!(client.head().await.status(), 100);
    client.bytes(&ask[body..]).await;
    assert_eq!(client.answer().await.text(), result("1", EMPTY));
    assert_eq!(server.request().await.header("expect"), None, "the expectation was met here");
}

#[tokio::test]
async fn a_client_of_http_1_0_is_understood() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = Gateway::to(&server.url()).start().await;
    for name in ["echo", "stream"] {
        let ask = String::from_utf8(call("1", name, "{}").bytes("localhost")).expect("UTF-8");
        let mut client = weir.client().await;
        client.bytes(ask.replacen("HTTP/1.1", "HTTP/1.0", 1).as_bytes()).await;
        let head = client.head().await;
        assert_eq!((head.status(), head.header("transfer-encoding")), (200, None), "{name}: 1.0 knows no chunks");
        let body = client.body().await.expect("a whole body");
        assert!(String::from_utf8_lossy(&body).contains(&result("1", EMPTY)));
        client.closed().await;
    }
}

#[tokio::test]
async fn an_unfinished_head_and_an_idle_connection_are_closed() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = Gateway::config(&config("head_timeout = \"300ms\"\nidle = \"300ms\"", &server)).start().await;
    let mut slow = weir.client().await;
    slow.bytes(b"POST /mcp HTTP/1.1\r\nHost: loc").await;
    if let Some(head) = slow.try_head().await {
        assert_eq!(head.status(), 408);
    }
    slow.closed().await;
    let mut idle = weir.client().await;
    assert_eq!(idle.ask(&call("1", "echo", "{}")).await.status(), 200);
    idle.closed().await;
    weir.client().await.closed().await;
    // A stream is no idle connection.
    let mut streaming = weir.client().await;
    streaming.get("/mcp", &["Accept: text/event-stream", "MCP-Protocol-Version: 2025-11-25"]).await;
    assert_eq!(streaming.head().await.status(), 200);
    weir.client().await.closed().await;
    weir.client().await.closed().await;
    assert!(streaming.message().await.is_some());
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_let_go() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        let mut stream = exchange.stream().await;
        while stream.send(format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"{}\"}}\n\n", "x".repeat(50_000))).await {}
        stream.gone().await
    })
    .await;
    let weir = Gateway::config(&config("write_stall = \"500ms\"", &server)).start().await;
    let mut client = weir.client().await;
    client.post(&call("1", "echo", "{}")).await;
    server.open(1).await;
    // Nothing is read here, and nothing is closed: Weir has to end both sides by itself.
    server.open(0).await;
    drop(client);
}

#[tokio::test]
async fn connections_over_the_limit_of_an_address_are_not_served() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = Gateway::config(&config("connections_per_address = 4", &server)).start().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = weir.client().await;
        assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 200);
        clients.push(client);
    }
    let mut fifth = weir.client().await;
    fifth.post(&call("1", "echo", "{}")).await;
    if let Some(head) = fifth.try_head().await {
        assert_eq!(head.status(), 503);
    }
    fifth.closed().await;
    clients.pop();
    until("a place is free again", async || {
        let mut client = weir.client().await;
        client.post(&call("1", "echo", "{}")).await;
        client.try_head().await.is_some_and(|head| head.status() == 200)
    })
    .await;
    assert_eq!(clients[0].ask(&call("1", "echo", "{}")).await.status(), 200);
}

#[tokio::test]
async fn clients_that_vanish_anywhere_leave_nothing_behind() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = Gateway::to(&server.url()).start().await;
    let host = weir.address().to_string();
    assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
    server.open(1).await;
    let mut dice = Dice::new();
    let asks = [
        call("1", "echo", r#"{"x":"some text"}"#).bytes(&host),
        call("1", "stream", "{}").bytes(&host),
        call("1", "silent", "{}").bytes(&host),
        legacy("1", "tools/call", r#"{"name":"stream","arguments":{}}"#).chunked(&host, &[5]),
    ];
    for _ in 0..count(4_000) {
        let ask = &asks[dice.below(asks.len())];
        let mut stream = TcpStream::connect(weir.address()).await.expect("weir listens");
        let cut = dice.below(ask.len() * 3 / 2).min(ask.len());
        let _ = stream.write_all(&ask[..cut]).await;
        if dice.below(2) == 0 {
            socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("a socket takes it");
        }
        if dice.below(3) == 0 {
            tokio::task::yield_now().await;
        }
        // Some stay for the first bytes of their answer, where there will be one.
        if cut == ask.len() && !std::ptr::eq(ask, &asks[2]) && dice.below(4) != 0 {
            let _ = stream.readable().await;
        }
    }
    let fresh = Gateway::to(&server.url()).start().await;
    assert_eq!(fresh.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
    let one_pooled = fresh.descriptors();
    // Connections to the server may be kept for the next call; those of the clients may not.
    until("the clients' files are closed", async || weir.descriptors() <= one_pooled + 64).await;
    assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
    weir.stop().await;
}

/// Answers as the tool's name says: `echo`, `stream`, `silent`; a GET is a stream that says something after a while.
async fn by_name(exchange: Exchange) -> crate::support::After {
    let request = &exchange.request;
    let (id, message) = (request.id(), request.json());
    if request.verb() == "GET" {
        let mut stream = exchange.stream().await;
        let wait = tokio::time::sleep(std::time::Duration::from_secs(1));
        if stream.unless_gone(wait).await.is_some() {
            stream.event(r#"{"jsonrpc":"2.0","method":"notifications/late"}"#).await;
        }
        return stream.gone().await;
    }
    if message["id"].is_null() {
        return exchange.accepted().await;
    }
    match message["params"]["name"].as_str() {
        Some("silent") => exchange.silence().await,
        Some("stream") => {
            let mut stream = exchange.stream().await;
            stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
            stream.event(&result(&id, EMPTY)).await;
            stream.end().await
        }
        _ => exchange.json(result(&id, EMPTY)).await,
    }
}

fn config(http: &str, server: &Scripted) -> String {
    format!("[http]\n{http}\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url())
}
