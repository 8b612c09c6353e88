//! Head and body of a streaming answer as bytes on the socket. What is not whole never looks whole.

use std::future::poll_fn;
use std::io::{self, Cursor, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Version, response};
use tokio::io::AsyncWrite;
use tokio::time::timeout;

use crate::net::socket::Socket;

use super::head::{Framing, ResponseHead};

/// Why nothing more can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The body is not as long as its head says.
    Length,
    /// The client has left, or does not read.
    Gone,
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Fault::Gone
    }
}

pub(super) struct Writer<'a> {
    io: &'a mut Socket,
    framing: Framing,
    stall: Duration,
    /// The head, until it has left.
    head: Vec<u8>,
    /// The last byte of a body of known length, until the source has said that it was the last: with it the body
    /// would look complete.
    held: Option<u8>,
}

impl<'a> Writer<'a> {
    /// `before` is to be written in front of the head.
    pub(super) fn new(io: &'a mut Socket, framing: Framing, stall: Duration, before: &'static [u8]) -> Self {
        Self { io, framing, stall, head: before.to_vec(), held: None }
    }

    /// Writes the head into memory; it leaves with the first piece, or by `flush`.
    pub(super) fn head(&mut self, head: &response::Parts, close: bool) {
        let head = ResponseHead {
            version: Version::HTTP_11,
            status: head.status,
            fields: &head.headers,
            framing: self.framing,
            connection: close.then_some("close"),
            date: None,
        };
        self.head.reserve(head.room());
        head.write(&mut self.head);
    }

    /// Whether nothing has left yet.
    pub(super) fn is_fresh(&self) -> bool {
        !self.head.is_empty()
    }

    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) fn io(&mut self) -> &mut Socket {
        self.io
    }

    /// Writes one piece, and the end of the body with the last one, in one go.
    pub(super) async fn piece(&mut self, piece: &[u8], last: bool) -> Result<(), Fault> {
        match self.framing {
            Framing::Chunked => self.chunk(piece, last).await,
            Framing::Length(left) => self.counted(piece, last, left).await,
            Framing::UntilClose => self.send(&[], piece, &[]).await,
            Framing::None => self.flush().await,
        }
    }

    /// Writes the head where it has not left yet.
    pub(super) async fn flush(&mut self) -> Result<(), Fault> {
        match self.head.is_empty() {
            true => Ok(()),
            false => self.send(&[], &[], &[]).await,
        }
    }

    /// An empty chunk would end the body: an empty piece is none.
    async fn chunk(&mut self, piece: &[u8], last: bool) -> Result<(), Fault> {
        let mut size = Cursor::new([0; 20]);
        if !piece.is_empty() {
            write!(size, "{:x}\r\n", piece.len()).expect("a length has at most 16 hexadecimal digits");
        }
        let (written, size) = (size.position() as usize, size.into_inner());
        let after: &[u8] = match (piece.is_empty(), last) {
            (true, true) => b"0\r\n\r\n",
            (true, false) => b"",
            (false, true) => b"\r\n0\r\n\r\n",
            (false, false) => b"\r\n",
        };
        self.send(&size[..written], piece, after).await
    }

    /// A body that says more than its head, or less, is cut before its last byte.
    async fn counted(&mut self, piece: &[u8], last: bool, left: u64) -> Result<(), Fault> {
        let left = left.checked_sub(piece.len() as u64).ok_or(Fault::Length)?;
        if last && left > 0 {
            return Err(Fault::Length);
        }
        self.framing = Framing::Length(left);
        match piece.split_last() {
            Some((final_byte, rest)) if left == 0 && !last => {
                self.held = Some(*final_byte);
                self.send(&[], rest, &[]).await
            }
            _ if left == 0 && !last => self.flush().await,
            _ => match self.held.take() {
                Some(held) => self.send(&[held], piece, &[]).await,
                None => self.send(&[], piece, &[]).await,
            },
        }
    }

    async fn send(&mut self, before: &[u8], piece: &[u8], after: &[u8]) -> Result<(), Fault> {
        let head = std::mem::take(&mut self.head);
        let slices = &mut [&head, before, piece, after].map(IoSlice::new);
        let mut slices = &mut slices[..];
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let written = self.progress(|io, cx| io.poll_write_vectored(cx, slices)).await?;
            if written == 0 {
                return Err(Fault::Gone);
            }
            IoSlice::advance_slices(&mut slices, written);
        }
        match self.io {
            Socket::Plain(_) => Ok(()),
            Socket::Tls(_) => self.push().await,
        }
    }

    /// What a TLS session holds leaves, as long as the client takes some of it now and then.
    async fn push(&mut self) -> Result<(), Fault> {
        loop {
            let taken = self.io.taken();
            let pushed = self.progress(|mut io, cx| match io.as_mut().poll_flush(cx) {
                Poll::Pending if io.taken() != taken => Poll::Ready(Ok(false)),
                flushed => flushed.map_ok(|()| true),
            });
            if pushed.await? {
                return Ok(());
            }
        }
    }

    /// Waits for one step of writing, for as long as a write may stall.
    async fn progress<T>(
        &mut self,
        mut step: impl FnMut(Pin<&mut Socket>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Result<T, Fault> {
        let io = &mut *self.io;
        // Most steps need no timer.
        if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(step(Pin::new(&mut *io), cx))).await {
            return Ok(done?);
        }
        let done = timeout(self.stall, poll_fn(|cx| step(Pin::new(&mut *io), cx)));
        Ok(done.await.map_err(|_| Fault::Gone)??)
    }
}
