//! Beginnings and ends: plain HTTP where TLS is spoken, and goodbyes, said or left out.

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Authority, EMPTY, LATER, answered, config, ended, metrics, server, session, start};
use crate::http2;
use crate::support::{self, Gateway, Scripted, call, only_through_weir, result, until, within};

#[tokio::test]
async fn who_speaks_plain_http_is_told_and_who_is_silent_is_not_waited_for() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let text = config(&format!("tls = {}\n[http]\nhead_timeout = \"200ms\"", authority.tls("weir")), &server);
    let weir = Gateway::config(&text).listening_by_file().start().await;
    let mut plain = weir.client().await;
    let told = plain.ask(&call("1", "echo", "{}")).await;
    assert_eq!((told.status(), told.text()), (400, "This port speaks TLS: the URL has to begin with https\n"));
    plain.closed().await;
    // Whoever runs it is told as well, without asking for more.
    until("a line in the log", async || weir.said().contains("it speaks plain HTTP where TLS is awaited")).await;
    // Neither the silent one, nor one that stops within its hello, holds up the next.
    let silent = weir.client().await;
    let mut slow = weir.client().await;
    slow.bytes(&[22, 3, 1, 2, 0, 1]).await;
    assert!(answered(&weir, &authority.client(None)).await);
    silent.closed().await;
    slow.closed().await;
    let mut junk = weir.client().await;
    junk.bytes(&[0; 64]).await;
    junk.closed().await;
    until("all of it is counted", async || {
        let page = metrics(&weir).await;
        page.contains("weir_connections_turned_away_total{why=\"tls\"} 4")
            && page.contains("weir_certificate_days{file=")
    })
    .await;
    weir.stop().await;
}

#[tokio::test]
async fn a_close_is_told_before_the_connection_ends() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let weir = start(&format!("tls = {}", authority.tls("weir")), &server).await;
    for ask in [call("1", "echo", "{}").header("Connection", "close"), call("1", "echo", "{}").header("Host", "x y")] {
        let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
        stream.write_all(&ask.bytes(&weir.address().to_string())).await.expect("it is open");
        let mut all = Vec::new();
        // Without close_notify rustls calls the end unexpected.
        within("the end", stream.read_to_end(&mut all)).await.expect("a regular end");
        assert!(all.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&all));
    }
    // A client that says goodbye is gone.
    let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
    stream.shutdown().await.expect("it is open");
    assert_eq!(within("the end", stream.read(&mut [0])).await.expect("a regular end"), 0);
    weir.stop().await;
}

/// How a client leaves.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    /// `close_notify`, and the connection stays.
    Properly,
    /// The connection ends, and TLS says nothing.
    Silently,
    ByReset,
}

impl Leaves {
    /// What is left has to be held: dropped, it would end the connection.
    async fn of(self, mut stream: TlsStream<TcpStream>) -> Option<TlsStream<TcpStream>> {
        match self {
            Self::Properly => {
                stream.get_mut().1.send_close_notify();
                stream.flush().await.expect("it is open");
                Some(stream)
            }
            Self::Silently => {
                stream.get_mut().0.shutdown().await.expect("it is open");
                Some(stream)
            }
            Self::ByReset => {
                SockRef::from(stream.get_ref().0).set_linger(Some(std::time::Duration::ZERO)).expect("a socket");
                None
            }
        }
    }
}

#[tokio::test]
async fn whoever_leaves_leaves_the_server_with_a_goodbye_or_without() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = Scripted::start(http2::by_name).await;
    let weir = start(&format!("tls = {}", authority.tls("weir")), &server).await;
    let host = weir.address().to_string();
    for leaves in [Leaves::Properly, Leaves::Silently, Leaves::ByReset] {
        // A call that is answered never.
        let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
        stream.write_all(&call("1", "silent", "{}").bytes(&host)).await.expect("it is open");
        server.request().await;
        let held = leaves.of(stream).await;
        server.open(0).await;
        drop(held);
        // A request that breaks off, where all of the length that it names could still come.
        let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
        let whole = call("2", "echo", "{}").bytes(&host);
        stream.write_all(&whole[..whole.len() - 1]).await.expect("it is open");
        let held = leaves.of(stream).await;
        if let Some(mut stream) = held {
            ended(&mut stream).await;
        }
    }
    let said = support::Client::over(session(&weir, &authority.client(None), "localhost").await.expect("trust"), &host)
        .ask(&call("3", "echo", "{}"))
        .await;
    assert_eq!(said.text(), result("3", EMPTY));
    let seen: Vec<_> = server.waiting().iter().map(support::Request::id).collect();
    assert_eq!(seen, ["3"], "what broke off was passed on");
    weir.stop().await;
}

#[tokio::test]
async fn keys_change_while_requests_go_on_and_for_nothing_they_do_not() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let weir = start(&format!("tls = {}", authority.tls("weir")), &server).await;
    let host = weir.address().to_string();
    let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
    for _ in 0..50 {
        // New keys both ways, and under those a request.
        stream.get_mut().1.refresh_traffic_keys().expect("TLS 1.3 has been agreed on");
        stream.write_all(&call("1", "echo", "{}").bytes(&host)).await.expect("it is open");
        let (mut came, mut buffer) = (Vec::new(), [0; 4096]);
        while !came.ends_with(result("1", EMPTY).as_bytes()) {
            let read = within("an answer", stream.read(&mut buffer)).await.expect("a sound session");
            assert!(read > 0, "{}", String::from_utf8_lossy(&came));
            came.extend_from_slice(&buffer[..read]);
        }
    }
    // The same without requests: each costs us a key, and an answer that is never read.
    let (socket, session) = stream.get_mut();
    let mut flood = Vec::new();
    for _ in 0..10_000 {
        session.refresh_traffic_keys().expect("TLS 1.3 has been agreed on");
        while session.wants_write() {
            session.write_tls(&mut flood).expect("a Vec takes all");
        }
    }
    // It may end before it has taken all.
    let _ = within("an end", socket.write_all(&flood)).await;
    ended(socket).await;
    assert!(answered(&weir, &authority.client(None)).await);
    weir.stop().await;
}
