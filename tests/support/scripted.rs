//! An MCP server in this process that does exactly what a test tells it, byte for byte and step for step.
//!
//! A test gives it one async function for an exchange: it gets the request (with its exact bytes) and the connection,
//! and gives the connection back if it may serve another request. Waiting for a signal of the test, splitting bytes
//! anywhere, cutting, resetting: all of that is plain code in the function.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, value::RawValue};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, unbounded_channel},
    },
    task::{JoinHandle, JoinSet},
};

use super::{
    http::{Head, Wire},
    within,
};

pub(crate) struct Scripted {
    address: SocketAddr,
    requests: Mutex<UnboundedReceiver<Request>>,
    connections: Arc<Connections>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Connections {
    open: AtomicUsize,
    changed: Notify,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    /// Without the frames of chunks.
    pub(crate) body: Bytes,
}

/// A request, and the connection to answer it on.
pub(crate) struct Exchange {
    pub(crate) request: Request,
    wire: Wire,
}

/// The connection after an exchange: open for the next one, or gone.
pub(crate) struct After(Option<Wire>);

/// An event stream that has begun.
pub(crate) struct Stream {
    wire: Wire,
}

impl Scripted {
    pub(crate) async fn start<F, R>(serve: F) -> Self
    where
        F: Fn(Exchange) -> R + Send + Sync + 'static,
        R: Future<Output = After> + Send + 'static,
    {
        // The limit of the backlog is the kernel's: thousands may connect at once.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).and_then(|()| socket.listen(16_384)).expect("a free port on loopback");
        socket.set_nonblocking(true).expect("a socket can be non-blocking");
        let listener = TcpListener::from_std(socket.into()).expect("a listening socket");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (tell, requests) = unbounded_channel();
        let connections = Arc::new(Connections::default());
        let (serve, counted) = (Arc::new(serve), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            // They end with the server.
            let mut tasks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while tasks.try_join_next().is_some() {}
                let (serve, tell) = (Arc::clone(&serve), tell.clone());
                let open = Open::new(&counted);
                tasks.spawn(async move {
                    let _open = open;
                    let mut wire = Some(Wire::new(stream));
                    while let Some(exchange) = next_exchange(wire).await {
                        // Nobody has to look at the requests.
                        let _ = tell.send(exchange.request.clone());
                        wire = serve(exchange).await.0;
                    }
                });
            }
        });
        Self { address, requests: Mutex::new(requests), connections, task }
    }

    /// A server that answers every request with `answer`.
    pub(crate) async fn answering(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::start(move |exchange| {
            let text = answer(&exchange.request);
            exchange.json(text)
        })
        .await
    }

    /// An address where nobody listens.
    pub(crate) async fn nobody() -> String {
        let server = Self::answering(|_| String::new()).await;
        let url = server.url();
        server.stop().await;
        url
    }

    /// Closes the listener and every connection.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        // It was cancelled: that is what was asked for.
        let _ = (&mut self.task).await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The next request that has arrived here.
    pub(crate) async fn request(&self) -> Request {
        let next = std::future::poll_fn(|context| {
            self.requests.lock().expect("no panic while the lock is held").poll_recv(context)
        });
        within("a request at the server", next).await.expect("the server runs as long as it is held")
    }

    /// What has arrived and was not yet looked at.
    pub(crate) fn waiting(&self) -> Vec<Request> {
        let mut requests = self.requests.lock().expect("no panic while the lock is held");
        std::iter::from_fn(|| requests.try_recv().ok()).collect()
    }

    /// Waits until that many connections are open.
    pub(crate) async fn open(&self, wanted: usize) {
        let reached = async {
            loop {
                let changed = self.connections.changed.notified();
                if self.connections.open.load(Ordering::Relaxed) == wanted {
                    return;
                }
                changed.await;
            }
        };
        within(&format!("{wanted} open connections at the server"), reached).await;
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts a connection as long as it is open.
struct Open(Arc<Connections>);

impl Open {
    fn new(connections: &Arc<Connections>) -> Self {
        connections.open.fetch_add(1, Ordering::Relaxed);
        connections.changed.notify_waiters();
        Self(Arc::clone(connections))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

async fn next_exchange(wire: Option<Wire>) -> Option<Exchange> {
    let mut wire = wire?;
    let head = wire.head().await?;
    let body = wire.body(head.request_framing()).await.ok()?;
    Some(Exchange { request: Request { head, body }, wire })
}

impl Request {
    pub(crate) fn verb(&self) -> &str {
        &self.head.line[0]
    }

    pub(crate) fn path(&self) -> &str {
        &self.head.line[1]
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn method(&self) -> String {
        self.member("method").and_then(|method| serde_json::from_str(&method).ok()).unwrap_or_default()
    }

    /// The id as the client wrote it.
    pub(crate) fn id(&self) -> String {
        self.member("id").unwrap_or_else(|| "null".into())
    }

    /// A member of the message as JSON text; numbers no parser can hold do not hinder it.
    fn member(&self, name: &str) -> Option<String> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(&self.body).ok()?;
        members.get(name).map(|text| text.get().to_owned())
    }
}

impl After {
    /// The connection is closed.
    pub(crate) fn gone() -> Self {
        Self(None)
    }
}

impl Exchange {
    /// Sends exactly these bytes; the next request may follow.
    pub(crate) async fn bytes(mut self, bytes: impl AsRef<[u8]>) -> After {
        self.wire.write(bytes.as_ref()).await;
        After(Some(self.wire))
    }

    /// An answer with a status, headers (`"name: value\r\n"` each) and a body.
    pub(crate) async fn answer(self, status: &str, headers: &str, body: impl AsRef<[u8]>) -> After {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        self.bytes(bytes).await
    }

    /// A plain JSON answer.
    pub(crate) async fn json(self, body: impl AsRef<[u8]>) -> After {
        self.answer("200 OK", "Content-Type: application/json\r\n", body).await
    }

    /// 202, as for a notification.
    pub(crate) async fn accepted(self) -> After {
        self.answer("202 Accepted", "", "").await
    }

    /// Begins an event stream.
    pub(crate) async fn stream(self) -> Stream {
        self.stream_with("").await
    }

    /// Begins an event stream with further headers.
    pub(crate) async fn stream_with(mut self, headers: &str) -> Stream {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";
        self.wire.write(format!("{head}{headers}\r\n").as_bytes()).await;
        Stream { wire: self.wire }
    }

    /// Raw bytes before anything else; the exchange goes on.
    pub(crate) async fn some(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.write(bytes.as_ref()).await;
    }

    /// Waits until the other side has gone, without a word.
    pub(crate) async fn silence(mut self) -> After {
        self.wire.gone().await;
        After(None)
    }

    pub(crate) fn close(self) -> After {
        After::gone()
    }

    pub(crate) fn reset(self) -> After {
        reset(self.wire)
    }
}

impl Stream {
    /// One event with this data, in one chunk.
    pub(crate) async fn event(&mut self, data: &str) {
        self.send(format!("data: {data}\n\n")).await;
    }

    /// These bytes of the event stream, in one chunk. False once the other side has gone.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.wire.write(&chunk).await
    }

    /// The end of the body; the next request may follow.
    pub(crate) async fn end(mut self) -> After {
        self.wire.write(b"0\r\n\r\n").await;
        After(Some(self.wire))
    }

    /// Waits for `other`; `None` if the other side has gone first.
    pub(crate) async fn unless_gone<T>(&mut self, other: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.wire.gone() => None,
            value = other => Some(value),
        }
    }

    /// Waits until the other side has gone.
    pub(crate) async fn gone(mut self) -> After {
        self.wire.gone().await;
        After(None)
    }

    /// Closes the connection within the body.
    pub(crate) fn cut(self) -> After {
        After(None)
    }
}

/// Closes with a reset instead of a regular end.
fn reset(wire: Wire) -> After {
    let stream: &TcpStream = &wire.stream;
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket takes SO_LINGER");
    After(None)
}
