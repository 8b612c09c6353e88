//! The ways in which a request is twisted so that two readers may see two different ones, and how a strict one reads it.

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

use Reads::{Both, FirstThenRefused, OnlyFirst, Refused, Told, ToldEarly, Waits};

/// Twists of a call with the body `json` to the listener `host`.
pub(super) fn twists(json: &str, host: &str) -> Vec<Twist> {
    let mut table = Table { plain: Request::plain(json, host), content: json.to_owned(), twists: Vec::new() };
    lengths(&mut table, json.len());
    codings(&mut table, json);
    both_framings(&mut table, json);
    chunks(&mut table, json);
    ends_of_chunks(&mut table, json);
    lines(&mut table, host);
    fields(&mut table, host, json.len());
    connections(&mut table, json.len());
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

fn lengths(table: &mut Table, length: usize) {
    let json = table.plain.body.clone();
    for value in ["", "\t", "000000000000"] {
        table.framing(format!("Content-Length:{value}{length}"), &json, Both);
        table.framing(format!("content-LENGTH: {value}{length} \t "), &json, Both);
    }
    for value in [
        format!("+{length}"),
        format!("-{length}"),
        format!("0x{length:x}"),
        format!("{length},{length}"),
        format!("{length}, {length}"),
        format!("{length},"),
        format!(",{length}"),
        format!("{length};x"),
        format!("{length}.0"),
        format!("{length}e0"),
        format!("{length} 0"),
        format!("0 {length}"),
        format!("\"{length}\""),
        format!("{length}\u{b}"),
        format!("\u{c}{length}"),
        format!("{length}\0"),
        format!("{length}\u{a0}"),
        "\u{661}".into(),
        String::new(),
        " ".into(),
        "x".into(),
        "1_0".into(),
        "99999999999999999999".into(),
        // As many bytes for whoever counts in 64, or in 63 bits.
        (u128::from(u64::MAX) + 1 + length as u128).to_string(),
        (u128::from(u64::MAX / 2) + 1 + length as u128).to_string(),
        format!("{length}\r\n 0"),
        format!("\r\n {length}"),
        format!("{length}\rX: y"),
        format!("{length}\nX: y"),
    ] {
        table.framing(format!("Content-Length: {value}"), &json, Refused);
    }
    // Within the limit of a body, and longer than what is sent.
    table.framing(format!("Content-Length: {}", length + 2_000_000), &json, Waits);
    table.framing("Content-Length: 0", "", Told);
    table.framing("X-Content-Length: 0", "", Told);
    for second in [length, 0, 1, length + 1] {
        table.framing(format!("Content-Length: {length}\r\nContent-Length: {second}"), &json, Refused);
        table.framing(format!("Content-Length: {second}\r\ncontent-length: {length}"), &json, Refused);
    }
    for name in ["Content_Length", "Content-Length ", "Content-Length\t", " Content-Length", "Content Length"] {
        table.framing(format!("{name}: {length}"), &json, Refused);
        table.framing(format!("Content-Length: {length}\r\n{name}: 0"), &json, Refused);
    }
    for name in ["ContentLength", "Content--Length", "Content.Length", "\u{b}Content-Length", "Content-Length\0"] {
        table.framing(format!("Content-Length: {length}\r\n{name}: 0"), &json, Refused);
    }
    for name in ["X-Content-Length", "Content-Lengths", "Content-Lengt", "Length"] {
        table.framing(format!("Content-Length: {length}\r\n{name}: 0"), &json, Both);
    }
}

fn one_chunk(json: &str) -> String {
    format!("{:x}\r\n{json}\r\n0\r\n\r\n", json.len())
}

fn codings(table: &mut Table, json: &str) {
    let chunked = one_chunk(json);
    for coding in [" chunked", "chunked", "\tchunked\t", " cHuNkEd", " \t chunked \t "] {
        table.framing(format!("Transfer-Encoding:{coding}"), &chunked, Both);
        table.framing(format!("transfer-ENCODING:{coding}"), &chunked, Both);
    }
    for coding in [
        "xchunked",
        "chunkedx",
        "chunke",
        "chunked, chunked",
        "chunked,chunked",
        "chunked,",
        ",chunked",
        "chunked;q=1",
        "chunked;",
        "identity",
        "identity, chunked",
        "chunked, identity",
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "deflate",
        "trailers",
        "\"chunked\"",
        "'chunked'",
        "chunked x",
        "x chunked",
        "\u{b}chunked",
        "chunked\u{b}",
        "chunked\u{c}",
        "chunked\0",
        "\0chunked",
        "chun\u{212a}ed",
        "chunked\u{a0}",
        "\u{a0}chunked",
        "",
        " ",
        "\t",
        "\r\n chunked",
        "\r\n\tchunked",
        "\n chunked",
        "chunked\r\n ",
        "chunked\r\n x",
        "chunked\rX: y",
        "chunked\nX: y",
        "x\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: x",
        "chunked\r\ntransfer-encoding: chunked",
        "chunked\r\nTransfer-Encoding: identity",
        "identity\r\nTransfer-Encoding: chunked",
    ] {
        table.framing(format!("Transfer-Encoding: {coding}"), &chunked, Refused);
    }
    for name in [
        "Transfer_Encoding",
        "Transfer-Encoding ",
        "Transfer-Encoding\t",
        " Transfer-Encoding",
        "\tTransfer-Encoding",
        "Transfer Encoding",
        "TransferEncoding",
        "Transfer--Encoding",
        "Transfer.Encoding",
        "-Transfer-Encoding",
        "Transfer-Encoding\0",
        "\u{b}Transfer-Encoding",
        "Transfer-Encoding\u{a0}",
        "\"Transfer-Encoding\"",
        "X: y\nTransfer-Encoding",
        "X: y\rTransfer-Encoding",
        "X: y\r\n Transfer-Encoding",
        "X: y\0Transfer-Encoding",
    ] {
        table.framing(format!("{name}: chunked"), &chunked, Refused);
        table.framing(format!("Content-Length: {}\r\n{name}: chunked", json.len()), json, Refused);
    }
    for name in ["X-Transfer-Encoding", "Transfer-Encodings", "Transfer-Coding", "TE"] {
        table.framing(format!("Content-Length: {}\r\n{name}: chunked", json.len()), json, Both);
    }
    table.framing("Connection: close\r\nTransfer-Encoding: chunked", &chunked, OnlyFirst);
}

/// Both framings at once, with a body for either reader.
fn both_framings(table: &mut Table, json: &str) {
    let chunked = one_chunk(json);
    for (length, body) in [
        (json.len(), json),
        (chunked.len(), &chunked),
        (0, &chunked),
        (4, &chunked),
        (5, "0\r\n\r\n"),
        (chunked.len() + 10, &chunked),
    ] {
        for coding in ["chunked", "Chunked", "xchunked", "identity", "chunked, identity"] {
            table.framing(format!("Content-Length: {length}\r\nTransfer-Encoding: {coding}"), body, Refused);
            table.framing(format!("Transfer-Encoding: {coding}\r\nContent-Length: {length}"), body, Refused);
        }
    }
}

fn chunks(table: &mut Table, json: &str) {
    let (size, end) = (json.len(), "\r\n0\r\n\r\n");
    for line in [
        format!("{size:x}"),
        format!("{size:X}"),
        format!("0000{size:x}"),
        format!("{size:x};"),
        format!("{size:x};a=b"),
        format!("{size:x} ;a=b"),
        format!("{size:x}\t; a = \"b;c\""),
        format!("{size:x};{}", "x".repeat(200)),
        format!("{size:x};a=\"\u{e9}\""),
    ] {
        table.chunked(format!("{line}\r\n{json}{end}"), Both);
    }
    let (front, back) = json.split_at(9);
    table.chunked(format!("9\r\n{front}\r\n{:x};x\r\n{back}{end}", back.len()), Both);
    for line in [
        format!("+{size:x}"),
        format!("-{size:x}"),
        format!("0x{size:x}"),
        format!(" {size:x}"),
        format!("\t{size:x}"),
        format!("{size:x} "),
        format!("{size:x}\t"),
        format!("{size:x} 0"),
        format!("{size:x}g"),
        format!("{size:x},0"),
        format!("{size:x}\0"),
        format!("{size:x};a\0"),
        format!("{size:x};a\u{b}"),
        format!("{size:x};a\nb"),
        format!("{size:x};a\rb"),
        format!("{size:x}\r\n"),
        format!("{size:x};{}", "x".repeat(300)),
        format!("{size:x};{}", "x".repeat(20_000)),
        format!("1{size:016x}"),
        format!("f{size:015x}"),
        format!("{size:020x}"),
        "ffffffffffffffff".into(),
        "-1".into(),
        ";a=b".into(),
        String::new(),
        "\u{661}".into(),
        "z".into(),
    ] {
        table.chunked(format!("{line}\r\n{json}{end}"), Refused);
    }
    for line_end in ["\n", "\r", "\r\r\n", "\n\r"] {
        table.chunked(format!("{size:x}{line_end}{json}{end}"), Refused);
    }
    for data in [format!("{json}x"), json[1..].into(), format!("{json}\r\n"), format!("{json}\n")] {
        table.chunked(format!("{size:x}\r\n{data}{end}"), Refused);
    }
    table.chunked(format!("{:x}\r\n{json}", size + 2_000_000), Waits);
}

fn ends_of_chunks(table: &mut Table, json: &str) {
    let chunk = format!("{:x}\r\n{json}\r\n", json.len());
    for end in ["0\r\n\r\n", "000\r\n\r\n", "0;x\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\nX: y\r\nX: z\r\n\r\n"] {
        table.chunked(format!("{chunk}{end}"), Both);
    }
    for trailer in [
        "Content-Length: 5",
        "Content_Length: 5",
        "content-length:0",
        "Transfer-Encoding: chunked",
        "Transfer_Encoding: chunked",
        "TransferEncoding: x",
        "Host: b",
        " X: y",
        "X : y",
        "X: y\n",
        "X: y\0",
        "X: y\rZ: x",
        ": y",
        "no colon",
        "POST /mcp HTTP/1.1",
        "X: y\r\n folded",
        "X\0: y",
    ] {
        table.chunked(format!("{chunk}0\r\n{trailer}\r\n\r\n"), Refused);
    }
    let many = "X: y\r\n".repeat(70);
    table.chunked(format!("{chunk}0\r\n{many}\r\n"), Refused);
    table.chunked(format!("{chunk}0\r\nX: {}\r\n\r\n", "y".repeat(10_000)), Refused);
    for end in [
        "0\n\n",
        "0\r\n\n",
        "0\n\r\n",
        "0\r\r\n\r\n",
        "0\r\n",
        "\r\n0\r\n\r\n",
        "00000000000000000\r\n\r\n",
        "0 \r\n\r\n",
    ] {
        table.chunked(format!("{chunk}{end}"), Refused);
    }
}

fn lines(table: &mut Table, host: &str) {
    for (line, reads) in [
        ("POST /mcp?x=y HTTP/1.1", Both),
        ("POST /mcp#x HTTP/1.1", Both),
        ("POST //mcp HTTP/1.1", ToldEarly),
        ("POST /../mcp HTTP/1.1", ToldEarly),
        ("POST /%2e%2e/mcp HTTP/1.1", ToldEarly),
        ("POST /mcp/ HTTP/1.1", ToldEarly),
        ("POST /m%63p HTTP/1.1", ToldEarly),
        ("POST /mcp%0d%0aX:%20y HTTP/1.1", ToldEarly),
        ("PUT /mcp HTTP/1.1", ToldEarly),
        ("post /mcp HTTP/1.1", ToldEarly),
        ("POST  /mcp HTTP/1.1", Refused),
        ("POST\t/mcp HTTP/1.1", Refused),
        ("POST /mcp  HTTP/1.1", Refused),
        ("POST /mcp\tHTTP/1.1", Refused),
        ("POST /mcp HTTP/1.1 ", Refused),
        ("POST /mcp HTTP/1.1\0", Refused),
        (" POST /mcp HTTP/1.1", Refused),
        ("POST /mcp x HTTP/1.1", Refused),
        ("POST /mcp HTTP/1.2", Refused),
        ("POST /mcp HTTP/01.1", Refused),
        ("POST /mcp HTTP/1.10", Refused),
        ("POST /mcp HTTP/2.0", Refused),
        ("POST /mcp HTTP/0.9", Refused),
        ("POST /mcp HTTP/11", Refused),
        ("POST /mcp http/1.1", Refused),
        ("POST /mcp HTTPS/1.1", Refused),
        ("POST /mcp", Refused),
        ("POST", Refused),
        ("POST HTTP/1.1", Refused),
        ("POST \\mcp HTTP/1.1", Refused),
        ("POST mcp HTTP/1.1", Refused),
        ("POST * HTTP/1.1", Refused),
        ("POST /mcp\0 HTTP/1.1", Refused),
        ("POST /mcp\u{7f} HTTP/1.1", Refused),
        ("POST /mcp\u{b} HTTP/1.1", Refused),
        ("POST /mcp\nX: y HTTP/1.1", Refused),
        ("POST /mcp\rX: y HTTP/1.1", Refused),
        ("P\0ST /mcp HTTP/1.1", Refused),
        ("P(ST /mcp HTTP/1.1", Refused),
        ("POST-A-METHOD-THAT-IS-FAR-TOO-LONG /mcp HTTP/1.1", Refused),
        ("CONNECT a:80 HTTP/1.1", Refused),
        ("GET /mcp HTTP/1.1", Refused),
        ("HEAD /mcp HTTP/1.1", Refused),
        ("DELETE /mcp HTTP/1.1", Refused),
        ("TRACE /mcp HTTP/1.1", Refused),
        ("PRI * HTTP/2.0", Refused),
        ("POST http://evil.example/mcp HTTP/1.1", Refused),
        ("POST http:///mcp HTTP/1.1", Refused),
        ("POST ftp://a/mcp HTTP/1.1", Refused),
        ("POST http:/mcp HTTP/1.1", Refused),
    ] {
        table.line(line, reads);
    }
    table.line(b"POST /mcp\x80 HTTP/1.1", Refused);
    table.line(format!("POST http://{host}/mcp HTTP/1.1"), Both);
    table.line(format!("POST HTTP://{host}/mcp HTTP/1.1"), Both);
    table.line(format!("POST http://{host}@evil.example/mcp HTTP/1.1"), Refused);
    table.line(format!("POST http://evil.example@{host}/mcp HTTP/1.1"), Refused);
    table.line(format!("POST {host} HTTP/1.1"), Refused);
    table.line(format!("POST /{} HTTP/1.1", "x".repeat(9_000)), Refused);
}

fn fields(table: &mut Table, host: &str, length: usize) {
    for field in ["X: y\tz", "X:", "X: \u{e9}", "X_Y: z", "X: y:z", "Proxy: http://a", "X-Forwarded-Host: evil.example"]
    {
        table.field(field, Both);
    }
    for field in [
        "X: y\r\n folded",
        "X: y\r\n\tfolded",
        "X: y\r\n  ",
        "X: y\nZ: z",
        "X: y\rZ: z",
        "X: y\r",
        "X: y\n",
        "X: y\n\n",
        "X: y\0z",
        "X: y\u{1}z",
        "X: y\u{7f}z",
        "X\0: y",
        "X : y",
        "X\t: y",
        "X y: z",
        " X: y",
        ": y",
        "no colon",
        "X(: y",
        "X\u{e9}: y",
        "Host: evil.example",
        "host:",
        "\0",
    ] {
        table.field(field, Refused);
    }
    table.field(format!("X: {}", "y".repeat(9_000)), Refused);
    table.field(vec!["X: y"; 70].join("\r\n"), Refused);
    table.field(format!("X: y\r\r\nContent-Length: {length}"), Refused);
    for line in [
        String::new(),
        format!("Host : {host}\r\n"),
        format!("Host: {host}\nX: y\r\n"),
        format!(" Host: {host}\r\n"),
        format!("Host: {host}, evil.example\r\n"),
        format!("Host: {host} evil.example\r\n"),
        format!("Host: evil.example@{host}\r\n"),
        format!("Host: {host}/x\r\n"),
        format!("Host: {host}\r\nHost: {host}\r\n"),
        format!("Host:\r\n {host}\r\n"),
        format!("Host\0: {host}\r\n"),
    ] {
        table.with(format!("host {}", line.escape_default()), Refused, |request| request.host = line.into_bytes());
    }
}

/// What is said about the connection, and what a reader may take it for.
fn connections(table: &mut Table, length: usize) {
    for field in [
        "Connection: Content-Length",
        "Connection: Transfer-Encoding",
        "Connection: keep-alive, Content-Length, Host",
        "Keep-Alive: timeout=0",
        "Proxy-Connection: close",
        "Expect: 100-continue",
        "Upgrade: h2c",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Trailer: Content-Length",
        "TE: chunked, trailers",
    ] {
        table.field(field, Both);
    }
    for field in ["Connection: close", "connection: CLOSE", "Connection: close, Content-Length", "Connection: x, close"]
    {
        table.field(field, OnlyFirst);
    }
    table.with("HTTP/1.0", OnlyFirst, |request| request.line = b"POST /mcp HTTP/1.0\r\n".to_vec());
    table.with("HTTP/1.0 with Transfer-Encoding", Refused, |request| {
        request.line = b"POST /mcp HTTP/1.0\r\n".to_vec();
        request.framing = b"Transfer-Encoding: chunked\r\n".to_vec();
        request.body = [format!("{length:x}\r\n").as_bytes(), &request.body, b"\r\n0\r\n\r\n"].concat();
    });
    table.with("the preface of HTTP/2", Refused, |request| {
        request.before = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()
    });
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
