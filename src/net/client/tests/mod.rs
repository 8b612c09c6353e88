//! Connections over real sockets, with a handler that does as the path of a request says.

mod beginning;
mod http2;
mod pipelines;
mod slowness;
mod stopping;
mod streams;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, response};
use http_body::Body;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::{End, Fate, Handler, Limits, Next, Peer, Reply, RequestBody, Source, Stop, TurnedAway, scratch, serve};
use crate::net::drain::{Drain, Phase};
use crate::net::guard::HeadLimits;

/// Larger than all buffers of a loopback connection.
const HUGE: usize = 64 << 20;
const LONG: Duration = Duration::from_secs(3600);

/// Limits that no test meets by chance.
fn patient() -> Limits {
    Limits {
        head: HeadLimits::default(),
        head_timeout: LONG,
        body_rate: 1,
        body_grace: LONG,
        write_stall: LONG,
        idle: LONG,
        keepalive: LONG,
        streams: 100,
        memory: 1 << 20,
    }
}

/// What a stream does next.
enum Piece {
    Bytes(&'static str),
    Last(&'static str),
    Cut,
}

/// Answers by path: `/whole` reads the body and tells of the request; `/wait` does so once `go` is told, `/later` in a
/// few turns; `/early` answers without reading; `/huge` so with a huge answer; `/stream` sends what the test puts into
/// `pieces`; `/now` streams an answer that is all there. `/greedy` streams without reading the body. A query of
/// `endless`, `events` or a number (the length) shapes a stream.
struct Script {
    go: Notify,
    begun: Notify,
    pieces: RefCell<mpsc::Receiver<Piece>>,
    ends: RefCell<Vec<End>>,
    dropped: Cell<usize>,
    /// Who was turned away below the handler, as a handler that was dropped learns of it (true), and as the script does.
    turned_away: RefCell<Vec<(bool, TurnedAway)>>,
}

/// Counts handlers that were dropped before they answered.
struct Held<'a>(&'a Script, bool, Fate);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.dropped.set(self.0.dropped.get() + 1);
            self.0.turned_away.borrow_mut().extend(self.2.turned_away().map(|turned| (true, turned)));
            self.0.begun.notify_one();
        }
    }
}

struct Scripted {
    script: Rc<Script>,
    /// What is all there at once; else the pieces come from the test.
    now: Option<Vec<Piece>>,
    query: String,
}

impl Source for Scripted {
    async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        let piece = match &mut self.now {
            Some(pieces) => (!pieces.is_empty()).then(|| pieces.remove(0)),
            None => poll_fn(|cx| self.script.pieces.borrow_mut().poll_recv(cx)).await,
        };
        match piece {
            Some(Piece::Bytes(text)) => {
                out.extend_from_slice(text.as_bytes());
                Next::More
            }
            Some(Piece::Last(text)) => {
                out.extend_from_slice(text.as_bytes());
                Next::Last
            }
            Some(Piece::Cut) | None => Next::Cut,
        }
    }

    fn keepalive(&self) -> Option<&'static [u8]> {
        self.query.contains("events").then_some(b":\n\n")
    }

    fn is_endless(&self) -> bool {
        self.query.contains("endless")
    }

    fn stop(&mut self, out: &mut Vec<u8>) -> Stop {
        out.extend_from_slice(b"bye");
        if self.query.contains("cut") { Stop::Cut } else { Stop::Whole }
    }

    fn length(&self) -> Option<u64> {
        self.query.parse().ok()
    }

    fn finished(self, end: End) {
        self.script.ends.borrow_mut().push(end);
        self.script.begun.notify_one();
    }
}

impl Handler for Rc<Script> {
    type Stream = Scripted;

    async fn handle(&self, request: Request<RequestBody>, _: Peer, drain: &Drain) -> Reply<Scripted> {
        let (head, body) = request.into_parts();
        let mut held = Held(self, false, body.fate());
        let reply = match head.uri.path() {
            "/early" => whole(StatusCode::PAYLOAD_TOO_LARGE, "early".into()),
            "/huge" => whole(StatusCode::OK, Bytes::from(vec![b'x'; HUGE])),
            "/now" => self.stream(&head, Some(vec![Piece::Bytes("a"), Piece::Bytes(""), Piece::Last("b")])),
            "/bare" => self.stream(&head, Some(vec![Piece::Last("")])),
            "/greedy" => self.stream(&head, None),
            "/stream" => {
                self.begun.notify_one();
                read(body).await;
                self.stream(&head, None)
            }
            path => {
                self.begun.notify_one();
                if path == "/wait" {
                    let mut go = pin!(self.go.notified());
                    let over = poll_fn(|cx| match go.as_mut().poll(cx) {
                        Poll::Pending if drain.phase() == Phase::Cutting => Poll::Ready(true),
                        polled => polled.map(|()| false),
                    });
                    if over.await {
                        held.1 = true;
                        return whole(StatusCode::SERVICE_UNAVAILABLE, "over".into());
                    }
                }
                for _ in 0..if path == "/later" { 4 } else { 0 } {
                    tokio::task::yield_now().await;
                }
                let read = read(body).await;
                whole(StatusCode::OK, format!("{} {} {read}", head.method, head.uri).into())
            }
        };
        held.1 = true;
        reply
    }

