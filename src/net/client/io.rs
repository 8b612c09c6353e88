//! The socket as hyper sees it: every byte has passed the head guard.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::wire::{Scratch, Wire};

/// A client's socket behind the guard.
pub(super) struct GuardedIo {
    pub(super) stream: TcpStream,
    wire: Rc<Wire>,
    scratch: Scratch,
    /// Bytes that have passed the guard and that hyper has not taken yet.
    ahead: Bytes,
    /// Bytes that came while a streaming answer was written; the guard has not seen them.
    unseen: BytesMut,
}

impl GuardedIo {
    pub(super) fn new(stream: TcpStream, wire: Rc<Wire>, scratch: Scratch) -> Self {
        Self { stream, wire, scratch, ahead: Bytes::new(), unseen: BytesMut::new() }
    }

    /// Goes back behind hyper after a streaming answer: first what hyper had read, then what came meanwhile.
    pub(super) fn resume(&mut self, read_by_hyper: Bytes, came_meanwhile: BytesMut) {
        self.ahead = read_by_hyper;
        self.unseen = came_meanwhile;
    }

    fn hand_on(&mut self, out: &mut ReadBufCursor<'_>) {
        let length = self.ahead.len().min(out.remaining());
        out.put_slice(&self.ahead[..length]);
        self.ahead.advance(length);
    }

    /// After a refusal nothing is handed on. While an earlier request is being answered, hyper is kept waiting
    /// instead of failed, so that the sound request before the refused one gets its answer.
    fn refuse(&self) -> Poll<io::Result<()>> {
        if self.wire.busy.get() {
            return Poll::Pending;
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "refused by the head guard")))
    }
}

impl Read for GuardedIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut out: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() && !this.unseen.is_empty() {
            let mut bytes = this.unseen.split();
            bytes.truncate(this.wire.inspect(&bytes));
            this.ahead = bytes.freeze();
        }
        if !this.ahead.is_empty() {
            this.hand_on(&mut out);
            return Poll::Ready(Ok(()));
        }
        if this.wire.refused.get().is_some() {
            return this.refuse();
        }
        let mut scratch = this.scratch.borrow_mut();
        let room = out.remaining().min(scratch.len());
        let mut read = ReadBuf::new(&mut scratch[..room]);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
        let bytes = read.filled();
        let good = this.wire.inspect(bytes);
        if good == 0 && !bytes.is_empty() {
            return this.refuse();
        }
        out.put_slice(&bytes[..good]);
        Poll::Ready(Ok(()))
    }
}

impl Write for GuardedIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.note(polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, pieces);
        this.note(polled)
    }

    /// hyper then copies head and body into one buffer: for what leaves through it (small bodies) that costs less
    /// than a gathering write.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The driver closes the socket itself, after what it still has to say.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl GuardedIo {
    fn note(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Pending => self.wire.blocked(),
            Poll::Ready(_) => self.wire.wrote(),
        }
        polled
    }
}
