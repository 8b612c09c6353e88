//! HTTP/2 over real sockets: h2's own client where it behaves, frames by hand where it does not.

mod hostile;
mod streams;

use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::Version;

use super::super::serve_http2;
use super::*;

/// The server's side of a connection.
struct Told {
    script: Rc<Script>,
    pieces: mpsc::Sender<Piece>,
    drain: Rc<Drain>,
    /// Whether the connection was to be cut.
    served: JoinHandle<bool>,
}

impl Told {
    fn ends(&self) -> Vec<End> {
        self.script.ends.borrow().clone()
    }
}

/// Runs a story over one connection of which nothing has been said.
async fn tell_raw<F: Future<Output = ()>>(limits: Limits, story: impl FnOnce(TcpStream, Told) -> F) {
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
            let (stream, remote) = listener.accept().await.unwrap();
            let peer = Peer::new(remote.into(), stream.local_addr().ok());
            let (handler, draining) = (Rc::clone(&script), Rc::clone(&drain));
            let served =
                spawn_local(async move { serve_http2(stream, peer, &limits, &handler, &draining).await.is_some() });
            story(client, Told { script, pieces, drain, served }).await;
        })
        .await;
}

/// The same with a client that behaves.
async fn tell_h2<F: Future<Output = ()>>(limits: Limits, story: impl FnOnce(Client, Told) -> F) {
    tell_raw(limits, |client, told| async move {
        story(Client::over(client, &h2::client::Builder::new()).await, told).await;
    })
    .await;
}

/// A client, and the task that drives its connection.
struct Client {
    send: SendRequest<Bytes>,
    driven: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    async fn over(socket: TcpStream, builder: &h2::client::Builder) -> Self {
        let (send, connection) = builder.handshake(socket).await.unwrap();
        let driven = spawn_local(connection);
        Self { send: send.ready().await.unwrap(), driven }
    }

    /// Asks, and waits for the head of the answer.
    async fn ask(&mut self, method: &str, path: &str, body: Option<&str>) -> Result<Answer, h2::Error> {
        self.begin(method, path, body).await.await.map(Answer::of)
    }

    async fn begin(&mut self, method: &str, path: &str, body: Option<&str>) -> h2::client::ResponseFuture {
        let request = Request::builder().method(method).uri(format!("http://a{path}")).version(Version::HTTP_2);
        let (response, mut stream) = self.send.send_request(request.body(()).unwrap(), body.is_none()).unwrap();
        if let Some(body) = body {
            stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true).unwrap();
        }
        self.send = self.send.clone().ready().await.unwrap();
        response
    }
}

#[derive(Debug)]
struct Answer {
    head: response::Parts,
    body: RecvStream,
}

impl Answer {
    fn of(response: Response<RecvStream>) -> Self {
        let (head, body) = response.into_parts();
        Self { head, body }
    }

    async fn piece(&mut self) -> Option<Result<String, h2::Error>> {
        let data = self.body.data().await?;
        Some(data.map(|data| {
            self.body.flow_control().release_capacity(data.len()).unwrap();
            String::from_utf8(data.to_vec()).unwrap()
        }))
    }

    async fn text(mut self) -> Result<String, h2::Error> {
        let mut text = String::new();
        while let Some(piece) = self.piece().await {
            text.push_str(&piece?);
        }
        Ok(text)
    }
}

