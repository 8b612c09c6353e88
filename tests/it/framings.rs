//! Every framing a server may choose for its answer reads alike; what is none is refused.

use crate::support::{Gateway, Scripted, call, only_through_weir, result};

const TEXT: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"grüße"}]}"#;

#[tokio::test]
async fn a_json_answer_in_any_framing_arrives() {
    let body = result("1", TEXT);
    let length = body.len();
    let json = "Content-Type: application/json\r\n";
    let (front, back) = body.split_at(20);
    let (first, second) = (front.len(), back.len());
    for (what, answer) in [
        ("a length", format!("HTTP/1.1 200 OK\r\n{json}Content-Length: {length}\r\n\r\n{body}")),
        (
            "one chunk",
            format!("HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
        ),
        (
            "chunks with extensions, zeros, upper case and trailers",
            format!(
                "HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: Chunked\r\n\r\n000{first:X};a=b\r\n{front}\r\n{second:X}\
                 ;c=\"d;e\"\r\n{back}\r\n000;x\r\nX-Trailer: y\r\n\r\n"
            ),
        ),
        ("no reason", format!("HTTP/1.1 200\r\n{json}Content-Length: {length}\r\n\r\n{body}")),
        (
            "odd case and space",
            format!("HTTP/1.1 200 OK\r\ncontent-TYPE:\tapplication/json\r\ncontent-length:{length} \r\n\r\n{body}"),
        ),
        (
            "100 before",
            format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{json}Content-Length: {length}\r\n\r\n{body}"),
        ),
        (
            "103 before",
            format!(
                "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n{json}Content-Length: {length}\r\n\r\n{body}"
            ),
        ),
    ] {
        let server = Scripted::start(move |exchange| exchange.bytes(answer.clone())).await;
        let weir = Gateway::to(&server.url()).start().await;
        if crate::support::direct() && (what.ends_with("before") || what.ends_with("trailers")) {
            // What the tests' own client does not read.
            continue;
        }
        let mut client = weir.client().await;
        for _ in 0..3 {
            let answer = client.ask(&call("1", "echo", "{}")).await;
            assert_eq!((answer.status(), answer.text()), (200, body.as_str()), "{what}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_arrives() {
    let body = result("1", TEXT);
    let event = format!("data: {body}\n\n");
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        for (kind, text) in [("application/json", body.clone()), ("text/event-stream", event.clone())] {
            let sent = format!("{version} 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n{text}");
            let server = Scripted::start(move |mut exchange| {
                let sent = sent.clone();
                async move {
                    exchange.some(sent).await;
                    exchange.close()
                }
            })
            .await;
            let weir = Gateway::to(&server.url()).start().await;
            let mut client = weir.client().await;
            client.post(&call("1", "echo", "{}")).await;
            assert_eq!(client.head().await.status(), 200);
            if kind == "application/json" {
                assert_eq!(client.body().await.expect("a whole body"), body.as_bytes());
            } else {
                assert_eq!(client.message().await, Some(body.clone()));
                assert_eq!(client.message().await, None);
            }
        }
    }
}

#[tokio::test]
async fn the_connection_of_a_server_is_used_again_after_any_framing() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        let id = exchange.request.id();
        let text = result(&id, TEXT);
        match id.parse::<usize>().expect("a number") % 3 {
            0 => exchange.json(text).await,
            1 => {
                let mut stream = exchange.stream().await;
                stream.event(&text).await;
                stream.end().await
            }
            _ => exchange.answer("200 OK", "Content-Type: text/event-stream\r\n", format!("data: {text}\n\n")).await,
        }
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    for id in 0..30 {
        let id = id.to_string();
        client.post(&call(&id, "echo", "{}")).await;
        let head = client.head().await;
        let text = match head.header("content-type") {
            Some("text/event-stream") => {
                let message = client.message().await;
                assert_eq!(client.message().await, None);
                message.expect("an answer")
            }
            _ => String::from_utf8(client.body().await.expect("whole").to_vec()).expect("UTF-8"),
        };
        assert_eq!(text, result(&id, TEXT));
    }
    server.open(1).await;
}

#[tokio::test]
async fn a_servers_own_status_comes_back() {
    only_through_weir!();
    let error = r#"{"jsonrpc":"2.0", "id":1, "error":{"code":-32601,"message":"no such method"} }"#;
    for status in [
        "400 Bad Request",
        "404 Not Found",
        "405 Method Not Allowed",
        "429 Too Many Requests",
        "500 Internal Server Error",
    ] {
        let server = Scripted::start(move |exchange| {
            let headers =
                "Content-Type: application/json\r\nRetry-After: 7\r\nWWW-Authenticate: Bearer realm=\"theirs\"\r\n";
            exchange.answer(status, headers, error)
        })
        .await;
        let weir = Gateway::to(&server.url()).start().await;
        let answer = weir.client().await.ask(&call("1", "echo", "{}")).await;
        assert_eq!((answer.head.line[1].as_str(), answer.text()), (&status[..3], error), "{answer:?}");
        assert_eq!(answer.head.header("retry-after"), Some("7"), "{status}");
        assert_eq!(answer.head.header("www-authenticate"), None, "a server's challenge is not ours");
    }
}

#[tokio::test]
async fn the_path_and_query_of_the_server_are_kept() {
    only_through_weir!();
    let server = Scripted::answering(|request| result(&request.id(), TEXT)).await;
    let weir = Gateway::to(&format!("http://{}/deep/er/mcp?tenant=a%2Fb", server.address())).start().await;
    assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
    assert_eq!(server.request().await.path(), "/deep/er/mcp?tenant=a%2Fb");
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_comes_back() {
    only_through_weir!();
    // The server refuses by the head alone, as a limit of its own may make it do, and closes.
    let refusal = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"too large for me"}}"#;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut first = [0; 64];
            let _ = stream.read(&mut first).await;
            let head = "HTTP/1.1 413 Payload Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _ =
                stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{refusal}", refusal.len()).as_bytes()).await;
            let _ = stream.shutdown().await;
            // Reads the rest, so that the kernel does not turn the close into a reset.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
    });
    let weir = Gateway::to(&format!("http://{address}/mcp")).start().await;
    let ask = call("1", "echo", &format!(r#"{{"x":"{}"}}"#, "x".repeat(3_000_000)));
    let answer = weir.client().await.ask(&ask).await;
    assert_eq!((answer.status(), answer.text()), (413, refusal));
    server.abort();
}
