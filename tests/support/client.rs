//! A client of raw bytes: it sends what it is told and shows what came back, byte for byte.

use std::net::SocketAddr;

use bytes::Bytes;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    http::{Cut, Framing, Head, Stream, Wire},
    messages::Post,
    sse::{Event, Parser},
    within,
};

pub(crate) struct Client {
    wire: Wire<Box<dyn Stream>>,
    /// What its requests say as `Host`.
    host: String,
    framing: Framing,
    events: Parser,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("an answer is UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// What stands under `error`: `(code, reason, accepted)`.
    pub(crate) fn refusal(&self) -> (i64, String, String) {
        let error = &self.json()["error"];
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let code = error["code"].as_i64().unwrap_or_else(|| panic!("no error: {self:?}"));
        (code, text(&error["data"]["reason"]), text(&error["data"]["accepted"]))
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap_or_else(|| panic!("{address} takes no connection"))
    }

    /// `None` if nobody listens there.
    pub(crate) async fn try_connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).expect("a connected socket takes TCP_NODELAY");
        Some(Self::over(stream, &address.to_string()))
    }

    /// Speaks over a stream that is there, to a server of this name.
    pub(crate) fn over(stream: impl Stream + 'static, host: &str) -> Self {
        let wire = Wire::over(Box::new(stream) as Box<dyn Stream>);
        Self { wire, host: host.to_owned(), framing: Framing::Ended, events: Parser::default() }
    }

    /// Sends raw bytes.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        self.wire.write(bytes).await;
    }

    /// Sends a message.
    pub(crate) async fn post(&mut self, post: &Post) {
        let bytes = post.bytes(&self.host);
        self.bytes(&bytes).await;
    }

    /// Sends a message and waits for the whole answer.
    pub(crate) async fn ask(&mut self, post: &Post) -> Answer {
        self.post(post).await;
        self.answer().await
    }

    /// GET, with these headers (`"name: value"` each).
    pub(crate) async fn get(&mut self, path: &str, headers: &[&str]) {
        self.without_body("GET", path, headers).await;
    }

    pub(crate) async fn without_body(&mut self, method: &str, path: &str, headers: &[&str]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        self.bytes(format!("{head}\r\n").as_bytes()).await;
    }

    /// The head of the next answer; its body is to be read afterwards.
    pub(crate) async fn head(&mut self) -> Head {
        match self.try_head().await {
            Some(head) => head,
            None => panic!("the connection was closed where an answer was due"),
        }
    }

    /// The same, `None` if the connection was closed instead.
    pub(crate) async fn try_head(&mut self) -> Option<Head> {
        let head = within("the head of an answer", self.wire.head()).await?;
        self.framing = head.answer_framing();
        self.events = Parser::default();
        Some(head)
    }

    /// The rest of the body.
    pub(crate) async fn body(&mut self) -> Result<Bytes, Cut> {
        let body = within("the end of a body", self.wire.body(self.framing)).await;
        self.framing = Framing::Ended;
        body
    }

    /// The next answer, whole.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let body = self.body().await.unwrap_or_else(|cut| panic!("a cut answer: {head:?} {cut:?}"));
        Answer { head, body }
    }

    /// The next event of an event stream, comments among them; `None` at the end of the stream.
    pub(crate) async fn event(&mut self) -> Result<Option<Event>, Cut> {
        loop {
            if let Some(event) = self.events.next() {
                return Ok(Some(event));
            }
            match within("an event", self.wire.piece(&mut self.framing)).await? {
                Some(piece) => self.events.push(&piece),
                None => return Ok(self.events.end()),
            }
        }
    }

    /// The next event that is a message: what the server's own `data` was.
    pub(crate) async fn message(&mut self) -> Option<String> {
        while let Some(event) = self.event().await.expect("the stream is whole") {
            if event.is_message() {
                return Some(event.data.expect("a message has data"));
            }
        }
        None
    }

    /// Ends our side of the connection; answers may still come.
    pub(crate) async fn finish(&mut self) {
        // The other side may have gone before: then there is nothing to end.
        let _ = self.wire.stream.shutdown().await;
    }

    /// All that still comes, as it comes, until the other side has closed the connection.
    pub(crate) async fn rest(mut self) -> Bytes {
        within("the end of a connection", self.wire.body(Framing::UntilClose)).await.unwrap_or_else(|cut| cut.0)
    }

    /// Waits until the other side has closed the connection.
    pub(crate) async fn closed(mut self) {
        within("the end of a connection", self.wire.gone()).await;
    }
}
