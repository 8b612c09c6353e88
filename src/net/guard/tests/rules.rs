//! One request a rule.

use bytes::Bytes;

use super::transcript::Transcript;
use super::{Framing, HeadLimits, Part, Phase, Reader};

/// A whole connection in one read.
fn read(bytes: impl AsRef<[u8]>) -> Transcript {
    Transcript::of([bytes.as_ref()], HeadLimits::default())
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, why: &str) {
    let bytes = bytes.as_ref();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let transcript = read(bytes);
    let refusal = transcript.refused.expect(&text);
    assert!(refusal.why.contains(why), "{text:?}: {refusal}, expected {why:?}");
    assert_eq!(refusal.status, if why.contains("too many f") { 431 } else { 400 }, "{text:?}");
    assert_eq!(transcript.requests, [], "{text:?}");
}

#[track_caller]
fn passes(bytes: impl AsRef<[u8]>) -> Transcript {
    let text = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    let transcript = read(bytes);
    assert_eq!(transcript.refused, None, "{text:?}");
    transcript
}

fn post(lines: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_plain_request_passes_and_says_what_it_is() {
    let mut reader = Reader::new(HeadLimits::default());
    let mut input = Bytes::from(post("Content-Length: 5\r\nX: \t y \t\r\nEmpty:\r\n"));
    let Ok(Some(Part::Head(head))) = reader.next(&mut input) else { panic!("a complete head") };
    let fields: Vec<_> = head.parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let expected = [("host", &b"a"[..]), ("content-length", b"5"), ("x", b"y"), ("empty", b"")];
    assert_eq!((head.parts.method.as_str(), head.framing, &*fields), ("POST", Framing::Length(5), &expected[..]));
    assert_eq!((head.parts.uri.path(), reader.phase(), reader.left()), ("/mcp", Phase::Body, Some(5)));
    assert!(matches!(reader.next(&mut input), Ok(None)));
    assert!(matches!(reader.next(&mut Bytes::from_static(b"hello")), Ok(Some(Part::Data(data))) if data == "hello"));
    assert_eq!((reader.phase(), reader.left()), (Phase::Between, Some(0)));
    assert!(matches!(reader.next(&mut Bytes::from_static(b"G")), Ok(None)));
    assert_eq!(reader.phase(), Phase::Head);
}

#[test]
fn what_came_in_one_read_is_not_copied() {
    let mut input = Bytes::from(post("Content-Length: 5\r\nX: y\r\n") + "hello");
    let own = input.as_ptr_range();
    let mut reader = Reader::new(HeadLimits::default());
    let Ok(Some(Part::Head(head))) = reader.next(&mut input) else { panic!("a complete head") };
    let Ok(Some(Part::Data(data))) = reader.next(&mut input) else { panic!("a body") };
    for slice in [head.parts.headers["x"].as_bytes(), &data] {
        assert!(own.contains(&slice.as_ptr()), "{slice:?}");
    }
}

#[test]
fn what_a_head_asks_of_the_connection() {
    let asks = |lines: &str| {
        let mut reader = Reader::new(HeadLimits::default());
        let Ok(Some(Part::Head(head))) = reader.next(&mut post(lines).into()) else { panic!("a complete head") };
        (head.closes(), head.keeps(), head.awaits_continue())
    };
    assert_eq!(asks(""), (false, false, false));
    assert_eq!(asks("Connection: x,\tClose\r\n"), (true, false, false));
    assert_eq!(asks("Connection: x\r\nConnection: KEEP-alive ,é\r\n"), (false, true, false));
    assert_eq!(asks("Connection: closed, keep\r\nExpect: 100-Continue\r\n"), (false, false, true));
    assert_eq!(asks("Expect: 100-continue, x\r\n"), (false, false, false));
}

#[test]
fn one_host() {
    refused("GET / HTTP/1.1\r\n\r\n", "no Host");
    refused("GET / HTTP/1.0\r\n\r\n", "no Host");
    refused(post("host: a\r\n"), "two Host");
    refused("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "no host");
    refused("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "no host");
    passes("GET / HTTP/1.0\r\nHOST:\r\n\r\n");
}

#[test]
fn one_framing() {
    refused(post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "Content-Length with");
    refused(post("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), "Content-Length with");
    refused(post("Content-Length: 1\r\nContent-Length: 1\r\n"), "two Content-Length");
    refused(post("Content-Length: 1\r\nContent-Length: 2\r\n"), "two Content-Length");
    refused(post("Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n"), "two Transfer-Encoding");
    for coding in
        ["chunked, chunked", "gzip, chunked", "identity", "", "chunked;a", "\"chunked\"", "chunked,", "chunked\u{80}"]
    {
        refused(post(&format!("Transfer-Encoding: {coding}\r\n")), "transfer coding");
    }
    for length in ["", "+5", "-5", "5, 5", "5 5", "0x5", "5.", "5\u{80}", "٥"] {
        refused(post(&format!("Content-Length: {length}\r\n")), "plain digits");
    }
    for length in ["9223372036854775808", "18446744073709551616", "99999999999999999999999"] {
        refused(post(&format!("Content-Length: {length}\r\n")), "overflows");
    }
    refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0 with");
    let framing = |lines| passes(post(lines)).requests[0].framing;
    assert_eq!(framing("Content-Length: 9223372036854775807\r\n"), Framing::Length(i64::MAX as u64));
    assert_eq!(framing("Content-Length:\t007 \r\n"), Framing::Length(7));
    assert_eq!(framing("tRaNsFeR-eNcOdInG:cHuNkEd\r\n"), Framing::Chunked);
    assert_eq!(framing(""), Framing::None);
}

#[test]
fn names_that_read_as_framing_headers() {
    for name in
        ["Content_Length", "content__length", "ContentLength", "Content-Length_", "-Content-Length", "Content.Length"]
    {
        refused(post(&format!("{name}: 5\r\n")), "reads as");
    }
    for name in
        ["Transfer_Encoding", "Transfer---Encoding", "TRANSFERENCODING", "Transfer-Encoding'", "~transfer+encoding"]
    {
        refused(post(&format!("{name}: chunked\r\n")), "reads as");
    }
    passes(post("Content-Lengt: 5\r\nContent-Lengths: 5\r\nX-Content-Length: 5\r\nTransfer: chunked\r\n"));
}

#[test]
fn bodies_only_where_there_may_be_one() {
    for method in ["GET", "HEAD", "DELETE", "TRACE"] {
        for line in ["Content-Length: 1", "Transfer-Encoding: chunked"] {
            refused(format!("{method} / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n"), "a body with");
        }
        let transcript = passes(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(transcript.phase, Phase::Between);
        assert_eq!(transcript.requests[0].framing.size(), Some(0));
    }
}

#[test]
fn names_and_values() {
    refused(post(": x\r\n"), "without a name");
    refused(post("X : y\r\n"), "white space");
    refused(post("X\t: y\r\n"), "white space");
    refused(post("X Y: z\r\n"), "white space");
    refused(post(" X: y\r\n"), "folded");
    refused(post("X: y\r\n\tz\r\n"), "folded");
    refused(post("X\r\n"), "without a colon");
    refused(post("X(: y\r\n"), "no token");
    refused(post("Tran\u{17f}fer-Encoding: chunked\r\n"), "no token");
    for byte in (0..0x20).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)).map(char::from) {
        for line in [format!("X: y{byte}z"), format!("X: {byte}"), format!("X{byte}: y"), format!("{byte}X: y")] {
            refused(post(&format!("{line}\r\n")), "a control byte");
        }
    }
    passes(post("X: a\tb\u{80}\u{ff}\r\nMy-Header.!#$%&'*+^_`|~09: x\r\n"));
}

#[test]
fn lines_end_in_cr_lf() {
    refused("GET / HTTP/1.1\nHost: a\r\n\r\n", "LF without");
    refused("GET / HTTP/1.1\r\nHost: a\n\r\n", "LF without");
    refused("GET / HTTP/1.1\r\nHost: a\r\n\n", "LF without");
    refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "LF without");
    refused("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "CR without");
    refused("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "CR without");
    refused("GET /\rHTTP/1.1\r\nHost: a\r\n\r\n", "CR without");
}

#[test]
fn request_lines() {
    refused("GET /\r\n", "without a version");
    refused("GET\r\n", "without a target");
    refused("GET / \r\n", "neither HTTP/1.1");
    refused(" GET / HTTP/1.1\r\n", "without a method");
    refused("GET  / HTTP/1.1\r\n", "several spaces");
    refused("GET /  HTTP/1.1\r\n", "neither HTTP/1.1");
    refused("GET / HTTP/1.1 \r\n", "neither HTTP/1.1");
    refused("GET\t/ HTTP/1.1\r\n", "without a version");
    refused("GET /\tHTTP/1.1\r\n", "without a version");
    refused("GET /a\tb HTTP/1.1\r\n", "no place");
    refused("G@T / HTTP/1.1\r\n", "no token");
    refused("A23456789012345678901234 / HTTP/1.1\r\n", "method of too many");
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "neither");
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2", "HTTP/1.10", "http/1.1", "HTTP/11", "ICAP/1.0"] {
        refused(format!("GET / {version}\r\n"), "neither HTTP/1.1");
    }
    refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "CONNECT");
}

#[test]
fn targets() {
    for target in ["a", "a:80", "ftp://a/", "http:/a", "http:///", "http:a", "*", "mailto:a", "?q", "#"] {
        refused(get(target), "neither a path");
    }
    for target in ["/<", "/`", "/?\"", "/?a<", "/\u{80}x", "/\u{9b}", "http://a/\"?<"] {
        refused(get(target), "no place");
    }
    refused(b"GET /\xff HTTP/1.1\r\n\r\n", "no place");
    refused(b"GET /\x7f HTTP/1.1\r\n\r\n", "a control byte");
    for target in ["http://b/", "http://a:80/", "http://u@a/", "https://a.b"] {
        refused(get(target), "not the target's");
    }
    for target in ["/", "//b/c", "/a%00?x=/?{}'", "http://a", "HTTP://A?q", "https://a/b", "/ж?ж", "/a?b#c", "/a|{}\\"]
    {
        passes(get(target));
    }
    passes("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    passes("GET http://[::1]:1/ HTTP/1.1\r\nHost: [::1]:1\r\n\r\n");
}

#[test]
fn an_upgrade_is_only_a_header() {
    let lines = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    let phase = passes(post(lines)).phase;
    assert_eq!(phase, Phase::Between, "the next bytes are a head, whatever the protocol asked for");
    assert!(read(post(lines) + "PRI * HTTP/2.0\r\n\r\n").refused.is_some());
}

#[test]
fn one_empty_line_before_a_request() {
    let request = get("/");
    let transcript = passes(format!("\r\n{request}\r\n{request}\r\n"));
    assert_eq!((transcript.phase, transcript.requests.len()), (Phase::Between, 2));
    refused(format!("\r\n\r\n{request}"), "several empty lines");
}

#[test]
fn bounds_of_a_head() {
    let limits = HeadLimits { head: 100, headers: 3 };
    let verdict = |bytes: &str| Transcript::of([bytes.as_bytes()], limits).verdict();
    let fitting = |size: usize| {
        let head = post("X: ");
        format!("{}{}\r\n\r\n", &head[..head.len() - 2], "x".repeat(size - head.len() - 2))
    };
    assert_eq!(fitting(100).len(), 100);
    assert_eq!(verdict(&fitting(100)), None);
    assert_eq!(verdict(&fitting(101)), Some((431, "a head or trailers of too many bytes")));
    assert_eq!(verdict(&format!("\r\n{}", fitting(99))), Some((431, "a head or trailers of too many bytes")));
    assert_eq!(verdict(&"x".repeat(101)), Some((431, "a head or trailers of too many bytes")));
    assert_eq!(verdict(&post("A: 1\r\nB: 2\r\n")), None);
    assert_eq!(verdict(&post("A: 1\r\nB: 2\r\nC: 3\r\n")), Some((431, "a head of too many fields")));
}

#[test]
fn chunked_bodies() {
    let chunked = |body: &str| format!("{}{body}", post("Transfer-Encoding: chunked\r\n"));
    let cases = [
        ("\r\n", "without a size"),
        (" 5\r\n", "without a size"),
        ("0x5\r\n", "plain digits"),
        ("-1\r\n", "without a size"),
        ("5 \r\n", "plain digits"),
        ("5 6\r\n", "plain digits"),
        ("5\n", "plain digits"),
        ("5\rx", "CR without"),
        ("5;a\n", "control byte in a chunk"),
        ("5;a\0\r\n", "control byte in a chunk"),
        ("8000000000000000\r\n", "overflows"),
        ("10000000000000000\r\n", "overflows"),
        ("00000000000000001\r\n", "overflows"),
        ("1\r\nab\r\n", "longer than its size"),
        ("1\r\na\n", "longer than its size"),
        ("1\r\na\rb", "CR without"),
        ("0\r\nX y: z\r\n\r\n", "white space"),
        ("0\r\n X: y\r\n\r\n", "folded"),
        ("0\r\nX: y\n\r\n", "LF without"),
        ("0\r\nContent-Length: 1\r\n\r\n", "framing header in the trailers"),
        ("0\r\nTransfer_Encoding: chunked\r\n\r\n", "reads as"),
        ("0\r\nHost: b\r\n\r\n", "Host in the trailers"),
    ];
    for (body, why) in cases {
        let transcript = read(chunked(body));
        let refusal = transcript.refused.expect(body);
        assert!(refusal.why.contains(why), "{body:?}: {refusal}");
        assert_eq!(transcript.requests.len(), 1, "{body:?}: the head is sound");
        assert_eq!(transcript.phase, Phase::Body, "{body:?}");
    }
    for body in [
        "0\r\n\r\n",
        "1\r\na\r\n0\r\n\r\n",
        "A;a=\"b;c\"\r\n0123456789\r\n00 ;x\r\nX: y\r\n\r\n",
        "01 \t;\r\na\r\n0\r\n\r\n",
    ] {
        assert_eq!(passes(chunked(body)).phase, Phase::Between, "{body:?}");
    }
}

#[test]
fn bounds_of_a_chunked_body() {
    let chunked = |body: &str| {
        let bytes = format!("{}{body}", post("Transfer-Encoding: chunked\r\n"));
        Transcript::of([bytes.as_bytes()], HeadLimits { head: 200, headers: 3 }).verdict()
    };
    let too_long = Some((400, "a chunk's extension of too many bytes"));
    assert_eq!(chunked(&format!("1;{}", "x".repeat(255))), None);
    assert_eq!(chunked(&format!("1;{}", "x".repeat(256))), too_long);
    assert_eq!(chunked(&format!("1{}", " ".repeat(257))), too_long);
    let chunk = format!("1;{}\r\na\r\n", "x".repeat(255));
    assert_eq!(chunked(&chunk.repeat(32)), None);
    assert_eq!(chunked(&format!("{}1;", chunk.repeat(32))), too_long);
    let trailers = |size: usize| format!("0\r\nX: {}\r\n\r\n", "x".repeat(size - 7));
    assert_eq!(chunked(&trailers(199)), None);
    assert_eq!(chunked(&trailers(200)), Some((431, "a head or trailers of too many bytes")));
    assert_eq!(chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(3))), None);
    assert_eq!(chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(4))), Some((431, "trailers of too many fields")));
}

#[test]
fn what_came_before_a_refused_head_is_read() {
    let sound = format!("{}hello{}", post("Content-Length: 5\r\n"), get("/"));
    let transcript = read(format!("{sound}GET / HTTP/1.1\r\n\r\n"));
    assert_eq!(transcript.verdict(), Some((400, "no Host")));
    assert_eq!((transcript.requests.len(), transcript.phase), (2, Phase::Head));
    assert!(transcript.requests.iter().all(|request| request.content().is_some()));
}
