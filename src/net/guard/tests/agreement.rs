//! A head agrees with its own request and with no other.

use http::{Request, Version, request::Builder};

use super::{Head, HeadGuard, HeadLimits};

fn head(text: &str) -> Head {
    let mut guard = HeadGuard::new(HeadLimits::default());
    guard.inspect(text.as_bytes()).expect("a sound head");
    guard.take_head().expect("a complete head")
}

/// What hyper should have made of the request below.
fn parsed() -> Builder {
    Request::builder().method("POST").uri("http://a:80/mcp?x=y").header("Host", "a:80").header("Content-Length", "5")
}

#[test]
fn every_part_counts() {
    let head = head("POST http://a:80/mcp?x=y HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\n");
    let agrees = |parsed: Builder, size| head.agrees(&parsed.body(()).expect("a request").into_parts().0, size);
    assert!(agrees(parsed(), Some(5)));
    assert!(!agrees(parsed(), Some(4)));
    assert!(!agrees(parsed(), None));
    assert!(!agrees(parsed().method("PUT"), Some(5)));
    assert!(!agrees(parsed().version(Version::HTTP_10), Some(5)));
    assert!(!agrees(parsed().header("X", "y"), Some(5)));
    for uri in [
        "/mcp?x=y",
        "https://a:80/mcp?x=y",
        "http://b:80/mcp?x=y",
        "http://a:80/mcp?x=z",
        "http://a:80/mcp",
        "http://a/80",
    ] {
        assert!(!agrees(parsed().uri(uri), Some(5)), "{uri}");
    }
}

#[test]
fn no_body_and_an_empty_one_are_alike() {
    for (lines, size) in [("", Some(0)), ("Content-Length: 0\r\n", Some(0)), ("Transfer-Encoding: chunked\r\n", None)] {
        let head = head(&format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
        let mut parsed = Request::builder().method("POST").header("Host", "a");
        if !lines.is_empty() {
            parsed = parsed.header("X", "whatever it is called");
        }
        let parts = parsed.body(()).expect("a request").into_parts().0;
        assert!(head.agrees(&parts, size), "{lines:?}");
        assert!(!head.agrees(&parts, Some(1)), "{lines:?}");
    }
}
