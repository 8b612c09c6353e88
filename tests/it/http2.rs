//! HTTP/2 in plain text by prior knowledge: the whole of h2spec, many streams at once, floods, stopping; and towards a
//! server that offers it. Over TLS it is spoken in `tls_clients::http2`.

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{
    After, Exchange, Gateway, NodeServer, Post, Process, Scripted, call, modern, node, node_lines, only_through_weir,
    result, within,
};

const EMPTY: &str = r#"{"resultType":"complete","content":[]}"#;
const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#;
/// What Node's client has to say in the end.
pub(crate) const NODE_SAYS: [&str; 3] =
    ["200 60 answers", "200 8 answers of 300000 bytes to as many", "200 8 streams of 3 events"];

/// A gateway whose clients speak HTTP/2.
async fn gateway(url: &str, http: &str) -> Gateway {
    let text = format!(
        "[listen]\nhttp2_prior_knowledge = true\n[http]\n{http}\n[[servers]]\nname = \"files\"\nendpoints = [{url:?}]\n"
    );
    Gateway::config(&text).start().await
}

/// h2's own client on one connection.
pub(crate) struct Client {
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) driven: JoinHandle<Result<(), h2::Error>>,
    host: String,
}

impl Client {
    async fn connect(weir: &Gateway, builder: &h2::client::Builder) -> Self {
        let socket = TcpStream::connect(weir.address()).await.expect("the gateway listens");
        Self::over(socket, weir, builder).await
    }

    /// Speaks over a stream that is there.
    pub(crate) async fn over<S>(stream: S, weir: &Gateway, builder: &h2::client::Builder) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (send, connection) = builder.handshake(stream).await.expect("it speaks HTTP/2");
        Self { send, driven: tokio::spawn(connection), host: weir.address().to_string() }
    }

    pub(crate) async fn post(&mut self, post: &Post) -> ResponseFuture {
        self.send = self.send.clone().ready().await.expect("the connection goes on");
        let (response, mut stream) = self.send.send_request(post.h2_head(&self.host), false).expect("a sound head");
        stream.send_data(Bytes::copy_from_slice(post.text()), true).expect("an open stream");
        response
    }

    pub(crate) async fn ask(&mut self, post: &Post) -> (StatusCode, String) {
        let response = self.post(post).await.await.expect("an answer");
        (response.status(), text(response).await.expect("a whole body"))
    }
}

pub(crate) async fn text(response: Response<RecvStream>) -> Result<String, h2::Error> {
    let mut body = response.into_body();
    let mut text = String::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        text.push_str(std::str::from_utf8(&data).expect("UTF-8"));
    }
    Ok(text)
}

#[tokio::test]
async fn h2spec_passes_whole_generic_and_strict() {
    only_through_weir!();
    let server = NodeServer::reference(&[]).await;
    let weir = gateway(server.url(), "").await;
    h2spec(&weir, &[]).await;
    // And it serves on.
    let mut client = Client::connect(&weir, &h2::client::Builder::new()).await;
    assert_eq!(client.ask(&modern("1", "tools/list", "")).await.0, 200);
}

