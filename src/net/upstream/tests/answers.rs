//! What bytes mean, without any socket: every framing, every portion, and all that is refused.

use std::time::Duration;

use super::*;

/// What a reader made of `text`, fed in portions of `step` bytes, and the server's closing after it.
struct Read {
    heads: Vec<ResponseHead>,
    body: Vec<u8>,
    whole: bool,
    keep: Option<Duration>,
}

fn read(text: &[u8], step: usize, bodyless: bool) -> Result<Read, Failure> {
    let (mut answer, mut heads, mut body) = (Answer::new(bodyless), Vec::new(), Vec::new());
    for portion in text.chunks(step) {
        let mut portion = portion.to_vec();
        let fed = answer.feed(&mut portion)?;
        heads.extend(fed.head);
        body.extend_from_slice(&portion[fed.payload]);
    }
    let keep = answer.keep();
    Ok(Read { heads, body, whole: answer.close(), keep })
}

fn refused(text: &str) -> Failure {
    let at_once = read(text.as_bytes(), text.len(), false).map(|read| read.body);
    let slowly = read(text.as_bytes(), 1, false).map(|read| read.body);
    let failure = at_once.expect_err(text);
    assert_eq!(failure.to_string(), slowly.expect_err(text).to_string(), "{text:?}");
    failure
}

fn malformed(text: &str) {
    let failure = refused(text);
    assert!(matches!(failure, Failure::Malformed(_)), "{text:?}: {failure}");
}

fn too_large(text: &str) {
    let failure = refused(text);
    assert!(matches!(failure, Failure::TooLarge(_)), "{failure}");
}

#[test]
fn every_framing_reads_alike_in_portions_of_any_size() {
    let minute = Some(Duration::from_secs(60));
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", minute),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, "hello", minute),
        ("HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello", None),
        ("HTTP/1.1 200\r\nContent-length:0\r\n\r\n", 200, "", minute),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", minute),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, "", minute),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hm\r\nLink: x\r\n\r\nHTTP/1.1 202 \r\nContent-Length: 0\r\n\r\n",
            202,
            "",
            minute,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", None),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nok", 200, "ok", minute),
    ];
    for (text, status, body, keep) in cases {
        for step in 1..=text.len() {
            let read = read(text.as_bytes(), step, false).expect(text);
            assert_eq!(read.heads.len(), 1, "{text:?} in portions of {step}");
            assert_eq!(read.heads[0].status, status);
            assert_eq!(read.body, body.as_bytes(), "{text:?} in portions of {step}");
            assert!(read.whole, "{text:?} in portions of {step}");
            assert_eq!(read.keep, keep, "{text:?} in portions of {step}");
        }
    }
}

#[test]
fn fields_come_as_they_were_sent() {
    let text = "HTTP/1.1 404 Nicht da\r\nA:\t x  y \r\nMcp-Session-Id: s-1\r\na: \u{e4}\r\nEmpty:\r\nContent-Length: 3\r\n\r\n";
    let head = read(text.as_bytes(), text.len(), false).expect("sound").heads.remove(0);
    assert_eq!(head.status, 404);
    assert_eq!(head.length, Some(3));
    let all: Vec<_> = head.headers.get_all("a").iter().map(|value| value.as_bytes().to_vec()).collect();
    assert_eq!(all, [b"x  y".to_vec(), "\u{e4}".as_bytes().to_vec()]);
    assert_eq!(head.headers["mcp-session-id"], "s-1");
    assert_eq!(head.headers["empty"], "");
    assert_eq!(head.headers.len(), 5);
}

#[test]
fn an_answer_to_head_has_no_body_whatever_it_announces() {
    for announced in ["Content-Length: 10", "Transfer-Encoding: chunked", "X: y"] {
        let text = format!("HTTP/1.1 200 OK\r\n{announced}\r\n\r\n");
        let read = read(text.as_bytes(), text.len(), true).expect("sound");
        assert!(read.whole);
        assert_eq!(read.heads[0].length, Some(0));
        assert_eq!(read.keep, Some(Duration::from_secs(60)));
    }
}

