//! The rest of a head: its first line, its fields, what it says about the connection.

use super::{
    Reads::{self, Both, OnlyFirst, Refused, ToldEarly},
    Table,
};

/// Request lines, and how each is read.
const LINES: &[(&str, Reads)] = &[
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
];

pub(super) fn lines(table: &mut Table, host: &str) {
    for (line, reads) in LINES {
        table.line(line, *reads);
    }
    table.line(b"POST /mcp\x80 HTTP/1.1", Refused);
    table.line(format!("POST http://{host}/mcp HTTP/1.1"), Both);
    table.line(format!("POST HTTP://{host}/mcp HTTP/1.1"), Both);
    table.line(format!("POST http://{host}@evil.example/mcp HTTP/1.1"), Refused);
    table.line(format!("POST http://evil.example@{host}/mcp HTTP/1.1"), Refused);
    table.line(format!("POST {host} HTTP/1.1"), Refused);
    table.line(format!("POST /{} HTTP/1.1", "x".repeat(9_000)), Refused);
}

pub(super) fn fields(table: &mut Table, host: &str, length: usize) {
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
pub(super) fn connections(table: &mut Table, length: usize) {
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
