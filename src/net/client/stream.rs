//! The loop that writes a streaming answer straight to the socket: one write for all that one read brought.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, Write as _};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, Version, header, response};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

use crate::model::clock;
use crate::net::drain::Member;

use super::{End, Limits, Next, Source};

/// What a client may send ahead while an answer is streamed to it; who sends more is cut.
const MOST_AHEAD: usize = 64 * 1024;
/// Ends a body in chunks (RFC 9112, 7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A streaming answer that has not been written yet.
pub(super) struct Answer<S> {
    pub(super) head: response::Parts,
    pub(super) source: S,
    /// The connection ends with this answer.
    pub(super) close: bool,
}

/// What becomes of the connection.
pub(super) enum Outcome {
    Close,
    /// It goes on; this came in while the answer was written.
    Continue(BytesMut),
}

/// What happened while a stream waited.
enum Event {
    Piece(Next),
    Left,
    Silent,
    Draining,
}

impl<S: Source> Answer<S> {
    /// Writes head and body to their end.
    pub(super) async fn write(mut self, io: &mut TcpStream, limits: &Limits, member: &Member<'_>) -> Outcome {
        let mut ahead = BytesMut::new();
        let mut writer = Writer { io, framing: Framing::of(&self), stall: limits.write_stall, before: Vec::new() };
        self.close |= writer.framing == Framing::UntilClose;
        writer.head(&self.head, self.close);
        let end = self.relay(&mut writer, &mut ahead, limits, member).await;
        self.source.finished(end);
        match end {
            End::Complete if !self.close => Outcome::Continue(ahead),
            _ => Outcome::Close,
        }
    }

    async fn relay(
        &mut self,
        writer: &mut Writer<'_>,
        ahead: &mut BytesMut,
        limits: &Limits,
        member: &Member<'_>,
    ) -> End {
        let mut silence = pin!(sleep(limits.keepalive));
        loop {
            let mut piece = Vec::new();
            let event = self.wait(&mut piece, writer, ahead, silence.as_mut(), member).await;
            let sent = match event {
                Event::Left => return End::ClientLeft,
                Event::Piece(Next::Cut) => return End::Cut,
                Event::Piece(next) => writer.piece(&piece, next == Next::Last).await,
                Event::Silent => writer.piece(self.source.keepalive().unwrap_or_default(), false).await,
                Event::Draining => writer.piece(&[], true).await,
            };
            match (sent, event) {
                (Err(_), _) => return End::ClientLeft,
                (Ok(()), Event::Piece(Next::Last)) => return End::Complete,
                (Ok(()), Event::Draining) => return End::Drained,
                (Ok(()), _) => silence.as_mut().reset(clock::timer_now() + limits.keepalive),
            }
        }
    }

    /// Waits for whatever comes first. The head is not kept back for a first piece that is not there yet.
    async fn wait(
        &mut self,
        piece: &mut Vec<u8>,
        writer: &mut Writer<'_>,
        ahead: &mut BytesMut,
        mut silence: Pin<&mut Sleep>,
        member: &Member<'_>,
    ) -> Event {
        let (endless, keepalive) = (self.source.is_endless(), self.source.keepalive().is_some());
        let mut next = pin!(self.source.next(piece));
        if let Poll::Ready(next) = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
            return Event::Piece(next);
        }
        if writer.flush().await.is_err() {
            return Event::Left;
        }
        poll_fn(|cx| {
            if let Poll::Ready(next) = next.as_mut().poll(cx) {
                return Poll::Ready(Event::Piece(next));
            }
            if has_left(writer.io, ahead, cx) {
                return Poll::Ready(Event::Left);
            }
            if member.poll_draining(cx) && endless {
                return Poll::Ready(Event::Draining);
            }
            match keepalive && silence.as_mut().poll(cx).is_ready() {
                true => Poll::Ready(Event::Silent),
                false => Poll::Pending,
            }
        })
        .await
    }
}

/// Whether the client has gone (or floods us). What it sends ahead is kept for the next request.
fn has_left(io: &TcpStream, ahead: &mut BytesMut, cx: &mut Context<'_>) -> bool {
    let mut bytes = [0; 1024];
    while let Poll::Ready(ready) = io.poll_read_ready(cx) {
        match ready.and_then(|()| io.try_read(&mut bytes)) {
            Ok(0) => return true,
            Ok(read) => ahead.extend_from_slice(&bytes[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return true,
        }
        if ahead.len() > MOST_AHEAD {
            return true;
        }
    }
    false
}

/// How the body's end is told (RFC 9112, 6.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Chunked,
    Length(u64),
    UntilClose,
}

impl Framing {
    fn of<S: Source>(answer: &Answer<S>) -> Self {
        match answer.source.length() {
            Some(length) => Framing::Length(length),
            None if answer.head.version == Version::HTTP_11 => Framing::Chunked,
            None => Framing::UntilClose,
        }
    }
}

struct Writer<'a> {
    io: &'a mut TcpStream,
    framing: Framing,
    stall: Duration,
    /// The head, until it has left; then the chunk's size line.
    before: Vec<u8>,
}

impl Writer<'_> {
    fn head(&mut self, head: &response::Parts, close: bool) {
        let reason = head.status.canonical_reason().unwrap_or("");
        let out = &mut self.before;
        // Writing into a Vec cannot fail.
        let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", head.status.as_str());
        write_fields(out, &head.headers);
        let _ = match self.framing {
            Framing::Chunked => write!(out, "transfer-encoding: chunked\r\n"),
            Framing::Length(length) => write!(out, "content-length: {length}\r\n"),
            Framing::UntilClose => Ok(()),
        };
        if close {
            out.extend_from_slice(b"connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Writes one piece, and the end of the body with the last one, in one go.
    async fn piece(&mut self, piece: &[u8], last: bool) -> io::Result<()> {
        let mut after: &[u8] = b"";
        if self.framing == Framing::Chunked {
            if !piece.is_empty() {
                let _ = write!(self.before, "{:x}\r\n", piece.len());
                after = if last { b"\r\n0\r\n\r\n" } else { b"\r\n" };
            } else if last {
                after = LAST_CHUNK;
            }
        }
        let before = std::mem::take(&mut self.before);
        let pieces = &mut [IoSlice::new(&before), IoSlice::new(piece), IoSlice::new(after)];
        self.send(pieces).await
    }

    /// Writes the head where it has not left yet.
    async fn flush(&mut self) -> io::Result<()> {
        if self.before.is_empty() {
            return Ok(());
        }
        let before = std::mem::take(&mut self.before);
        self.send(&mut [IoSlice::new(&before)]).await
    }

    async fn send(&self, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        IoSlice::advance_slices(&mut pieces, 0);
        while !pieces.is_empty() {
            match self.io.try_write_vectored(pieces) {
                Ok(written) => IoSlice::advance_slices(&mut pieces, written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    timeout(self.stall, self.io.writable()).await.map_err(|_| io::ErrorKind::TimedOut)??;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn write_fields(out: &mut Vec<u8>, fields: &HeaderMap) {
    // The framing is ours; a length that a handler set would lie beside it.
    let ours: [HeaderName; 3] = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];
    for (name, value) in fields.iter().filter(|(name, _)| !ours.contains(name)) {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}