/// Runs all of h2spec, and all of it has to pass.
pub(crate) async fn h2spec(weir: &Gateway, more: &[&str]) {
    let binary = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/go/bin/h2spec");
    assert!(binary.exists(), "{} is missing: run tests/install.sh", binary.display());
    let port = weir.address().port().to_string();
    let mut command = Command::new(binary);
    command.args(["--strict", "--host", "127.0.0.1", "--port", &port, "--path", "/mcp", "--timeout", "10"]).args(more);
    let mut spec = Process::start("h2spec", &mut command);
    let mut said = Vec::new();
    while let Some(line) = spec.line().await {
        said.push(line);
    }
    let said = said.join("\n");
    assert!(spec.exit().await.success(), "{said}");
    // "146 tests, 146 passed, 0 skipped, 0 failed"
    let last = said.lines().rev().find(|line| line.contains(" passed")).expect("a summary");
    let numbers: Vec<usize> = last.split(|byte: char| !byte.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert!(numbers[0] > 140 && numbers[0] == numbers[1] && numbers[2..] == [0, 0], "{last}");
}

/// Answers by the name of the tool: `flood` streams without end, `stream` in three events, `big` says what it was told;
/// others at once. Who listens hears one event, and no more.
pub(crate) async fn by_name(exchange: Exchange) -> After {
    let (id, message) = (exchange.request.id(), exchange.request.json());
    match message["params"]["name"].as_str() {
        Some("silent") => exchange.silence().await,
        Some("big") => {
            let text = &message["params"]["arguments"]["text"];
            let said = format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":{text}}}]}}"#);
            exchange.json(result(&id, &said)).await
        }
        Some("stream") => {
            let mut stream = exchange.stream().await;
            for _ in 0..2 {
                stream.event(PROGRESS).await;
            }
            stream.event(&result(&id, EMPTY)).await;
            stream.end().await
        }
        Some("flood") => {
            let mut stream = exchange.stream().await;
            let event = format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"x/{}\"}}\n\n", "y".repeat(8000));
            while stream.send(&event).await {}
            stream.cut()
        }
        _ if message["method"] == "subscriptions/listen" => {
            let mut stream = exchange.stream().await;
            stream.event(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#).await;
            stream.gone().await
        }
        _ => exchange.json(result(&id, EMPTY)).await,
    }
}

#[tokio::test]
async fn many_streams_at_once_and_a_slow_one_holds_up_none() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = gateway(&server.url(), "").await;
    let mut client = Client::connect(&weir, h2::client::Builder::new().initial_window_size(20_000)).await;
    let slow = client.post(&call("0", "flood", "{}")).await.await.expect("its head");
    assert_eq!((slow.status(), slow.version()), (StatusCode::OK, http::Version::HTTP_2));
    for round in 0..5 {
        let mut waiting = Vec::new();
        for id in 0..90 {
            let id = (round * 100 + id).to_string();
            waiting.push((client.post(&call(&id, "echo", "{}")).await, id));
        }
        for (response, id) in waiting {
            let response = within("an answer", response).await.expect("a sound stream");
            assert_eq!(text(response).await.expect("a whole body"), result(&id, EMPTY));
        }
    }
    // The slow one is where its window ended; what comes after it is still there.
    let mut body = slow.into_body();
    let mut came = 0;
    while came < 200_000 {
        let data = within("more of it", body.data()).await.expect("no end").expect("a sound stream");
        body.flow_control().release_capacity(data.len()).expect("an open stream");
        came += data.len();
    }
}

#[tokio::test]
async fn whoever_leaves_a_stream_leaves_the_server() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = gateway(&server.url(), "").await;
    let mut client = Client::connect(&weir, &h2::client::Builder::new()).await;
    let waiting = client.post(&call("1", "silent", "{}")).await;
    server.request().await;
    drop(waiting);
    server.open(0).await;
    assert_eq!(client.ask(&call("2", "echo", "{}")).await.1, result("2", EMPTY));
}

#[tokio::test]
async fn stopping_ends_subscriptions_and_waits_for_calls() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = gateway(&server.url(), "").await;
    let mut client = Client::connect(&weir, &h2::client::Builder::new()).await;
    let listened = client.post(&modern("1", "subscriptions/listen", r#""notifications":{}"#)).await;
    let mut listened = listened.await.expect("its head").into_body();
    let first = listened.data().await.expect("an event").expect("a sound stream");
    assert!(std::str::from_utf8(&first).is_ok_and(|text| text.contains("list_changed")));
    weir.terminate();
    let mut rest = Vec::new();
    while let Some(data) = within("the end of the stream", listened.data()).await {
        rest.extend_from_slice(&data.expect("a proper end"));
    }
    within("the end of the connection", client.driven).await.expect("no panic").expect("a proper end");
    weir.stop().await;
}

#[tokio::test]
async fn streams_that_are_reset_at_once_end_the_connection_and_no_other() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = gateway(&server.url(), "").await;
    let mut other = Client::connect(&weir, &h2::client::Builder::new()).await;
    let mut hostile = Client::connect(&weir, &h2::client::Builder::new()).await;
    let host = hostile.host.clone();
    let mut ended = None;
    for id in 0..100_000 {
        let Ok(mut send) = hostile.send.clone().ready().await else { break };
        let post = call(&id.to_string(), "silent", "{}");
        let Ok((response, mut stream)) = send.send_request(post.h2_head(&host), false) else { break };
        let _ = stream.send_data(Bytes::copy_from_slice(post.text()), true);
        // Let it arrive, so that it costs something.
        tokio::task::yield_now().await;
        stream.send_reset(Reason::CANCEL);
        drop(response);
        if hostile.driven.is_finished() {
            ended = Some(within("its end", &mut hostile.driven).await.expect("no panic"));
            break;
        }
    }
    let ended = match ended {
        Some(ended) => ended,
        None => within("its end", hostile.driven).await.expect("no panic"),
    };
    let error = ended.expect_err("it was told why");
    assert!(error.is_io() || error.reason() == Some(Reason::ENHANCE_YOUR_CALM), "{error}");
    assert_eq!(other.ask(&call("1", "echo", "{}")).await.1, result("1", EMPTY));
    server.open(1).await;
}

