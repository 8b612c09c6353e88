//! Where an answer leaves: its head, and its body as fast as the client's windows and the socket take it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderValue, Response, StatusCode, header, response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use super::super::writer::Fault;
use super::serve::Connection;

/// The answering side of one stream. Dropped before the answer's end, it resets the stream.
pub(super) struct Outlet<'a, IO, H> {
    connection: &'a Connection<'a, IO, H>,
    respond: SendResponse<Bytes>,
    /// Once the head has gone.
    body: Option<SendStream<Bytes>>,
}

impl<'a, IO: AsyncRead + AsyncWrite + Unpin, H> Outlet<'a, IO, H> {
    pub(super) fn new(connection: &'a Connection<'a, IO, H>, respond: SendResponse<Bytes>) -> Self {
        Self { connection, respond, body: None }
    }

    /// Whether nothing has left yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.body.is_none()
    }

    /// The client waits for this before it sends its body (RFC 9110, 10.1.1).
    pub(super) fn invite(&mut self) {
        let mut interim = Response::new(());
        *interim.status_mut() = StatusCode::CONTINUE;
        // Where that fails the stream is gone, which shows soon enough.
        let _ = self.respond.send_informational(interim);
        self.connection.queue.hand(0);
    }

    /// Sends the head; it is all of the answer if it `ends`. `length` is that of the body, where it is known.
    pub(super) fn open(&mut self, mut head: response::Parts, length: Option<u64>, ends: bool) -> Result<(), Fault> {
        // Framing and connection are ours, and HTTP/2 has no fields for them.
        for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::UPGRADE] {
            head.headers.remove(name);
        }
        head.headers.remove("keep-alive");
        head.headers.remove("proxy-connection");
        if let Some(length) = length {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let sent = self.respond.send_response(Response::from_parts(head, ()), ends);
        self.body = Some(sent.map_err(|_| Fault::Gone)?);
        self.connection.queue.hand(0);
        self.connection.wire.sends(0);
        Ok(())
    }

    /// Answers with a status, an empty body and nothing else.
    pub(super) fn refuse(&mut self, status: u16) {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        if head.status == StatusCode::SERVICE_UNAVAILABLE {
            head.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // A client that has gone needs no answer.
        let _ = self.open(head, Some(0), true);
    }

    /// Sends a piece of the body, and the end with the `last`.
    pub(super) async fn send(&mut self, mut bytes: Bytes, last: bool) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let room = self.room(bytes.len()).await?;
            let piece = bytes.split_to(room.min(bytes.len()));
            let ends = last && bytes.is_empty();
            self.hand(piece, ends)?;
            if ends {
                return Ok(());
            }
        }
        if last { self.hand(Bytes::new(), true) } else { Ok(()) }
    }

    /// Ends the stream: what was sent of the answer must not look complete.
    pub(super) fn reset(&mut self, reason: Reason) {
        match &mut self.body {
            Some(body) => body.send_reset(reason),
            None => self.respond.send_reset(reason),
        }
        self.connection.queue.hand(0);
    }

    /// Ready once the client has reset the stream, or is gone.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reset = match &mut self.body {
            Some(body) => body.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        };
        reset.map(|reason| {
            if reason.is_ok() {
                self.connection.was_reset();
            }
        })
    }

    fn hand(&mut self, piece: Bytes, ends: bool) -> Result<(), Fault> {
        let body = self.body.as_mut().ok_or(Fault::Gone)?;
        let length = piece.len();
        body.send_data(piece, ends).map_err(|_| Fault::Gone)?;
        self.connection.queue.hand(length);
        self.connection.wire.sends(length);
        Ok(())
    }

    /// Waits until some of `wanted` bytes may be sent, and says how many. A client that gives no window for as long as
    /// `write_stall` has the stream reset.
    async fn room(&mut self, wanted: usize) -> Result<usize, Fault> {
        let connection = self.connection;
        let body = self.body.as_mut().ok_or(Fault::Gone)?;
        body.reserve_capacity(wanted);
        if connection.queue.has_room() && body.capacity() > 0 {
            return Ok(body.capacity());
        }
        let mut stall = pin!(sleep(connection.limits.write_stall));
        poll_fn(|cx| {
            if self.poll_left(cx).is_ready() {
                return Poll::Ready(Err(Fault::Gone));
            }
            if connection.queue.poll_room(cx).is_ready()
                && let Poll::Ready(room) = self.poll_capacity(cx)
            {
                return Poll::Ready(room.ok_or(Fault::Gone));
            }
            if stall.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            tracing::debug!(peer = %connection.peer.remote, "a stream takes nothing; reset");
            self.reset(Reason::CANCEL);
            Poll::Ready(Err(Fault::Gone))
        })
        .await
    }

    fn poll_capacity(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        loop {
            if body.capacity() > 0 {
                return Poll::Ready(Some(body.capacity()));
            }
            // It is told that it has changed, which may be for the worse.
            match body.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
