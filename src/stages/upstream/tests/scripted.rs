//! A server of which the test holds the accepting end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::net::upstream::Endpoint;

/// Runs a test on a core of its own. One that hangs fails.
pub(crate) fn local(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bounded = async { tokio::time::timeout(Duration::from_secs(30), test).await.expect("the test hangs") };
    LocalSet::new().block_on(&runtime, bounded);
}

/// Polls once and drops the future, as a `select!` does whose other arm was ready.
pub(crate) async fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Lets the other tasks go on until something holds.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback") }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.listener.local_addr().expect("it is bound"))
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let url = Endpoint::parse(&self.url()).expect("a sound URL");
        Endpoint::new(url, || Err("no TLS is asked for at http"), Duration::from_secs(10)).expect("plain")
    }

    pub(crate) async fn accept(&self) -> Peer {
        let (socket, _) = self.listener.accept().await.expect("a connection waits");
        // Else the kernel may keep what the test has said until the client acknowledges what was said before.
        socket.set_nodelay(true).expect("a socket option");
        Peer { socket, read: Vec::new() }
    }

    /// Whether nobody waits to be accepted. The runtime has looked at all sockets by then.
    pub(crate) async fn is_alone(&self) -> bool {
        let ours = TcpStream::connect(self.listener.local_addr().expect("it is bound")).await.expect("it listens");
        let (_, from) = self.listener.accept().await.expect("a connection waits");
        from == ours.local_addr().expect("it is connected")
    }
}

/// The server's end of a connection.
pub(crate) struct Peer {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    /// Reads a whole request: its head, line by line, and its body.
    pub(crate) async fn hear(&mut self) -> (String, Vec<u8>) {
        loop {
            let head = self.read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            if let Some(end) = head {
                let head = String::from_utf8(self.read[..end].to_vec()).expect("a head of ASCII");
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
                let whole = end + length.parse::<usize>().expect("a length");
                if self.read.len() >= whole {
                    let body = self.read[end..whole].to_vec();
                    self.read.drain(..whole);
                    return (head, body);
                }
            }
            let more = self.socket.read_buf(&mut self.read).await.expect("the request comes");
            assert!(more > 0, "the client closed in the middle of its request");
        }
    }

    pub(crate) async fn say(&mut self, answer: impl AsRef<[u8]>) {
        self.socket.write_all(answer.as_ref()).await.expect("the client listens");
    }

    /// Returns when the client has closed the connection.
    pub(crate) async fn closed(&mut self) {
        let mut bytes = [0; 4096];
        while self.socket.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    }
}
