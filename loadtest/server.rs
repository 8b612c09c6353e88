//! A very cheap MCP server to put load on a proxy: HTTP/1.1 by hand over one tokio thread, prebuilt answers.
//!
//! It must cost much less than any proxy in front of it, so it reads no more of a request than it needs: the length of
//! the body, the JSON-RPC id, and which answer is wanted. It answers `tools/list` with 8 KB, `tools/call` of `stream`
//! with an event stream of 4 events in one write, any other `tools/call` with a short result, `initialize` and
//! `server/discover` for the sake of gateways that ask, and a notification with 202. It is no server to learn from.
//!
//! Usage: `loadserver [ADDRESS]` (default 127.0.0.1:0); prints the address it listens on.

use std::io::{self, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Largest request that is taken; a longer one closes the connection.
const LARGEST: usize = 1 << 20;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind(&address).await?;
        println!("{}", listener.local_addr()?);
        io::stdout().flush()?;
        let answers: &'static Answers = Box::leak(Box::new(Answers::new()));
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(serve(stream, answers));
        }
    })
}

/// Serves one connection until the client leaves or sends what this server does not read.
async fn serve(mut stream: TcpStream, answers: &Answers) {
    let mut input = Vec::with_capacity(16 << 10);
    let mut output = Vec::with_capacity(16 << 10);
    loop {
        loop {
            let request = match Request::read(&input) {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(Unreadable) => return,
            };
            answers.write(&request, &mut output);
            let end = request.end;
            input.drain(..end);
        }
        if !output.is_empty() && stream.write_all(&output).await.is_err() {
            return;
        }
        output.clear();
        match stream.read_buf(&mut input).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// A chunked or too long request, or none at all.
struct Unreadable;

/// The few parts of a request that matter here.
struct Request<'a> {
    is_post: bool,
    body: &'a [u8],
    /// Where the next request begins.
    end: usize,
}

impl<'a> Request<'a> {
    /// `None`: more has to be read.
    fn read(input: &'a [u8]) -> Result<Option<Self>, Unreadable> {
        let Some(head) = memchr::memmem::find(input, b"\r\n\r\n") else {
            return if input.len() > LARGEST { Err(Unreadable) } else { Ok(None) };
        };
        let length = content_length(&input[..head]).filter(|length| *length <= LARGEST).ok_or(Unreadable)?;
        let (start, end) = (head + 4, head + 4 + length);
        let body = input.get(start..end);
        Ok(body.map(|body| Self { is_post: input.starts_with(b"POST "), body, end }))
    }

    /// The JSON-RPC id as it was written; `None` for a notification.
    fn id(&self) -> Option<&'a [u8]> {
        let start = memchr::memmem::find(self.body, b"\"id\":")? + 5;
        let rest = &self.body[start..];
        let end = match rest.first()? {
            b'"' => memchr::memchr(b'"', &rest[1..])? + 2,
            _ => memchr::memchr2(b',', b'}', rest)?,
        };
        Some(&rest[..end])
    }

    fn mentions(&self, text: &str) -> bool {
        memchr::memmem::find(self.body, text.as_bytes()).is_some()
    }
}

/// The value of `Content-Length`, 0 without one; `None` for a chunked body.
fn content_length(head: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            length = std::str::from_utf8(value).ok()?.parse().ok()?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return None;
        }
    }
    Some(length)
}

/// Answers in two halves, the id going between them.
struct Answers {
    call: [String; 2],
    list: [String; 2],
    discover: [String; 2],
    initialize: [String; 2],
    stream: [String; 2],
}

impl Answers {
    fn new() -> Self {
        let result = |result: &str| ["{\"jsonrpc\":\"2.0\",\"id\":".to_owned(), format!(",\"result\":{result}}}")];
        let server = r#"{"name":"loadserver","version":"1"}"#;
        let events = (1..=3).map(|step| {
            let event = format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\
                 \"params\":{{\"progressToken\":\"load\",\"progress\":{step},\"total\":3}}}}\n\n"
            );
            format!("{:x}\r\n{event}\r\n", event.len())
        });
        let text = "x".repeat(120);
        let call = format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":"{text}"}}]}}"#);
        Self {
            list: result(&tools(8 << 10)),
            discover: result(&format!(
                r#"{{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{{"tools":{{}}}},"serverInfo":{server}}}"#
            )),
            initialize: result(&format!(
                r#"{{"protocolVersion":"2025-11-25","capabilities":{{"tools":{{}}}},"serverInfo":{server}}}"#
            )),
            stream: [events.collect(), format!(",\"result\":{call}}}\n\n")],
            call: result(&call),
        }
    }

    fn write(&self, request: &Request<'_>, output: &mut Vec<u8>) {
        if !request.is_post {
            output.extend_from_slice(b"HTTP/1.1 405 Method Not Allowed\r\nallow: POST\r\ncontent-length: 0\r\n\r\n");
            return;
        }
        let Some(id) = request.id() else {
            output.extend_from_slice(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
            return;
        };
        if request.mentions(r#""method":"tools/call""#) {
            if request.mentions(r#""name":"stream""#) {
                stream(&self.stream, id, output);
            } else {
                json(&self.call, id, output);
            }
        } else if request.mentions(r#""method":"tools/list""#) {
            json(&self.list, id, output);
        } else if request.mentions(r#""method":"initialize""#) {
            json(&self.initialize, id, output);
        } else {
            json(&self.discover, id, output);
        }
    }
}

fn json([before, after]: &[String; 2], id: &[u8], output: &mut Vec<u8>) {
    let length = before.len() + id.len() + after.len();
    write!(output, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
        .expect("a Vec takes every write");
    output.extend_from_slice(before.as_bytes());
    output.extend_from_slice(id);
    output.extend_from_slice(after.as_bytes());
}

/// Three events as they are, each in a chunk of its own, the fourth around the id, and the end: all in one write.
fn stream([events, after]: &[String; 2], id: &[u8], output: &mut Vec<u8>) {
    const BEFORE: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":";
    output.extend_from_slice(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
          x-accel-buffering: no\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    output.extend_from_slice(events.as_bytes());
    let length = BEFORE.len() + id.len() + after.len();
    write!(output, "{length:x}\r\n{BEFORE}").expect("a Vec takes every write");
    output.extend_from_slice(id);
    output.extend_from_slice(after.as_bytes());
    output.extend_from_slice(b"\r\n0\r\n\r\n");
}

/// The result of `tools/list`, at least `size` bytes of it.
fn tools(size: usize) -> String {
    let mut tools = String::new();
    let mut count = 0;
    while tools.len() < size {
        let comma = if count == 0 { "" } else { "," };
        tools += &format!(
            r#"{comma}{{"name":"tool_{count}","description":"Does the thing number {count}, and says what came of it.","inputSchema":{{"type":"object","properties":{{"text":{{"type":"string","description":"What to do it with"}},"count":{{"type":"integer","minimum":0}}}},"required":["text"]}}}}"#
        );
        count += 1;
    }
    format!(r#"{{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{tools}]}}"#)
}
