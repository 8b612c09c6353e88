//! The codec and the pool on real sockets, against servers that say exactly what a test has them say.
//!
//! A test holds both ends: what the server sends lies in the client's socket before the client is asked, so the
//! order of things is the test's and nothing has to be waited for by time.

mod answers;
mod beside_hyper;
mod breaking;
mod exchanges;
mod http2;
mod keeping;
mod secure;

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const HEAD: &str = "POST /mcp HTTP/1.1\r\nHost: h\r\n\r\n";

/// A server of which the test holds the accepting end.
struct Server {
    listener: TcpListener,
    endpoint: Endpoint,
}

impl Server {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let url = format!("http://{}/mcp", listener.local_addr().expect("it is bound"));
        let url = Endpoint::parse(&url).expect("a sound URL");
        let none = || Err("no TLS is asked for at http");
        let endpoint = Endpoint::new(url, none, Duration::from_secs(10)).expect("plain");
        Self { listener, endpoint }
    }

    /// A connection of `pool`, as its endpoint 0, and the server's end of it.
    async fn meet(&self, pool: &Pool) -> (Box<Connection>, Peer) {
        let connection = pool.connect(0, &self.endpoint).await.expect("the server listens");
        (connection, self.accept().await)
    }

    async fn accept(&self) -> Peer {
        let (socket, _) = self.listener.accept().await.expect("a connection waits");
        // Else the kernel may keep what the test has said until the client acknowledges what was said before.
        socket.set_nodelay(true).expect("a socket option");
        Peer { socket }
    }
}

/// The server's end of a connection.
struct Peer {
    socket: TcpStream,
}

impl Peer {
    /// Reads exactly `request`.
    async fn hear(&mut self, request: &[u8]) {
        let mut read = vec![0; request.len()];
        soon(self.socket.read_exact(&mut read)).await.expect("the request comes");
        assert!(read == request, "heard {}", read.escape_ascii());
    }

    async fn say(&mut self, answer: impl AsRef<[u8]>) {
        self.socket.write_all(answer.as_ref()).await.expect("the client listens");
    }
}

/// A pool, a connection of it on which a small POST was sent and heard, and the server's end.
async fn asked() -> (Pool, Box<Connection>, Peer) {
    let pool = Pool::new(1, 4);
    let (mut connection, mut peer) = Server::new().await.meet(&pool).await;
    ask(&mut connection, &mut peer).await;
    (pool, connection, peer)
}

async fn ask(connection: &mut Connection, peer: &mut Peer) {
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::from_static(b"{}"));
    soon(connection.flush()).await.expect("the server listens");
    peer.hear(format!("{HEAD}{{}}").as_bytes()).await;
}

/// Head and whole body.
async fn answer(connection: &mut Connection) -> Result<(ResponseHead, Bytes), Failure> {
    let head = soon(connection.head(&Method::POST)).await?;
    match soon(connection.whole(1 << 20)).await? {
        Collected::Whole(body) => Ok((head, body)),
        Collected::Longer(_) => panic!("a test's body is not that long"),
    }
}

/// Polls once and drops the future, as a `select!` does whose other arm was ready.
async fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Awaits what needs no waiting, so that a defect is a failure and not a test without end.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it came to no end")
}

/// Asks until it is so: for what the kernel has yet to deliver, while the runtime must not look.
fn until(mut it_is_so: impl FnMut() -> bool) {
    assert!((0..2_000_000).any(|_| it_is_so()), "it never came to be so");
}
