//! The ways in which a request is twisted so that two readers may see two different ones, and how a strict one reads it.

mod chunks;
mod framings;
mod heads;

/// How a strict reader (RFC 9112, and `security.md` where that is stricter) reads the twisted request and the probe
/// behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reads {
    /// Two requests; both are calls.
    Both,
    /// Two requests; the first is one that Weir answers itself.
    Told,
    /// The same, but the head alone tells: Weir may close instead of reading on to the probe.
    ToldEarly,
    /// Nothing; the connection ends.
    Refused,
    /// A call, and the connection ends.
    OnlyFirst,
    /// A call, and behind it nothing; the connection ends.
    FirstThenRefused,
    /// A request whose end has not come: the probe is a part of it.
    Waits,
}

/// A request in the parts that a twist may replace; every line carries its own end.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) before: Vec<u8>,
    pub(super) line: Vec<u8>,
    pub(super) host: Vec<u8>,
    pub(super) fields: Vec<u8>,
    pub(super) framing: Vec<u8>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Twist {
    pub(super) name: String,
    pub(super) reads: Reads,
    pub(super) request: Request,
    /// The body of the call as it has to arrive.
    pub(super) content: String,
}

use Reads::{Both, FirstThenRefused, Refused, Told};

/// Twists of a call with the body `json` to the listener `host`.
pub(super) fn twists(json: &str, host: &str) -> Vec<Twist> {
    let mut table = Table { plain: Request::plain(json, host), content: json.to_owned(), twists: Vec::new() };
    framings::lengths(&mut table, json.len());
    framings::codings(&mut table, json);
    framings::both_framings(&mut table, json);
    chunks::chunks(&mut table, json);
    chunks::ends_of_chunks(&mut table, json);
    heads::lines(&mut table, host);
    heads::fields(&mut table, host, json.len());
    heads::connections(&mut table, json.len());
    around(&mut table, json);
    table.twists
}

impl Request {
    fn plain(json: &str, host: &str) -> Self {
        Self {
            before: Vec::new(),
            line: b"POST /mcp HTTP/1.1\r\n".to_vec(),
            host: format!("Host: {host}\r\n").into_bytes(),
            fields: Vec::new(),
            framing: format!("Content-Length: {}\r\n", json.len()).into_bytes(),
            body: json.as_bytes().to_vec(),
        }
    }

    /// The whole of it; `common` are the fields of every call.
    pub(super) fn bytes(&self, common: &str, framing_first: bool) -> Vec<u8> {
        let (early, late) = if framing_first { (&self.framing[..], &b""[..]) } else { (&b""[..], &self.framing[..]) };
        let fields = [early, &self.host, common.as_bytes(), &self.fields, late, b"\r\n"];
        [&[&self.before[..], &self.line], &fields[..], &[&self.body]].concat().concat()
    }
}

struct Table {
    plain: Request,
    content: String,
    twists: Vec<Twist>,
}

impl Table {
    fn with(&mut self, name: impl Into<String>, reads: Reads, twist: impl FnOnce(&mut Request)) {
        let mut request = self.plain.clone();
        twist(&mut request);
        self.twists.push(Twist { name: name.into(), reads, request, content: self.content.clone() });
    }

    fn line(&mut self, line: impl AsRef<[u8]>, reads: Reads) {
        let line = [line.as_ref(), b"\r\n"].concat();
        self.with(format!("request line {}", line.escape_ascii()), reads, |request| request.line = line);
    }

    /// Further fields; the last one's end is added.
    fn field(&mut self, field: impl AsRef<[u8]>, reads: Reads) {
        let field = [field.as_ref(), b"\r\n"].concat();
        self.with(format!("field {}", short(&field)), reads, |request| request.fields = field);
    }

    fn framing(&mut self, framing: impl AsRef<[u8]>, body: impl AsRef<[u8]>, reads: Reads) {
        let (framing, body) = ([framing.as_ref(), b"\r\n"].concat(), body.as_ref().to_vec());
        self.with(format!("framing {}", short(&framing)), reads, |request| {
            request.framing = framing;
            request.body = body;
        });
    }

    fn chunked(&mut self, body: impl AsRef<[u8]>, reads: Reads) {
        let body = body.as_ref().to_vec();
        self.with(format!("chunks {}", short(&body)), reads, |request| {
            request.framing = b"Transfer-Encoding: chunked\r\n".to_vec();
            request.body = body;
        });
    }
}

fn short(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    let (begin, end) = (text.chars().take(60).collect::<String>(), text.chars().count().saturating_sub(40));
    if end <= 60 { text } else { format!("{begin} ... {}", text.chars().skip(end).collect::<String>()) }
}

/// What stands before the request, and between it and the probe.
fn around(table: &mut Table, json: &str) {
    table.with("plain", Both, |_| {});
    table.with("an empty line before", Both, |request| request.before = b"\r\n".to_vec());
    for before in ["\r\n\r\n", "\n", "\r", " ", "\t", "\0", "\u{feff}", "\r\n ", "\n\n", "0\r\n\r\n", "x\r\n"] {
        table.with(format!("{} before", before.escape_default()), Refused, |request| request.before = before.into());
    }
    table.with("an empty line behind", Both, |request| request.body.extend_from_slice(b"\r\n"));
    for behind in ["\r\n\r\n", "\n", "\0", "0\r\n\r\n", "garbage\r\n\r\n", "\r\n\n", " ", "HTTP/1.1 200 OK\r\n\r\n"] {
        table.with(format!("{} behind", behind.escape_default()), FirstThenRefused, |request| {
            request.body.extend_from_slice(behind.as_bytes());
        });
    }
    // A body that is no message is answered, and what comes behind it stays what it is.
    for body in ["POST /mcp HTTP/1.1\r\n\r\n", "0\r\n\r\n", "{", "\r\n\r\n"] {
        table.with(format!("the body {}", body.escape_default()), Told, |request| {
            request.framing = format!("Content-Length: {}\r\n", body.len()).into_bytes();
            request.body = body.into();
        });
    }
    let spaced = format!("\r\n\r\n{json}\r\n\r\n");
    table.content = spaced.clone();
    table.framing(format!("Content-Length: {}", spaced.len()), &spaced, Both);
}
