//! hyper behind a guard, over a script instead of a socket. `tests/corpus_http.rs` uses this file too.

use std::{
    cell::RefCell,
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http::{Request, Response, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::service_fn,
};

use super::{Head, HeadGuard, HeadLimits, Refused};

/// What came of a connection.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) served: Vec<Served>,
    pub(crate) refused: Option<Refused>,
}

/// A request that hyper parsed.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) parts: Parts,
    pub(crate) size: Option<u64>,
    /// The guard's head for it.
    pub(crate) head: Option<Head>,
    /// The content of the body, none if hyper gave it up.
    pub(crate) content: Option<Vec<u8>>,
}

impl Served {
    pub(crate) fn agrees(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.agrees(&self.parts, self.size))
    }

    /// True if hyper reads nothing after this request.
    pub(crate) fn is_last(&self) -> bool {
        let closes =
            |value: &http::HeaderValue| value.as_bytes().to_ascii_lowercase().windows(5).any(|w| w == b"close");
        self.parts.version == http::Version::HTTP_10 || self.parts.headers.get_all("connection").iter().any(closes)
    }
}

/// Serves the reads of one connection, then its end. Every request is answered once its body is there.
pub(crate) fn serve(reads: impl IntoIterator<Item = Bytes>, limits: HeadLimits) -> Outcome {
    let shared = Rc::new(RefCell::new(Shared { guard: HeadGuard::new(limits), refused: None, served: Vec::new() }));
    let script = Script { reads: reads.into_iter().collect(), ready: Bytes::new(), shared: shared.clone() };
    let service = {
        let shared = shared.clone();
        service_fn(move |request| answer(request, shared.clone()))
    };
    let connection = http1::Builder::new()
        .half_close(true)
        .max_headers(limits.headers)
        .max_header_size(limits.head)
        .serve_connection(script, service);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    // What hyper says in the end is its own affair; what it has served is what counts.
    let _ = runtime.block_on(connection);
    let shared = &mut *shared.borrow_mut();
    Outcome { served: std::mem::take(&mut shared.served), refused: shared.refused }
}

struct Shared {
    guard: HeadGuard,
    refused: Option<Refused>,
    served: Vec<Served>,
}

async fn answer(request: Request<Incoming>, shared: Rc<RefCell<Shared>>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let size = body.size_hint().exact();
    let head = shared.borrow_mut().guard.take_head();
    let content = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
    shared.borrow_mut().served.push(Served { parts, size, head, content });
    Ok(Response::new(Empty::new()))
}

/// Reads are inspected, then handed on; writes vanish.
struct Script {
    reads: VecDeque<Bytes>,
    ready: Bytes,
    shared: Rc<RefCell<Shared>>,
}

impl Read for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        while self.ready.is_empty() && self.shared.borrow().refused.is_none() {
            let Some(mut read) = self.reads.pop_front() else { break };
            let verdict = self.shared.borrow_mut().guard.inspect(&read);
            if let Err(refused) = verdict {
                read.truncate(refused.good);
                self.shared.borrow_mut().refused = Some(refused);
            }
            self.ready = read;
        }
        let taken = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready[..taken]);
        self.ready.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl Write for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
