//! Clients that stop half-way, take nothing, or say far too much: each is bounded in time, in number and in memory.

use std::any::Any;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Authority, EMPTY, LATER, answered, ended, hello, metrics, server, session, start};
use crate::http2;
use crate::support::{self, Gateway, Scripted, call, only_through_weir, result, until, within};

async fn gateway(http: &str, server: &Scripted) -> (Authority, Gateway) {
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let weir = start(&format!("tls = {}\n[http]\n{http}", authority.tls("weir")), server).await;
    (authority, weir)
}

async fn connected(weir: &Gateway, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(weir.address()).await.expect("the gateway listens");
    stream.write_all(bytes).await.expect("it takes all");
    stream
}

#[tokio::test]
async fn handshakes_that_stall_are_bounded_in_number_and_in_time() {
    only_through_weir!();
    let server = server().await;
    let (authority, weir) = gateway("head_timeout = \"1s\"\nconnections_per_address = 8", &server).await;
    let hello = hello(&authority.client(None));
    let mut stalled = Vec::new();
    for sent in [0, 1, 5, 9, hello.len() / 2, hello.len() - 1, hello.len()] {
        stalled.push(connected(&weir, &hello[..sent]).await);
    }
    // One that lets a byte come now and then has no more time than the others.
    let drips = tokio::spawn({
        let (mut stream, hello) = (connected(&weir, b"").await, hello.clone());
        async move {
            for byte in hello.chunks(1).cycle() {
                if stream.write_all(byte).await.is_err() {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    });
    let refused = within("a refusal", connected(&weir, b"").await.read(&mut [0])).await;
    assert!(!matches!(refused, Ok(1..)), "nothing is said to a ninth");
    for mut stream in stalled {
        ended(&mut stream).await;
    }
    within("the end of the drops", drips).await.expect("no panic");
    until("there is room again", async || answered(&weir, &authority.client(None)).await).await;
    until("all of it is counted", async || {
        let page = metrics(&weir).await;
        page.contains("weir_connections_turned_away_total{why=\"tls\"} 8")
            && page.contains("weir_connections_turned_away_total{why=\"limit\"}")
    })
    .await;
    weir.stop().await;
}

/// Lets through one byte at a time.
struct Crumbs(TcpStream);

impl AsyncRead for Crumbs {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl AsyncWrite for Crumbs {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_hello_may_be_long_or_come_in_crumbs_and_may_not_be_endless() {
    only_through_weir!();
    let server = server().await;
    let (authority, weir) = gateway("", &server).await;
    // 20 kB of protocols that nobody speaks before the one that we do.
    let mut long: Vec<_> = (0..1000).map(|number| format!("nobody/speaks/{number:05}")).collect();
    long.push("http/1.1".into());
    let long: Vec<_> = long.iter().map(String::as_str).collect();
    let mut tiny = (*authority.offering(&["http/1.1"])).clone();
    tiny.max_fragment_size = Some(32);
    for (what, config) in [("long", authority.offering(&long)), ("in tiny records", Arc::new(tiny))] {
        let stream = Crumbs(connected(&weir, b"").await);
        stream.0.set_nodelay(true).expect("a connected socket takes TCP_NODELAY");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = within("a handshake", TlsConnector::from(config).connect(name, stream)).await.expect(what);
        let mut client = support::Client::over(stream, &weir.address().to_string());
        assert_eq!(client.ask(&call("1", "echo", "{}")).await.text(), result("1", EMPTY), "{what}");
    }
    // Hellos that say of themselves that they are far too long, one that goes on and on, and what is none.
    let record =
        |kind: u8, payload: &[u8]| [&[kind, 3, 1][..], &(payload.len() as u16).to_be_bytes(), payload].concat();
    let endless = [&record(22, &[1, 0, 0xff, 0xff])[..], &record(22, &[0; 16_000]).repeat(8)].concat();
    for (what, bytes) in [
        ("16 MB", record(22, &[1, 0xff, 0xff, 0xff])),
        ("64 kB and more", record(22, &[1, 1, 0, 0])),
        ("endless", endless),
        ("a record that is too long", [&[22, 3, 1, 0xff, 0xff][..], &[0; 70_000]].concat()),
        ("data before any key", record(23, b"GET / HTTP/1.1\r\n\r\n")),
        ("empty records", record(22, &[]).repeat(10_000)),
        ("a heartbeat", record(24, &[1, 0x40, 0])),
        ("alerts", record(21, &[1, 90]).repeat(1000)),
    ] {
        let mut stream = connected(&weir, b"").await;
        // It may end before it has taken all.
        let _ = within(what, stream.write_all(&bytes)).await;
        let said = ended(&mut stream).await;
        assert!(said.is_empty() || said[0] == 21, "{what}: nothing but an alert: {said:?}");
    }
    assert!(answered(&weir, &authority.client(None)).await);
    weir.stop().await;
}

/// What `bytes` become on the wire.
fn sealed(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> Vec<u8> {
    let session = stream.get_mut().1;
    session.writer().write_all(bytes).expect("there is room");
    let mut sealed = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut sealed).expect("a Vec takes all");
    }
    sealed
}

#[tokio::test]
async fn half_a_record_is_waited_for_as_long_as_what_is_in_it() {
    only_through_weir!();
    let server = server().await;
    let (authority, weir) = gateway("head_timeout = \"300ms\"\nidle = \"600ms\"", &server).await;
    let whole = call("1", "echo", "{}").bytes(&weir.address().to_string());
    // Of a request in one record only half arrives: nothing of it can be read, and so nothing has begun.
    let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
    let record = sealed(&mut stream, &whole);
    stream.get_mut().0.write_all(&record[..record.len() / 2]).await.expect("it takes all");
    assert_eq!(ended(&mut stream).await, b"");
    // A head in one record, and the rest of it in half another: what has begun has to end.
    let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
    let record = sealed(&mut stream, &whole[..20]);
    let rest = sealed(&mut stream, &whole[20..]);
    stream.get_mut().0.write_all(&record).await.expect("it takes all");
    stream.get_mut().0.write_all(&rest[..rest.len() / 2]).await.expect("it takes all");
    let told = ended(&mut stream).await;
    assert!(told.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&told));
    // HTTP/2, where half of its preface has come.
    let mut stream = session(&weir, &authority.offering(&["h2"]), "localhost").await.expect("trust");
    let record = sealed(&mut stream, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    stream.get_mut().0.write_all(&record[..record.len() - 1]).await.expect("it takes all");
    ended(&mut stream).await;
    assert!(server.waiting().is_empty(), "nothing of it was passed on");
    assert!(answered(&weir, &authority.client(None)).await);
    weir.stop().await;
}

/// A session whose client has hardly any room for what comes.
async fn narrow(weir: &Gateway, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket takes SO_RCVBUF");
    let stream = socket.connect(weir.address()).await.expect("the gateway listens");
    let name = ServerName::try_from("localhost").expect("a name");
    within("a handshake", TlsConnector::from(Arc::clone(config)).connect(name, stream)).await.expect("trust")
}

/// One that asks for what has no end, in either version, and reads nothing of it. What has to be held.
async fn unread(weir: &Gateway, authority: &Authority, http2: bool) -> Box<dyn Any> {
    let flood = call("1", "flood", "{}");
    if !http2 {
        let mut stream = narrow(weir, &authority.client(None)).await;
        stream.write_all(&flood.bytes(&weir.address().to_string())).await.expect("it takes all");
        return Box::new(stream);
    }
    // Here, too, it is the socket that is full, and not a window.
    let mut windows = h2::client::Builder::new();
    windows.initial_window_size(1 << 30).initial_connection_window_size(1 << 30);
    let mut stream = narrow(weir, &authority.offering(&["h2"])).await;
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let mut client = http2::Client::over(far, weir, &windows).await;
    let answer = client.post(&flood).await;
    let mut said = Vec::new();
    while !said.ends_with(flood.text()) {
        near.read_buf(&mut said).await.expect("it speaks");
    }
    stream.write_all(&said).await.expect("it takes all");
    Box::new((stream, client, answer, near))
}

#[tokio::test]
async fn what_waits_for_a_client_that_does_not_read_is_bounded_and_then_cut() {
    only_through_weir!();
    const CLIENTS: usize = 24;
    let server = Scripted::start(http2::by_name).await;
    let (authority, weir) = gateway("write_stall = \"2s\"", &server).await;
    assert!(answered(&weir, &authority.client(None)).await);
    server.request().await;
    for http2 in [false, true] {
        let before = weir.resident();
        let mut held = Vec::new();
        for _ in 0..CLIENTS {
            held.push(unread(&weir, &authority, http2).await);
            server.request().await;
        }
        let mut most = 0;
        within("all of them are cut", async {
            loop {
                most = most.max(weir.resident());
                tokio::select! {
                    () = server.open(0) => return,
                    () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
                }
            }
        })
        .await;
        let each = most.saturating_sub(before) / CLIENTS;
        eprintln!("{each} KiB for each, HTTP/2: {http2}");
        // Most of it has been used and is free again; what is live is a tenth of that. Megabytes are on offer.
        assert!(each < 1024, "{each} KiB for each client that does not read, HTTP/2: {http2}");
    }
    assert!(answered(&weir, &authority.client(None)).await);
    weir.stop().await;
}
