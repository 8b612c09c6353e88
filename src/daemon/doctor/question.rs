//! Asking a server: one request on a connection of its own, and what comes back of it within bounds.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::timeout;

use crate::model::clock;
use crate::net::upstream::{Collected, Connection, Endpoint, Failure, Pool};
use crate::protocol::media;
use crate::protocol::message::{Body, Kind, Limits, Message, read_server};
use crate::protocol::revision::{NEWEST_LEGACY, SERVED_MODERN};
use crate::protocol::sse;

use super::shown::shown;

/// How long a server may take for the head of an answer, and again for its message.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer read, in bytes.
const MOST: usize = 1 << 20;
/// Our id in every request over HTTP.
const ID: usize = 1;

/// What may be asked. None of these runs anything of a server's.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// `server/discover`, in the newest modern revision.
    Discover,
    /// `initialize`, with the newest legacy revision.
    Initialize,
    /// DELETE of a session that our `initialize` opened.
    End(HeaderValue),
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) answer: Result<Answer, NoAnswer>,
    /// When the server's certificate runs out, in seconds since 1970.
    pub(super) certificate: Option<i64>,
    /// Name, TCP and TLS.
    pub(super) connected: Duration,
    /// From then on to the end of what was read.
    pub(super) answered: Duration,
}

/// The JSON-RPC answer to our request, in its bytes.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) bytes: Bytes,
    pub(super) message: Message,
}

/// Why there is no JSON-RPC answer behind a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It broke off, or never came.
    Broken(String),
    /// Something else came.
    Other(String),
}

/// Why there is not even a head.
#[derive(Debug)]
pub(super) enum Miss {
    /// There was no connection.
    Connect(Failure),
    /// The exchange came to nothing.
    Exchange(String),
}

/// Asks `question` of `endpoint` over a new connection.
pub(super) async fn ask(pool: &Pool, endpoint: &Endpoint, question: &Question) -> Result<Reply, Miss> {
    let begun = clock::now();
    let mut connection = pool.connect(0, endpoint).await.map_err(Miss::Connect)?;
    let (connected, certificate) = (clock::now(), connection.certificate_runs_out());
    let body = question.body();
    let length = body.len();
    connection.queue(|out| question.write_head(endpoint, length, out), body);
    let head = match timeout(PATIENCE, connection.head(&question.method())).await {
        Ok(Ok(head)) => head,
        Ok(Err(failure)) => return Err(Miss::Exchange(failure.to_string())),
        Err(_) => return Err(Miss::Exchange(silence())),
    };
    let answer = timeout(PATIENCE, answer(&mut connection, &head.headers)).await;
    let answer = answer.unwrap_or_else(|_| Err(NoAnswer::Broken(silence())));
    let (connected, answered) = (connected - begun, clock::now() - connected);
    Ok(Reply { status: head.status, headers: head.headers, answer, certificate, connected, answered })
}

impl Question {
    fn method(&self) -> Method {
        match self {
            Self::Discover | Self::Initialize => Method::POST,
            Self::End(_) => Method::DELETE,
        }
    }

    /// It as a line for a command, under an id of its own: its place among the questions.
    pub(super) fn line(&self, at: usize) -> Vec<u8> {
        let mut line = self.text(at).into_bytes();
        line.push(b'\n');
        line
    }

    fn body(&self) -> Bytes {
        Bytes::from(self.text(ID))
    }

