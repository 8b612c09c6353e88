//! The reader of servers' answers: it says the same however the bytes are split, and what it takes, hyper takes too.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Empty};
use hyper::rt::{Read, ReadBufCursor, Write};
use weir::net::upstream::{Answer, Failure, Fed};

/// Checks one connection to its end. The first byte says how long the reads are, and whether HEAD was asked.
pub(crate) fn check(data: &[u8]) {
    let Some((&how, text)) = data.split_first() else { return };
    let bodyless = how & 1 == 1;
    let whole = read(text, text.len().max(1), bodyless).ok();
    for step in [1, 2, 3, 7, 1 + usize::from(how)] {
        assert_eq!(read(text, step, bodyless).ok(), whole, "in reads of {step} bytes");
    }
    // Cut short, both fail, but not at the same point: only a whole answer is compared.
    let Some(Outcome { head: Some(_), ended: true, .. }) = whole else { return };
    let reference = hypers(text, 1 + usize::from(how), bodyless);
    let ours = whole.map(|whole| (whole.head, whole.body));
    assert_eq!(reference.map(|(head, body)| (Some(head), body)), ours, "beside hyper");
}

type Head = (u16, HeaderMap);

/// What must not depend on the reads.
#[derive(Debug, PartialEq)]
struct Outcome {
    head: Option<Head>,
    body: Vec<u8>,
    ended: bool,
    reusable: bool,
}

fn read(text: &[u8], step: usize, bodyless: bool) -> Result<Outcome, Failure> {
    let (mut answer, mut head, mut body, mut announced) = (Answer::new(bodyless), None, Vec::new(), None);
    for portion in text.chunks(step) {
        let mut portion = portion.to_vec();
        let Fed { head: found, payload } = answer.feed(&mut portion)?;
        if let Some(found) = found {
            assert!(head.is_none(), "two heads of one answer");
            announced = found.length;
            head = Some((found.status.as_u16(), found.headers));
        }
        assert!(payload.is_empty() || head.is_some(), "a body before its head");
        body.extend_from_slice(&portion[payload]);
    }
    assert_eq!(answer.has_begun(), !text.is_empty());
    let (done, reusable) = (answer.is_done(), answer.keep().is_some());
    let ended = answer.close();
    assert!(!done || ended, "an end cannot be undone");
    assert!(!reusable || done, "what has not ended is not kept");
    assert!(!ended || announced.is_none_or(|length| length == body.len() as u64), "the length is what was announced");
    Ok(Outcome { head, body, ended, reusable })
}

/// A connection in memory: silent until it was written to, then `text` in portions, then its end.
struct Script<'a> {
    text: &'a [u8],
    step: usize,
    asked: bool,
}

impl Read for Script<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut space: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        if !self.asked {
            return Poll::Pending;
        }
        let (now, later) = self.text.split_at(self.step.min(self.text.len()).min(space.remaining()));
        space.put_slice(now);
        self.text = later;
        Poll::Ready(Ok(()))
    }
}

impl Write for Script<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper's client makes of it; nobody is woken here, both sides are asked again and again.
fn hypers(text: &[u8], step: usize, bodyless: bool) -> Option<(Head, Vec<u8>)> {
    let script = Script { text, step, asked: false };
    let mut cx = Context::from_waker(Waker::noop());
    let mut builder = hyper::client::conn::http1::Builder::new();
    let handshake = pin!(builder.max_headers(256).handshake(script));
    let Poll::Ready(Ok((mut sender, connection))) = handshake.poll(&mut cx) else {
        panic!("the handshake is only a word");
    };
    let request = Request::builder().method(if bodyless { Method::HEAD } else { Method::POST }).uri("/mcp");
    let request = request.header("Host", "h").body(Empty::<Bytes>::new()).expect("a sound request");
    let mut exchange = pin!(async {
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(((head.status.as_u16(), head.headers), body.to_vec()))
    });
    let (mut connection, mut closed) = (pin!(connection), false);
    for _ in 0..1000 + 8 * text.len() {
        closed = closed || connection.as_mut().poll(&mut cx).is_ready();
        if let Poll::Ready(read) = exchange.as_mut().poll(&mut cx) {
            return read;
        }
    }
    panic!("hyper's client came to no end");
}
