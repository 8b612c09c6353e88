//! hyper over a script instead of a socket: what it reads of the bytes that our reader has passed. `tests/` uses this
//! file too.

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

use super::{HeadLimits, transcript};

/// A request that hyper parsed.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) parts: Parts,
    pub(crate) size: Option<u64>,
    /// The content of the body, none if hyper gave it up.
    pub(crate) content: Option<Vec<u8>>,
}

impl Served {
    /// True if our reader has read the same: method, target, version, every field, framing and content.
    pub(crate) fn agrees(&self, ours: &transcript::Request) -> bool {
        self.parts.method == ours.method
            && self.parts.uri == ours.uri
            && self.parts.version == ours.version
            && self.parts.headers == ours.headers
            && self.size == ours.framing.size()
            && self.content.as_deref() == ours.content()
    }

    /// True if hyper reads nothing after this request.
    pub(crate) fn is_last(&self) -> bool {
        let closes =
            |value: &http::HeaderValue| value.as_bytes().to_ascii_lowercase().windows(5).any(|w| w == b"close");
        self.parts.version == http::Version::HTTP_10 || self.parts.headers.get_all("connection").iter().any(closes)
    }
}

/// Serves the reads of one connection, then its end. Every request is answered once its body is there.
pub(crate) fn serve<'a>(reads: impl IntoIterator<Item = &'a [u8]>, limits: HeadLimits) -> Vec<Served> {
    let served = Rc::new(RefCell::new(Vec::new()));
    let script = Script { reads: reads.into_iter().map(Bytes::copy_from_slice).collect(), ready: Bytes::new() };
    let service = service_fn(|request| answer(request, &served));
    let connection = http1::Builder::new()
        .half_close(true)
        .max_headers(limits.headers)
        .max_header_size(limits.head)
        .serve_connection(script, service);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    // What hyper says in the end is its own affair; what it has served is what counts.
    let _ = runtime.block_on(connection);
    served.take()
}

async fn answer(
    request: Request<Incoming>,
    served: &RefCell<Vec<Served>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let size = body.size_hint().exact();
    let content = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
    served.borrow_mut().push(Served { parts, size, content });
    Ok(Response::new(Empty::new()))
}

/// Writes vanish.
struct Script {
    reads: VecDeque<Bytes>,
    ready: Bytes,
}

impl Read for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        while self.ready.is_empty() {
            let Some(read) = self.reads.pop_front() else { break };
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