#[test]
fn what_could_be_framed_in_two_ways_is_malformed() {
    for fields in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 2",
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 2",
        "Content-Length: +2",
        "Content-Length: -2",
        "Content-Length: 0x2",
        "Content-Length: 2 2",
        "Content-Length:",
        "Content-Length: 9999999999999999999",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked;x=y",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding:",
    ] {
        malformed(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n"));
        malformed(&format!("HTTP/1.1 204 No Content\r\n{fields}\r\n\r\n"));
    }
    malformed("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

#[test]
fn a_head_that_is_not_exact_is_malformed() {
    for text in [
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/1.1x 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "\nHTTP/1.1 200 OK\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
        "<html>",
        "HTTP/1.1 200 OK\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\n",
        "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 -20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\u{e4}: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        malformed(text);
    }
}

#[test]
fn garbage_is_known_by_its_first_byte() {
    for text in ["SSH-2.0-x", "\x15\x03\x01", "HTTP/2"] {
        malformed(text);
    }
}

#[test]
fn heads_are_bounded_in_bytes_fields_and_number() {
    let big = |bytes: usize| format!("HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(bytes));
    assert!(read(big(65_000).as_bytes(), 1000, false).is_ok());
    too_large(&big(66_000));
    too_large(&"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n".repeat(17));
    too_large(&format!("HTTP/1.1 103 Hints\r\nA: {}\r\n\r\n", "x".repeat(10_000)).repeat(7));
    let fields = |n: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(n));
    assert!(read(fields(256).as_bytes(), 1000, false).is_ok());
    too_large(&fields(257));
    // Without an end, too.
    too_large(&format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(70_000)));
}

#[test]
fn a_body_that_is_cut_short_is_not_whole() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let read = read(text.as_bytes(), 7, false).expect("so far sound");
        assert!(!read.whole, "{text:?}");
        assert_eq!(read.keep, None, "{text:?}");
    }
}

#[test]
fn how_long_a_connection_may_lie_idle() {
    let keep = |fields: &str| {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n\r\n");
        read(text.as_bytes(), text.len(), false).expect("sound").keep.map(|idle| idle.as_secs())
    };
    assert_eq!(keep("X: y"), Some(60));
    assert_eq!(keep("Keep-Alive: timeout=5"), Some(4));
    assert_eq!(keep("keep-alive: max=100, Timeout=7"), Some(6));
    assert_eq!(keep("Keep-Alive: timeout=1"), None);
    assert_eq!(keep("Keep-Alive: timeout=0"), None);
    assert_eq!(keep("Keep-Alive: timeout=3600"), Some(60));
    assert_eq!(keep("Keep-Alive: timeout=soon"), Some(60));
    assert_eq!(keep("Connection: close"), None);
    assert_eq!(keep("Connection: x, CLOSE"), None);
    assert_eq!(keep("Connection: keep-alive\r\nConnection: close"), None);
    assert_eq!(keep("Connection: closed"), Some(60));
}

#[test]
fn a_connection_with_surplus_bytes_is_not_kept() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n",
    ] {
        for step in [1, 13, text.len()] {
            let read = read(text.as_bytes(), step, false).expect("the answer itself is sound");
            assert!(read.whole);
            assert_eq!(read.keep, None, "{text:?}");
        }
    }
    // It announces a body that may not be there: what comes next is anybody's guess.
    let doubtful = "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(read(doubtful.as_bytes(), 100, false).expect("sound").keep, None);
}

#[test]
fn an_answer_given_up_stays_given_up() {
    let mut answer = Answer::new(false);
    assert!(answer.feed(&mut b"garbage".to_vec()).is_err());
    assert!(answer.feed(&mut b"HTTP/1.1 200 OK\r\n\r\n".to_vec()).is_err());
    assert!(!answer.is_done() && !answer.close());
}
