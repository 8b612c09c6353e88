//! The socket as hyper sees it: every byte has passed the head guard.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::socket::Socket;

use super::wire::{Scratch, Wire};

/// Up to this many bytes it is cheaper to copy than to gather.
const GATHERED: usize = 8 * 1024;

/// A client's socket behind the guard.
pub(super) struct GuardedIo {
    pub(super) stream: Socket,
    wire: Rc<Wire>,
    scratch: Scratch,
    /// Bytes that have passed the guard, and that hyper had read when it was taken apart.
    ahead: Bytes,
    /// Bytes that came while a streaming answer was written; the guard has not seen them.
    unseen: BytesMut,
}

impl GuardedIo {
    pub(super) fn new(stream: Socket, wire: Rc<Wire>, scratch: Scratch) -> Self {
        Self { stream, wire, scratch, ahead: Bytes::new(), unseen: BytesMut::new() }
    }

    /// Goes back behind hyper after a streaming answer: first what hyper had read, then what came meanwhile.
    pub(super) fn resume(&mut self, read_by_hyper: Bytes, came_meanwhile: BytesMut) {
        self.ahead = read_by_hyper;
        self.unseen = came_meanwhile;
    }

    /// Hands on what is here already; false if there is nothing.
    fn hand_on(&mut self, out: &mut ReadBufCursor<'_>) -> bool {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(out.remaining());
            out.put_slice(&self.ahead[..length]);
            self.ahead.advance(length);
            if self.ahead.is_empty() {
                self.ahead = Bytes::new();
            }
            return true;
        }
        if self.unseen.is_empty() || self.wire.is_refused() {
            return false;
        }
        let bytes = self.unseen.split_to(self.unseen.len().min(out.remaining()));
        if self.unseen.is_empty() {
            self.unseen = BytesMut::new();
        }
        let good = self.wire.inspect(&bytes);
        out.put_slice(&bytes[..good]);
        good > 0
    }

    /// Reads from the socket. Returns how many bytes hyper gets; zero is the end, or a refusal.
    fn read(&mut self, cx: &mut Context<'_>, out: &mut ReadBufCursor<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = self.scratch.borrow_mut();
        let room = out.remaining().min(scratch.len());
        let mut read = ReadBuf::new(&mut scratch[..room]);
        match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
            Poll::Pending => {
                if self.wire.draining.get() {
                    self.wire.quiet.set(self.stream.is_quiet());
                }
                return Poll::Pending;
            }
            Poll::Ready(Err(error)) => {
                self.wire.left.set(true);
                return Poll::Ready(Err(error));
            }
            Poll::Ready(Ok(())) => {}
        }
        let bytes = read.filled();
        if bytes.is_empty() {
            self.wire.left.set(true);
        }
        let good = self.wire.inspect(bytes);
        out.put_slice(&bytes[..good]);
        Poll::Ready(Ok(good))
    }

    fn note(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Pending => self.wire.blocked(),
            Poll::Ready(_) => self.wire.wrote(),
        }
        polled
    }
}

impl Read for GuardedIo {
    /// Behind a refusal hyper is kept waiting, not failed: the driver sees that it has nothing left, and decides. So a
    /// sound request before the refused one gets its answer first.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut out: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.hand_on(&mut out) {
            return Poll::Ready(Ok(()));
        }
        if !this.wire.is_refused() {
            match this.read(cx, &mut out) {
                Poll::Ready(Ok(0)) if this.wire.is_refused() => {}
                polled => return polled.map_ok(|_| ()),
            }
        }
        this.wire.exhaust();
        Poll::Pending
    }
}

impl Write for GuardedIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.note(polled)
    }

    /// Head and body of a small answer are put into one buffer first: that costs less than a gathering write. A large
    /// body is not copied.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let length = pieces.iter().map(|piece| piece.len()).sum();
        let polled = if length > GATHERED {
            Pin::new(&mut this.stream).poll_write_vectored(cx, pieces)
        } else {
            let mut scratch = this.scratch.borrow_mut();
            let mut rest = &mut scratch[..length];
            for piece in pieces {
                let (place, left) = rest.split_at_mut(piece.len());
                place.copy_from_slice(piece);
                rest = left;
            }
            Pin::new(&mut this.stream).poll_write(cx, &scratch[..length])
        };
        this.note(polled)
    }

    /// Else hyper would copy every body into a buffer that it keeps for as long as the connection lasts.
    fn is_write_vectored(&self) -> bool {
        true
    }

    /// A plain socket has taken what was written; TLS may still hold it.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Socket::Plain(_) = this.stream {
            return Poll::Ready(Ok(()));
        }
        let taken = this.stream.taken();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        if polled.is_ready() || this.stream.taken() != taken {
            this.wire.wrote();
        }
        if polled.is_pending() {
            this.wire.blocked();
        }
        polled
    }

    /// The driver closes the socket itself, after what it still has to say.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