/// Waits until `holds`, letting the connection's task run; the runtime has nothing else to do.
async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_are_answered_whole_and_one_connection_carries_many() {
    tell_h2(patient(), |mut client, told| async move {
        let answer = client.ask("POST", "/whole", Some("hello")).await.unwrap();
        assert_eq!((answer.head.status, answer.head.version), (StatusCode::OK, Version::HTTP_2));
        assert_eq!(answer.head.headers["content-length"], "25");
        assert_eq!(answer.text().await.unwrap(), "POST http://a/whole hello");
        let waiting = client.begin("POST", "/wait", Some("x")).await;
        for number in 0..50 {
            let body = number.to_string();
            let answer = client.ask("POST", "/whole", Some(&body)).await.unwrap();
            assert_eq!(answer.text().await.unwrap(), format!("POST http://a/whole {body}"));
        }
        told.script.go.notify_one();
        assert_eq!(Answer::of(waiting.await.unwrap()).text().await.unwrap(), "POST http://a/wait x");
        drop(client.send);
        client.driven.await.unwrap().unwrap();
        assert!(!told.served.await.unwrap());
        assert_eq!((told.drain.open(), told.script.dropped.get()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_a_body_ends_with_its_head() {
    tell_h2(patient(), |mut client, told| async move {
        for (method, path) in [("HEAD", "/whole"), ("GET", "/bare?no-content"), ("HEAD", "/bare?7")] {
            let answer = client.ask(method, path, None).await.unwrap();
            assert!(answer.body.is_end_stream(), "{method} {path}");
            assert_eq!(answer.head.headers.contains_key("content-length"), method == "HEAD", "{path}");
        }
        assert_eq!(told.ends(), [End::Complete, End::Complete]);
    })
    .await;
}

#[tokio::test]
async fn a_large_answer_and_a_large_body_pass_by_their_windows() {
    tell_h2(patient(), |mut client, _told| async move {
        let mut answer = client.ask("GET", "/huge", None).await.unwrap();
        let mut came = 0;
        while let Some(piece) = answer.piece().await {
            came += piece.unwrap().len();
        }
        assert_eq!(came, HUGE);
        let body = "x".repeat(900_000);
        let answer = client.ask("POST", "/whole", Some(&body)).await.unwrap();
        assert_eq!(answer.text().await.unwrap().len(), "POST http://a/whole ".len() + body.len());
    })
    .await;
}

#[tokio::test]
async fn what_the_guard_refuses_is_that_streams_alone() {
    tell_h2(patient(), |mut client, told| async move {
        let refused = client.ask("GET", "/whole", Some("x")).await.unwrap();
        assert_eq!(refused.head.status, StatusCode::BAD_REQUEST);
        let mut request = Request::builder().method("GET").uri("http://a/whole").version(Version::HTTP_2);
        for number in 0..65 {
            request = request.header(format!("x-{number}"), "");
        }
        let (response, _) = client.send.send_request(request.body(()).unwrap(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        let request = Request::builder().uri("http://a/whole").header("x", "y".repeat(9000)).version(Version::HTTP_2);
        let (response, _) = client.send.send_request(request.body(()).unwrap(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert_eq!(told.script.dropped.get(), 0, "no handler has seen them");
        assert_eq!(client.ask("GET", "/whole", None).await.unwrap().head.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_body_that_nobody_announced_is_one_once_it_has_a_byte() {
    let limits = Limits { head_timeout: Duration::from_millis(200), ..patient() };
    tell_h2(limits, |mut client, told| async move {
        for (follows, status) in [("", StatusCode::OK), ("x", StatusCode::BAD_REQUEST)] {
            let request = Request::delete("http://a/whole").version(Version::HTTP_2).body(()).unwrap();
            let (response, mut stream) = client.send.send_request(request, false).unwrap();
            client.send = client.send.clone().ready().await.unwrap();
            // The head arrives alone.
            until(|| told.drain.open() == 2).await;
            stream.send_data(Bytes::new(), false).unwrap();
            stream.send_data(Bytes::from(follows), true).unwrap();
            assert_eq!(response.await.unwrap().status(), status, "{follows:?}");
        }
        // And one that never says.
        let request = Request::delete("http://a/whole").version(Version::HTTP_2).body(()).unwrap();
        let (response, _stream) = client.send.send_request(request, false).unwrap();
        assert_eq!(response.await.unwrap().status(), StatusCode::BAD_REQUEST);
    })
    .await;
}

#[tokio::test]
async fn bodies_have_their_time_and_their_memory() {
    let limits = Limits { body_grace: Duration::from_millis(50), body_rate: 1 << 20, ..patient() };
    tell_h2(limits, |mut client, _told| async move {
        let request = Request::post("http://a/whole").version(Version::HTTP_2).body(()).unwrap();
        let (response, _stream) = client.send.send_request(request, false).unwrap();
        assert_eq!(response.await.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(client.ask("GET", "/whole", None).await.unwrap().head.status, StatusCode::OK);
    })
    .await;
    let limits = Limits { memory: 1000, ..patient() };
    tell_h2(limits, |mut client, _told| async move {
        let request = || Request::post("http://a/whole").version(Version::HTTP_2).body(()).unwrap();
        let (first, mut stream) = client.send.send_request(request(), false).unwrap();
        stream.send_data(Bytes::from(vec![b'x'; 5000]), false).unwrap();
        let refused = client.ask("POST", "/whole", Some(&"y".repeat(5000))).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::REFUSED_STREAM));
        stream.send_data(Bytes::new(), true).unwrap();
        assert_eq!(first.await.unwrap().status(), StatusCode::OK);
    })
    .await;
}
