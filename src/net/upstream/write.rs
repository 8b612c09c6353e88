//! A request on its way out: one buffer and perhaps a large body behind it, and how far they have been written.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::io::Stream;

/// A body up to this many bytes is copied behind its head, so that both leave in one plain write.
const SMALL_BODY: usize = 8 * 1024;

/// What is still to be written of a request.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The head, and a small body.
    front: Vec<u8>,
    /// A large body.
    back: Bytes,
    /// How many bytes of both have been taken by the stream.
    written: usize,
    progress: Progress,
    /// Why writing broke, until it is told.
    error: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Writing,
    /// All was taken, and TLS has passed it on.
    Done,
    /// Writing broke; what the server may have answered before is still worth reading.
    Broken,
}

impl Outgoing {
    /// A request with its head in `front`.
    pub(super) fn new(mut front: Vec<u8>, body: Bytes) -> Self {
        let small = body.len() < SMALL_BODY;
        if small {
            front.extend_from_slice(&body);
        }
        let back = if small { Bytes::new() } else { body };
        Self { front, back, written: 0, progress: Progress::Writing, error: None }
    }

    /// Whether the whole request has been written.
    pub(super) fn is_done(&self) -> bool {
        self.progress == Progress::Done
    }

    /// Whether writing broke.
    pub(super) fn is_broken(&self) -> bool {
        self.progress == Progress::Broken
    }

    /// The error that ended the writing, if one did and was not taken yet.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Writes on. Ready when there is no more to be done: all is written, or writing broke. The buffer of the head is
    /// handed out then, once, to be used again.
    pub(super) fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        if self.progress != Progress::Writing {
            return Poll::Ready(None);
        }
        match ready!(self.poll_all(stream, cx)) {
            Ok(()) => self.progress = Progress::Done,
            Err(error) => {
                self.progress = Progress::Broken;
                self.error = Some(error);
            }
        }
        self.back = Bytes::new();
        Poll::Ready(Some(std::mem::take(&mut self.front)))
    }

    /// Bytes of the buffers held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.front.capacity() + self.back.len()
    }

    fn poll_all(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let front = self.front.len();
        while self.written < front + self.back.len() {
            let first = &self.front[self.written.min(front)..];
            let second = &self.back[self.written.saturating_sub(front)..];
            match ready!(stream.poll_write(cx, first, second))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.written += n,
            }
        }
        stream.poll_flush(cx)
    }
}
