//! Exchanges over TLS: the same promises, with a layer in between that buffers and ends in its own way.

use std::time::Instant;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;
use crate::net::tls::tests::{Authority, BOTH};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A TLS server on loopback.
struct Secure {
    server: Server,
    acceptor: TlsAcceptor,
    pool: Pool,
}

impl Secure {
    async fn new() -> Self {
        let authority = Authority::new();
        let acceptor = authority.server(&authority.issue("127.0.0.1"), false, BOTH);
        let mut server = Server::new().await;
        server.endpoint.tls = Some(authority.client());
        Self { server, acceptor, pool: Pool::new(1, 4) }
    }

    /// A connection on which a small POST was sent and heard, and the server's end.
    async fn asked(&self) -> (Box<Connection>, TlsStream<TcpStream>) {
        let accept = async {
            let Peer { socket } = self.server.accept().await;
            self.acceptor.accept(socket).await.expect("a handshake")
        };
        let (connection, mut peer) = tokio::join!(self.pool.connect(0, &self.server.endpoint), accept);
        let mut connection = connection.expect("trust");
        assert!(!connection.sent_any());
        ask(&mut connection, &mut peer).await;
        (connection, peer)
    }
}

async fn ask(connection: &mut Connection, peer: &mut TlsStream<TcpStream>) {
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::from_static(b"{}"));
    assert!(!connection.sent_any());
    connection.flush().await.expect("the server listens");
    assert!(connection.sent_any());
    let mut read = vec![0; HEAD.len() + 2];
    peer.read_exact(&mut read).await.expect("the request comes");
    assert_eq!(read, format!("{HEAD}{{}}").as_bytes());
}

async fn say(peer: &mut TlsStream<TcpStream>, text: impl AsRef<[u8]>) {
    peer.write_all(text.as_ref()).await.expect("the client listens");
    peer.flush().await.expect("the client listens");
}

#[tokio::test]
async fn an_exchange_over_tls_is_kept_and_reused() {
    let secure = Secure::new().await;
    let (mut connection, mut peer) = secure.asked().await;
    for _ in 0..3 {
        say(&mut peer, OK).await;
        assert_eq!(answer(&mut connection).await.expect("an answer").1, "ok");
        secure.pool.give_back(connection);
        connection = secure.pool.take_at(0, Instant::now() + Duration::from_secs(1)).expect("it was kept");
        ask(&mut connection, &mut peer).await;
    }
}

#[tokio::test]
async fn records_that_came_together_leave_together() {
    let secure = Secure::new().await;
    let (mut connection, mut peer) = secure.asked().await;
    say(&mut peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    connection.head(&Method::POST).await.expect("a head");
    for part in ["3\r\none\r\n", "3\r\ntwo\r\n", "5\r\nthree\r\n0\r\n\r\n"] {
        say(&mut peer, part).await;
    }
    let mut pieces = Vec::new();
    while let Some(piece) = connection.chunk().await.expect("a piece") {
        pieces.push(piece);
    }
    assert_eq!(pieces, ["onetwothree"]);
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let secure = Secure::new().await;
    let (mut connection, mut peer) = secure.asked().await;
    say(&mut peer, OK).await;
    answer(&mut connection).await.expect("an answer");
    let body: Bytes = (0..1_000_000_u32).map(|n| n as u8).collect();
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), body.clone());
    let server = async {
        let mut read = vec![0; HEAD.len() + body.len()];
        peer.read_exact(&mut read).await.expect("the request comes");
        assert!(read[HEAD.len()..] == body[..]);
        say(&mut peer, format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())).await;
        say(&mut peer, &body).await;
    };
    let (answer, ()) = tokio::join!(answer(&mut connection), server);
    assert!(answer.expect("an answer").1 == body);
    secure.pool.give_back(connection);
    assert_eq!(secure.pool.idle(), 1);
}

#[tokio::test]
async fn what_comes_after_the_answer_is_noticed_in_whatever_layer_it_waits() {
    // Decrypted already, or with an orderly end behind it: not kept at all.
    let secure = Secure::new().await;
    for end in [false, true] {
        let (mut connection, mut peer) = secure.asked().await;
        say(&mut peer, OK).await;
        if end {
            peer.shutdown().await.expect("it is open");
        } else {
            say(&mut peer, "surplus").await;
        }
        soon(connection.heard()).await;
        answer(&mut connection).await.expect("an answer");
        secure.pool.give_back(connection);
        assert_eq!(secure.pool.idle(), 0);
    }
    // Still in the socket: stale.
    let (mut connection, mut peer) = secure.asked().await;
    say(&mut peer, OK).await;
    answer(&mut connection).await.expect("an answer");
    secure.pool.give_back(connection);
    assert_eq!(secure.pool.idle(), 1);
    peer.shutdown().await.expect("it is open");
    let now = Instant::now();
    until(|| {
        let taken = secure.pool.take_at(0, now + Duration::from_secs(1));
        taken.map(|connection| secure.pool.give_back_at(connection, now)).is_none()
    });
    assert_eq!(secure.pool.idle(), 0);
}

#[tokio::test]
async fn only_an_orderly_end_ends_a_body_until_closed() {
    let secure = Secure::new().await;
    let (mut connection, mut peer) = secure.asked().await;
    say(&mut peer, "HTTP/1.1 200 OK\r\n\r\nall of it").await;
    peer.shutdown().await.expect("it is open");
    assert_eq!(answer(&mut connection).await.expect("an answer").1, "all of it");

    // Whoever sits between may cut a connection, but cannot make half an answer look whole.
    let (mut connection, mut peer) = secure.asked().await;
    say(&mut peer, "HTTP/1.1 200 OK\r\n\r\nhalf of").await;
    drop(peer);
    connection.head(&Method::POST).await.expect("a head");
    loop {
        match connection.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a cut is no end"),
            Err(Failure::Reset { stage: Stage::Answering, .. }) => break,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(connection.chunk().await.is_err(), "and asking again does not make it whole");
    assert!(!connection.is_done());
}

#[tokio::test]
async fn a_handshake_that_fails_names_the_host_and_the_reason() {
    let mut secure = Secure::new().await;
    secure.server.endpoint.host = "localhost".to_owned();
    let accept = async {
        let Peer { socket } = secure.server.accept().await;
        secure.acceptor.accept(socket).await.map(drop)
    };
    let (connection, _) = tokio::join!(secure.pool.connect(0, &secure.server.endpoint), accept);
    let failure = connection.expect_err("the certificate bears another name");
    assert!(matches!(failure, Failure::Tls(_)) && failure.nothing_sent());
    let text = failure.to_string();
    assert!(text.contains("localhost") && text.contains("not valid for name"), "{text}");
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_is_given_up() {
    let mut secure = Secure::new().await;
    secure.server.endpoint.connect_timeout = Duration::from_millis(20);
    let failure = secure.pool.connect(0, &secure.server.endpoint).await.expect_err("it is silent");
    assert!(matches!(failure, Failure::ConnectTimeout) && failure.nothing_sent());
}

#[tokio::test]
async fn a_plain_server_is_no_tls_server() {
    let mut secure = Secure::new().await;
    secure.server.endpoint.connect_timeout = Duration::from_secs(10);
    let answer = async {
        let mut peer = secure.server.accept().await;
        peer.say("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer
    };
    let (connection, _peer) = tokio::join!(secure.pool.connect(0, &secure.server.endpoint), answer);
    assert!(matches!(connection, Err(Failure::Tls(_))));
}
