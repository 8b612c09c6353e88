//! One request a rule.

use super::super::{Framing, HeadGuard, HeadLimits, Phase, Refused};

/// A whole connection in one read.
fn inspect(bytes: impl AsRef<[u8]>) -> Result<HeadGuard, Refused> {
    let mut guard = HeadGuard::new(HeadLimits::default());
    guard.inspect(bytes.as_ref()).map(|()| guard)
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, why: &str) {
    let bytes = bytes.as_ref();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let refusal = inspect(bytes).expect_err(&text);
    assert!(refusal.why.contains(why), "{text:?}: {refusal}, expected {why:?}");
    assert_eq!(refusal.status, if why.contains("too many f") { 431 } else { 400 }, "{text:?}");
    assert_eq!(refusal.good, 0, "{text:?}");
}

#[track_caller]
fn passes(bytes: impl AsRef<[u8]>) -> HeadGuard {
    let text = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    inspect(bytes).expect(&text)
}

fn post(lines: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_plain_request_passes_and_says_what_it_is() {
    let mut guard = passes(post("Content-Length: 5\r\nX: \t y \t\r\nEmpty:\r\n"));
    assert_eq!(guard.phase(), Phase::Body);
    let head = guard.take_head().expect("a complete head");
    assert_eq!((head.method(), head.headers, head.framing), (&b"POST"[..], 4, Framing::Length(5)));
    assert_eq!(guard.take_head(), None);
    guard.inspect(b"hello").expect("the body");
    assert_eq!(guard.phase(), Phase::Between);
    guard.inspect(b"G").expect("a first byte");
    assert_eq!(guard.phase(), Phase::Head);
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
    let framing = |lines| passes(post(lines)).take_head().expect("a head").framing;
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
        let mut guard = passes(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(guard.phase(), Phase::Between);
        assert_eq!(guard.take_head().and_then(|head| head.framing.size()), Some(0));
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
    let mut guard = passes(post(lines));
    assert_eq!(guard.phase(), Phase::Between, "the next bytes are a head, whatever the protocol asked for");
    assert!(guard.inspect(b"PRI * HTTP/2.0\r\n\r\n").is_err());
}

#[test]
fn one_empty_line_before_a_request() {
    let request = get("/");
    let mut guard = passes(format!("\r\n{request}\r\n{request}\r\n"));
    assert_eq!(guard.phase(), Phase::Between);
    assert!(guard.take_head().is_some() && guard.take_head().is_some());
    refused(format!("\r\n\r\n{request}"), "several empty lines");
}

#[test]
fn bounds_of_a_head() {
    let limits = HeadLimits { head: 100, headers: 3 };
    let inspect = |bytes: &str| {
        let mut guard = HeadGuard::new(limits);
        guard.inspect(bytes.as_bytes()).map_err(|refused| (refused.status, refused.why))
    };
    let fitting = |size: usize| {
        let head = post("X: ");
        format!("{}{}\r\n\r\n", &head[..head.len() - 2], "x".repeat(size - head.len() - 2))
    };
    assert_eq!(fitting(100).len(), 100);
    assert_eq!(inspect(&fitting(100)), Ok(()));
    assert_eq!(inspect(&fitting(101)), Err((431, "a head or trailers of too many bytes")));
    assert_eq!(inspect(&format!("\r\n{}", fitting(99))), Err((431, "a head or trailers of too many bytes")));
    assert_eq!(inspect(&"x".repeat(101)), Err((431, "a head or trailers of too many bytes")));
    assert_eq!(inspect(&post("A: 1\r\nB: 2\r\n")), Ok(()));
    assert_eq!(inspect(&post("A: 1\r\nB: 2\r\nC: 3\r\n")), Err((431, "a head of too many fields")));
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
        let mut guard = HeadGuard::new(HeadLimits::default());
        let refusal = guard.inspect(chunked(body).as_bytes()).expect_err(body);
        assert!(refusal.why.contains(why), "{body:?}: {refusal}");
        assert!(refusal.good >= chunked("").len(), "{body:?}: the head is sound");
        assert_eq!(guard.phase(), Phase::Body, "{body:?}");
    }
    for body in [
        "0\r\n\r\n",
        "1\r\na\r\n0\r\n\r\n",
        "A;a=\"b;c\"\r\n0123456789\r\n00 ;x\r\nX: y\r\n\r\n",
        "01 \t;\r\na\r\n0\r\n\r\n",
    ] {
        let guard = passes(chunked(body));
        assert_eq!(guard.phase(), Phase::Between, "{body:?}");
    }
}

#[test]
fn bounds_of_a_chunked_body() {
    let chunked = |body: &str| {
        let mut guard = HeadGuard::new(HeadLimits { head: 200, headers: 3 });
        let bytes = format!("{}{body}", post("Transfer-Encoding: chunked\r\n"));
        guard.inspect(bytes.as_bytes()).map_err(|refused| (refused.status, refused.why))
    };
    let too_long = Err((400, "a chunk's extension of too many bytes"));
    assert_eq!(chunked(&format!("1;{}", "x".repeat(255))), Ok(()));
    assert_eq!(chunked(&format!("1;{}", "x".repeat(256))), too_long);
    assert_eq!(chunked(&format!("1{}", " ".repeat(257))), too_long);
    let chunk = format!("1;{}\r\na\r\n", "x".repeat(255));
    assert_eq!(chunked(&chunk.repeat(32)), Ok(()));
    assert_eq!(chunked(&format!("{}1;", chunk.repeat(32))), too_long);
    let trailers = |size: usize| format!("0\r\nX: {}\r\n\r\n", "x".repeat(size - 7));
    assert_eq!(chunked(&trailers(199)), Ok(()));
    assert_eq!(chunked(&trailers(200)), Err((431, "a head or trailers of too many bytes")));
    assert_eq!(chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(3))), Ok(()));
    assert_eq!(chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(4))), Err((431, "trailers of too many fields")));
}

#[test]
fn requests_in_advance() {
    let request = get("/");
    let mut guard = HeadGuard::new(HeadLimits::default());
    let refusal = guard.inspect(request.repeat(33).as_bytes()).expect_err("one too many");
    assert_eq!((refusal.status, refusal.good), (400, request.len() * 32));
    assert_eq!(std::iter::from_fn(|| guard.take_head()).count(), 32);
    assert_eq!(guard.inspect(b"x"), Err(Refused { good: 0, ..refusal }), "once refused, always refused");

    let mut guard = HeadGuard::new(HeadLimits::default());
    for _ in 0..100 {
        guard.inspect(request.repeat(2).as_bytes()).expect("there is room for two");
        assert!(guard.take_head().is_some() && guard.take_head().is_some());
    }
}

#[test]
fn what_came_before_a_refused_head_is_good() {
    let sound = format!("{}hello{}", post("Content-Length: 5\r\n"), get("/"));
    let mut guard = HeadGuard::new(HeadLimits::default());
    let refusal = guard.inspect(format!("{sound}GET / HTTP/1.1\r\n\r\n").as_bytes()).expect_err("no Host");
    assert_eq!(refusal.good, sound.len());
    assert_eq!(guard.phase(), Phase::Head);
}
