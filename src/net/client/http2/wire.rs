//! The socket as h2 sees it: what comes is counted, what goes is gathered until the connection has said all it has to.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::model::clock;

use super::frames::Frames;

/// So much is gathered before it is written in the middle of a turn.
const GATHERED: usize = 32 * 1024;

/// What h2's side of the socket and the connection's task both see.
pub(super) struct Wire<IO> {
    io: RefCell<IO>,
    out: RefCell<Out>,
    frames: RefCell<Frames>,
    /// Why the connection has to end.
    refused: Cell<Option<&'static str>>,
    /// Since when the client owes the end of something that is no body.
    within: Cell<Option<Instant>>,
    /// Since when the socket takes nothing.
    blocked: Cell<Option<Instant>>,
    /// The client has closed its side, or the socket broke.
    left: Cell<bool>,
}

#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    written: usize,
}

impl<IO> Wire<IO> {
    /// The client does what nobody has to put up with; h2 reads no more.
    pub(super) fn refuse(&self, why: &'static str) {
        self.refused.set(self.refused.get().or(Some(why)));
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Wire<IO> {
    pub(super) fn new(io: IO) -> Self {
        Self {
            io: RefCell::new(io),
            out: RefCell::default(),
            frames: RefCell::new(Frames::new()),
            refused: Cell::new(None),
            within: Cell::new(Some(clock::now())),
            blocked: Cell::new(None),
            left: Cell::new(false),
        }
    }

    pub(super) fn refused(&self) -> Option<&'static str> {
        self.refused.get()
    }

    /// Since when the client owes the end of a head, or of another frame that is no body.
    pub(super) fn within(&self) -> Option<Instant> {
        self.within.get()
    }

    pub(super) fn blocked(&self) -> Option<Instant> {
        self.blocked.get()
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.get()
    }

    /// So many bytes of an answer have been handed to h2.
    pub(super) fn sends(&self, bytes: usize) {
        self.frames.borrow_mut().sent(bytes);
    }

    /// Keeps no buffer while nothing is under way.
    pub(super) fn rest(&self) {
        let mut out = self.out.borrow_mut();
        if out.bytes.is_empty() {
            out.bytes = Vec::new();
        }
    }

    /// Writes what has been gathered, as far as the socket takes it.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (out, io) = (&mut *self.out.borrow_mut(), &mut *self.io.borrow_mut());
        while out.written < out.bytes.len() {
            match Pin::new(&mut *io).poll_write(cx, &out.bytes[out.written..]) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    out.written += written;
                    self.blocked.set(None);
                }
                Poll::Pending => {
                    self.blocked.set(self.blocked.get().or_else(|| Some(clock::now())));
                    return Poll::Pending;
                }
                Poll::Ready(failed) => {
                    self.left.set(true);
                    return Poll::Ready(failed.and(Err(io::ErrorKind::WriteZero.into())));
                }
            }
        }
        out.bytes.clear();
        out.written = 0;
        // TLS has taken it; that the socket has is another matter.
        let flushed = Pin::new(io).poll_flush(cx);
        self.blocked.set(flushed.is_pending().then(|| self.blocked.get().unwrap_or_else(clock::now)));
        flushed
    }

    pub(super) fn into_io(self) -> IO {
        self.io.into_inner()
    }

    /// Takes `bytes` where there is room.
    fn poll_gather(&self, cx: &mut Context<'_>, pieces: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.out.borrow().bytes.len() >= GATHERED {
            ready!(self.poll_flush(cx))?;
        }
        let bytes = &mut self.out.borrow_mut().bytes;
        let before = bytes.len();
        pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        Poll::Ready(Ok(bytes.len() - before))
    }

    fn inspect(&self, bytes: &[u8]) {
        let mut frames = self.frames.borrow_mut();
        let before = frames.even();
        if let Err(why) = frames.inspect(bytes) {
            self.refuse(why);
        }
        // A client that sends one head after the other is not late with the first.
        let since = self.within.get().filter(|_| frames.even() == before);
        self.within.set(frames.is_within().then(|| since.unwrap_or_else(clock::now)));
    }
}

/// h2's side of a [`Wire`].
pub(super) struct Tap<IO>(pub(super) Rc<Wire<IO>>);

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Tap<IO> {
    /// Behind a refusal h2 is kept waiting: the connection sees that, and ends it with a word.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = &*self.0;
        if wire.refused.get().is_some() {
            return Poll::Pending;
        }
        let before = space.filled().len();
        let read = ready!(Pin::new(&mut *wire.io.borrow_mut()).poll_read(cx, space));
        let bytes = &space.filled()[before..];
        if bytes.is_empty() {
            wire.left.set(true);
            return Poll::Ready(read);
        }
        wire.inspect(bytes);
        if wire.refused.get().is_some() {
            space.set_filled(before);
            return Poll::Pending;
        }
        Poll::Ready(read)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tap<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_gather(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_gather(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The connection flushes once, when all is said.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The connection closes the socket itself, after what it still has to say.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
