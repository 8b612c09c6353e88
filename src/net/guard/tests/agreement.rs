//! hyper agrees with a request that it has read itself, and with no other.

use super::{HeadLimits, behind, transcript::Transcript};

const REQUEST: &str = "POST http://a:80/mcp?x=y HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello";

/// Whether hyper takes `theirs` for what our reader takes `ours` for.
fn agree(ours: &str, theirs: &str) -> bool {
    let transcript = Transcript::of([ours.as_bytes()], HeadLimits::default());
    let [request] = &*transcript.requests else { panic!("{ours:?} is not one request") };
    let served = behind::serve([theirs.as_bytes()], HeadLimits::default());
    let [served] = &*served else { panic!("{theirs:?} is not one request to hyper") };
    served.agrees(request)
}

#[test]
fn every_part_counts() {
    assert!(agree(REQUEST, REQUEST));
    for (part, other) in [
        ("POST", "PUT"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("http://a:80/mcp", "/mcp"),
        ("http:", "https:"),
        ("//a:80", "//b:80"),
        ("x=y", "x=z"),
        ("?x=y", ""),
        ("Host: a:80", "Host: A:80"),
        ("\r\n\r\n", "\r\nX: y\r\n\r\n"),
        ("Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("hello", "hullo"),
    ] {
        let theirs = REQUEST.replacen(part, other, 1);
        assert_ne!(theirs, REQUEST);
        assert!(!agree(REQUEST, &theirs), "{theirs:?}");
        if !part.contains("http") && !part.contains("//") {
            assert!(agree(&theirs, &theirs), "{theirs:?}");
        }
    }
}

#[test]
fn names_in_any_case_are_those_that_are_known() {
    let names = [
        "accept",
        "mcp-name",
        "connection",
        "mcp-method",
        "user-agent",
        "content-type",
        "authorization",
        "last-event-id",
        "mcp-session-id",
        "accept-encoding",
        "mcp-protocol-version",
        "x-other",
        "cookie",
        "a",
    ];
    for name in names {
        for name in [name.to_owned(), name.to_ascii_uppercase(), name.replacen('a', "b", 1)] {
            let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: \t x,y  \r\n{name}:\r\n\r\n");
            assert!(agree(&request, &request), "{name}");
        }
    }
}

#[test]
fn no_body_and_an_empty_one_are_alike() {
    for (lines, size) in [("", Some(0)), ("Content-Length: 0\r\n", Some(0)), ("Transfer-Encoding: chunked\r\n", None)] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let transcript = Transcript::of([request.as_bytes()], HeadLimits::default());
        assert_eq!(transcript.requests[0].framing.size(), size, "{lines:?}");
    }
}