    fn text(&self, id: usize) -> String {
        let (modern, version) = (SERVED_MODERN[SERVED_MODERN.len() - 1], env!("CARGO_PKG_VERSION"));
        let client = format!(r#"{{"name":"weir-doctor","version":"{version}"}}"#);
        match self {
            Self::Discover => format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"server/discover\",\"params\":{{\"_meta\":{{\
                 \"io.modelcontextprotocol/protocolVersion\":\"{modern}\",\
                 \"io.modelcontextprotocol/clientCapabilities\":{{}},\
                 \"io.modelcontextprotocol/clientInfo\":{client}}}}}}}"
            ),
            Self::Initialize => format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"initialize\",\"params\":{{\
                 \"protocolVersion\":\"{NEWEST_LEGACY}\",\"capabilities\":{{}},\"clientInfo\":{client}}}}}"
            ),
            Self::End(_) => String::new(),
        }
    }

    fn write_head(&self, endpoint: &Endpoint, length: usize, out: &mut Vec<u8>) {
        let (method, path, authority) = (self.method(), &endpoint.path, &endpoint.authority);
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{method} {path} HTTP/1.1\r\nhost: {authority}\r\naccept-encoding: identity\r\n");
        let _ = write!(out, "user-agent: weir-doctor/{}\r\nconnection: close\r\n", env!("CARGO_PKG_VERSION"));
        if method == Method::POST {
            let _ = write!(out, "accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n");
            let _ = write!(out, "content-length: {length}\r\n");
        }
        match self {
            Self::Discover => {
                let modern = SERVED_MODERN[SERVED_MODERN.len() - 1];
                let _ = write!(out, "mcp-protocol-version: {modern}\r\nmcp-method: server/discover\r\n");
            }
            Self::End(session) => {
                let _ = write!(out, "mcp-protocol-version: {NEWEST_LEGACY}\r\nmcp-session-id: ");
                out.extend_from_slice(session.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Self::Initialize => {}
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn silence() -> String {
    format!("nothing came within {} s", PATIENCE.as_secs())
}

/// Reads the answer behind a head: a JSON body, or the first answer of an event stream.
async fn answer(connection: &mut Connection, headers: &HeaderMap) -> Result<Answer, NoAnswer> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map_or("", media::essence);
    if media.eq_ignore_ascii_case("text/event-stream") {
        return streamed(connection).await;
    }
    if !media.eq_ignore_ascii_case("application/json") {
        let what = if media.is_empty() { "no content type".to_owned() } else { shown(media) };
        return Err(NoAnswer::Other(what));
    }
    match connection.whole(MOST).await {
        Ok(Collected::Whole(bytes)) => {
            read(&bytes)?.ok_or_else(|| NoAnswer::Other("a JSON-RPC message that is no answer".to_owned()))
        }
        Ok(Collected::Longer(_)) => Err(NoAnswer::Other("more than 1 MiB of JSON".to_owned())),
        Err(failure) => Err(NoAnswer::Broken(failure.to_string())),
    }
}

async fn streamed(connection: &mut Connection) -> Result<Answer, NoAnswer> {
    let (mut reader, mut left) = (sse::Reader::new(MOST), MOST);
    let too_long = || NoAnswer::Other("an event stream without an answer in its first MiB".to_owned());
    loop {
        let chunk = connection.chunk().await.map_err(|failure| NoAnswer::Broken(failure.to_string()))?;
        let Some(chunk) = chunk else {
            return Err(NoAnswer::Other("an event stream without an answer".to_owned()));
        };
        left = left.checked_sub(chunk.len()).ok_or_else(too_long)?;
        reader.push(&chunk);
        while let Some(block) = reader.next().map_err(|_| too_long())? {
            // Notifications may come before the answer.
            if let Some(message) = block.message()
                && let Some(answer) = read(message)?
            {
                return Ok(answer);
            }
        }
    }
}

/// The answer to our request that `bytes` are; `None` if they are another message.
fn read(bytes: &[u8]) -> Result<Option<Answer>, NoAnswer> {
    let message = match read_server(bytes, &Limits::default()) {
        Ok(Body::One(message)) => message,
        Ok(Body::Batch(_)) => return Err(NoAnswer::Other("a batch".to_owned())),
        Err(_) => return Err(NoAnswer::Other("JSON that is no JSON-RPC message".to_owned())),
    };
    let ours = message.id.as_ref().is_some_and(|id| id.raw(bytes) == ID.to_string().as_bytes());
    // An error may have been told before the id was read.
    let nobodys = message.kind == Kind::Error && message.id.is_none();
    let answers = matches!(message.kind, Kind::Answer | Kind::Error) && (ours || nobodys);
    Ok(answers.then(|| Answer { bytes: Bytes::copy_from_slice(bytes), message }))
}