/// One frame: kind, flags, stream, payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn memory_stays_below_twenty_bytes_a_byte_received() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = gateway(&server.url(), "").await;
    // What is made once has been made.
    Client::connect(&weir, &h2::client::Builder::new()).await.ask(&call("1", "echo", "{}")).await;
    let before = weir.resident();
    let (mut received, mut stalled) = (0, Vec::new());
    // 400 fields, a byte each: references to one that the first head has put into the table.
    for (length, ends) in [(1, false), (4000, true)] {
        let mut first = vec![0x83, 0x86, 0x84, 0x41, 9];
        first.extend(b"localhost\x40\x01a");
        first.extend(if ends { &[0x7f, 0xa1, 0x1e][..] } else { &[1] });
        first.extend(vec![b'b'; length]);
        let mut later = vec![0x83, 0x86, 0x84, 0xbf];
        later.extend([0xbe; 400]);
        for _ in 0..10 {
            let mut socket = TcpStream::connect(weir.address()).await.expect("the gateway listens");
            let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            // No window for any answer.
            bytes.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
            bytes.extend(frame(1, 4, 1, &first));
            (1..100).for_each(|number| bytes.extend(frame(1, 4, 1 + 2 * number, &later)));
            bytes.extend(frame(6, 0, 0, b"all read"));
            socket.write_all(&bytes).await.expect("it takes all");
            received += bytes.len();
            stalled.push((socket, ends));
        }
    }
    for (socket, ends) in &mut stalled {
        let (mut came, mut over) = (Vec::new(), false);
        let mut buffer = [0; 4096];
        while !over && !came.windows(8).any(|window| window == b"all read") {
            let read = within("the answer to a ping", socket.read(&mut buffer)).await.unwrap_or(0);
            came.extend_from_slice(&buffer[..read]);
            over = read == 0;
        }
        assert_eq!(over, *ends, "a head that is far too large ends its connection, another its stream");
    }
    let grown = weir.resident().saturating_sub(before) * 1024;
    eprintln!("{received} bytes received, {grown} bytes more");
    assert!(grown < 20 * received, "{grown} bytes for {received}");
}

#[tokio::test]
async fn node_speaks_to_it() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let weir = gateway(&server.url(), "").await;
    let lines = node_lines("http2.mjs", &[&weir.url()], false).await;
    assert_eq!(lines, NODE_SAYS);
}

#[tokio::test]
async fn what_is_no_http2_is_closed() {
    only_through_weir!();
    let weir = gateway(&Scripted::nobody().await, "head_timeout = \"1s\"").await;
    for begun in ["GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM", ""] {
        let mut socket = TcpStream::connect(weir.address()).await.expect("the gateway listens");
        socket.write_all(begun.as_bytes()).await.expect("it takes all");
        let mut came = Vec::new();
        let _ = within("its end", socket.read_to_end(&mut came)).await;
    }
    let mut client = Client::connect(&weir, &h2::client::Builder::new()).await;
    assert_eq!(client.ask(&call("1", "echo", "{}")).await.0, 503);
}

#[tokio::test]
async fn a_server_that_offers_it_is_asked_over_one_connection() {
    only_through_weir!();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    std::fs::write(&key, own.signing_key.serialize_pem()).expect("a temporary directory can be written");
    std::fs::write(&certificate, own.cert.pem()).expect("a temporary directory can be written");
    let mut server = Process::start("http2-server", node("http2-server.mjs").args([&key, &certificate]));
    let port = server.line_after("listening ").await;
    let text = format!(
        "[listen]\ncores = 1\n[[servers]]\nname = \"files\"\nendpoints = [\"https://localhost:{port}/mcp\"]\n\
         tls = {{ ca = {certificate:?} }}\n"
    );
    let weir = Gateway::config(&text).start().await;
    let said = |id: &str, name: &str| {
        let said = format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":"{name} 1"}}]}}"#);
        result(id, &said)
    };
    assert_eq!(weir.client().await.ask(&call("0", "first", "{}")).await.text(), said("0", "first"));
    let mut clients = Vec::new();
    for id in 1..=50 {
        let mut client = weir.client().await;
        client.post(&call(&id.to_string(), if id % 2 == 0 { "stream" } else { "echo" }, "{}")).await;
        clients.push((client, id));
    }
    for (mut client, id) in clients {
        if id % 2 == 0 {
            assert_eq!(client.head().await.header("content-type"), Some("text/event-stream"));
            assert_eq!(client.message().await, Some(said(&id.to_string(), "stream")));
            assert_eq!(client.message().await, None);
        } else {
            assert_eq!(client.answer().await.text(), said(&id.to_string(), "echo"));
        }
    }
    // What it refuses it has not processed: it is asked again, over another connection.
    let again = weir.client().await.ask(&call("51", "refused", "{}")).await;
    assert!(again.status() == 200 && again.text().contains("refused"), "{again:?}");
    weir.stop().await;
}