    fn turned_away(&self, _: &Peer, turned: TurnedAway) {
        self.turned_away.borrow_mut().push((false, turned));
    }
}

impl Script {
    fn stream(self: &Rc<Self>, head: &http::request::Parts, now: Option<Vec<Piece>>) -> Reply<Scripted> {
        let (parts, ()) =
            Response::builder().header("x-a", "b").header("content-length", "7").body(()).unwrap().into_parts();
        let query = head.uri.query().unwrap_or_default().to_owned();
        Reply::Stream(with_status(parts, &query), Scripted { script: Rc::clone(self), now, query })
    }
}

fn with_status(mut parts: response::Parts, query: &str) -> response::Parts {
    if query == "no-content" {
        parts.status = StatusCode::NO_CONTENT;
    }
    parts
}

fn whole(status: StatusCode, body: Bytes) -> Reply<Scripted> {
    Reply::Whole(Response::builder().status(status).body(Full::new(body)).unwrap())
}

/// The body's text, or why there is none.
async fn read(mut body: RequestBody) -> String {
    let mut text = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => text.extend_from_slice(&data),
            Ok(Err(_trailers)) => {}
            Err(_) => return "(broken)".to_owned(),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A client, and the connection that serves it.
struct Both {
    client: TcpStream,
    script: Rc<Script>,
    pieces: mpsc::Sender<Piece>,
    drain: Rc<Drain>,
    served: JoinHandle<()>,
}

/// Runs a story over one connection.
async fn tell<F: Future<Output = ()>>(limits: Limits, story: impl FnOnce(Both) -> F) {
    tell_after(limits, |_, _| {}, story).await;
}

/// The same, with something that happens after the connection was made and before it is served.
async fn tell_after<F: Future<Output = ()>>(
    limits: Limits,
    before: impl FnOnce(&TcpStream, &Drain),
    story: impl FnOnce(Both) -> F,
) {
    LocalSet::new()
        .run_until(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            client.set_nodelay(true).unwrap();
            let (pieces, received) = mpsc::channel(64);
            let script = Rc::new(Script {
                go: Notify::new(),
                begun: Notify::new(),
                pieces: RefCell::new(received),
                ends: RefCell::default(),
                dropped: Cell::default(),
                turned_away: RefCell::default(),
            });
            let drain = Rc::new(Drain::default());
            before(&client, &drain);
            // Without a turn of the runtime between: it has not been told yet what came with the connection.
            let (stream, remote) = crate::net::listen::accepted_already(&listener).unwrap();
            let peer = Peer::new(remote.into(), stream.local_addr().ok());
            let (handler, draining) = (Rc::clone(&script), Rc::clone(&drain));
            let served = spawn_local(async move {
                serve(stream, peer, &limits, &handler, &draining, scratch()).await;
            });
            story(Both { client, script, pieces, drain, served }).await;
        })
        .await;
}

impl Both {
    async fn send(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until what came ends with `end`.
    async fn until(&mut self, end: &str) -> String {
        let mut came = Vec::new();
        while !came.ends_with(end.as_bytes()) {
            let byte = self.client.read_u8().await;
            came.push(byte.unwrap_or_else(|_| panic!("the end, after {:?}", String::from_utf8_lossy(&came))));
        }
        String::from_utf8(came).unwrap()
    }

    /// Reads to the end of the connection, which is no reset.
    async fn rest(&mut self) -> String {
        let mut came = Vec::new();
        self.client.read_to_end(&mut came).await.unwrap();
        String::from_utf8(came).unwrap()
    }

    async fn is_reset(&mut self) -> bool {
        let mut came = Vec::new();
        matches!(self.client.read_to_end(&mut came).await, Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset)
    }

    /// The statuses of those who were turned away, and whether a handler had them.
    fn turned_away(&self) -> Vec<(bool, u16)> {
        let told = self.script.turned_away.borrow();
        assert!(told.iter().all(|(_, turned)| !turned.why.is_empty()));
        told.iter().map(|(held, turned)| (*held, turned.status)).collect()
    }

    fn ends(&self) -> Vec<End> {
        self.script.ends.borrow().clone()
    }
}

/// A request without a body.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

/// A request with a body of known length.
fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// How often `needle` is in `text`.
fn count(text: &str, needle: &str) -> usize {
    text.matches(needle).count()
}
