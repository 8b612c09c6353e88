//! An answer of one piece on its way: head and body in one write.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use http::{Response, StatusCode, Version};
use http_body::Body;
use http_body_util::Full;
use tokio::io::AsyncWrite;

use crate::net::socket::Socket;

use super::head::{Framing, ResponseHead};
use super::shared::Shared;
use super::stream::Asked;

/// Up to this many bytes it is cheaper to copy than to gather.
const GATHERED: usize = 8 * 1024;

/// What a socket has not taken yet.
#[derive(Debug)]
pub(super) struct Outgoing {
    front: Bytes,
    body: Bytes,
    /// How much it has taken.
    written: u64,
}

/// Writes what the socket takes at once; the rest is left. `before` goes in front, and `close` says that the connection
/// ends with this answer.
///
/// # Errors
/// The client has gone.
pub(super) fn begin(
    socket: &mut Socket,
    shared: &Shared,
    response: Response<Full<Bytes>>,
    asked: Asked,
    close: bool,
    before: &'static [u8],
) -> io::Result<Option<Outgoing>> {
    let (parts, body) = response.into_parts();
    let mut body = bytes(body);
    let head = ResponseHead {
        version: asked.version,
        status: parts.status,
        fields: &parts.headers,
        framing: framing(parts.status, asked, body.len()),
        connection: match asked.version {
            _ if close => Some("close"),
            Version::HTTP_10 => Some("keep-alive"),
            _ => None,
        },
        date: Some(shared),
    };
    if asked.head_only || is_bodiless(parts.status) {
        body = Bytes::new();
    }
    let room = before.len() + head.room();
    let outgoing = if room + body.len() <= GATHERED {
        let mut buffer = shared.buffer.borrow_mut();
        let all = buffer.len();
        let mut out = &mut buffer[..];
        // There is room.
        let _ = out.write_all(before);
        head.write(&mut out);
        let _ = out.write_all(&body);
        let length = all - out.len();
        let mut rest = &buffer[..length];
        if let Poll::Ready(written) = Pin::new(&mut *socket).poll_write(&mut unheard(), rest) {
            rest = &rest[written?..];
        }
        if rest.is_empty() && matches!(socket, Socket::Plain(_)) {
            return Ok(None);
        }
        Outgoing { front: Bytes::copy_from_slice(rest), body: Bytes::new(), written: 0 }
    } else {
        let mut front = Vec::with_capacity(room);
        front.extend_from_slice(before);
        head.write(&mut front);
        Outgoing { front: front.into(), body, written: 0 }
    };
    outgoing.went_on(socket)
}

impl Outgoing {
    fn went_on(mut self, socket: &mut Socket) -> io::Result<Option<Self>> {
        match self.poll(socket, &mut unheard()) {
            Poll::Ready(written) => written.map(|()| None),
            Poll::Pending => Ok(Some(self)),
        }
    }

    /// Writes on. Ready once the kernel has all of it.
    ///
    /// # Errors
    /// The client has gone.
    pub(super) fn poll(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.front.has_remaining() || self.body.has_remaining() {
            let pieces = [IoSlice::new(&self.front), IoSlice::new(&self.body)];
            let written = ready!(Pin::new(&mut *socket).poll_write_vectored(cx, &pieces))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written as u64;
            let of_front = written.min(self.front.len());
            self.front.advance(of_front);
            self.body.advance(written - of_front);
        }
        // A plain socket has taken what was written; TLS may still hold it.
        match socket {
            Socket::Plain(_) => Poll::Ready(Ok(())),
            Socket::Tls(_) => Pin::new(socket).poll_flush(cx),
        }
    }

    /// How much has been taken so far, in bytes of whatever kind.
    pub(super) fn progress(&self, socket: &Socket) -> u64 {
        self.written + socket.taken()
    }
}

/// Who is left with a rest asks again, with a waker.
fn unheard() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn bytes(mut body: Full<Bytes>) -> Bytes {
    match Pin::new(&mut body).poll_frame(&mut unheard()) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        Poll::Ready(None) | Poll::Pending => Bytes::new(),
    }
}

fn framing(status: StatusCode, asked: Asked, length: usize) -> Framing {
    match length {
        _ if is_bodiless(status) => Framing::None,
        // What a GET would bring is not known.
        0 if asked.head_only => Framing::None,
        length => Framing::Length(length as u64),
    }
}

/// Whether answers of that status have no body, and no length either.
pub(super) fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
