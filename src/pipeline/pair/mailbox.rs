//! What has been posted and was not taken yet: bounded in number and in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::mpsc;

use crate::model::{Addressee, Visitor};

use super::table::{Number, Table};

/// Letters that may wait.
const MOST_LETTERS: usize = 64;
/// Bytes that may wait, beside one letter that is larger.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What comes by a mailbox.
#[derive(Debug)]
pub enum Posted {
    /// A message, to be walked.
    Letter(Letter),
    /// What Weir refused before it was a message, as text for the stream.
    Refused(Bytes),
}

/// A message that was read and found in order.
#[derive(Debug)]
pub struct Letter {
    /// Who posted it.
    pub peer: Visitor,
    /// The fields that came with it.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Bytes,
    /// What it is.
    pub kind: Kind,
    /// Whom an error of ours answers.
    pub addressee: Addressee,
}

/// What decides how a letter is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `initialize`: what comes behind it belongs to the session that its answer names.
    Initialize,
    /// Another request, or a batch with one.
    Request,
    /// `notifications/initialized`: from now on the server may speak unasked.
    Initialized,
    /// A notification, or an answer to a request of the server's.
    Other,
}

/// The end that posts.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    posted: mpsc::Sender<Posted>,
    waiting: Arc<AtomicUsize>,
}

/// The end that takes. Dropped it is closed, and its number is nobody's.
#[derive(Debug)]
pub struct Mailbox {
    posted: mpsc::Receiver<Posted>,
    waiting: Arc<AtomicUsize>,
    number: Number,
    table: Arc<Table>,
}

/// Why nothing was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unposted {
    /// It is full.
    Full,
    /// Nobody takes from it any more.
    Closed,
}

/// Both ends; `number` is what the table has the first one under.
pub(super) fn mailbox(number: Number, table: &Arc<Table>) -> (Slot, Mailbox) {
    let (sender, posted) = mpsc::channel(MOST_LETTERS);
    let waiting = Arc::new(AtomicUsize::new(0));
    let slot = Slot { posted: sender, waiting: Arc::clone(&waiting) };
    (slot, Mailbox { posted, waiting, number, table: Arc::clone(table) })
}

impl Posted {
    fn size(&self) -> usize {
        match self {
            Self::Letter(letter) => letter.bytes.len(),
            Self::Refused(text) => text.len(),
        }
    }
}

impl Slot {
    pub(super) fn put(&self, posted: Posted) -> Result<(), Unposted> {
        let size = posted.size();
        let before = self.waiting.fetch_add(size, Ordering::Relaxed);
        let put = match before > 0 && before + size > MOST_BYTES {
            true => Err(Unposted::Full),
            false => self.posted.try_send(posted).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Unposted::Full,
                mpsc::error::TrySendError::Closed(_) => Unposted::Closed,
            }),
        };
        if put.is_err() {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
        }
        put
    }
}

impl Mailbox {
    /// What was posted next.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Posted> {
        match self.posted.poll_recv(cx) {
            Poll::Ready(Some(posted)) => Poll::Ready(self.taken(posted)),
            // The table holds the other end for as long as this one lives.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Whether something waits.
    pub fn has_some(&self) -> bool {
        !self.posted.is_empty()
    }

    /// Lets nothing more in, and gives what is left.
    pub fn close(&mut self) -> Vec<Posted> {
        self.posted.close();
        let mut left = Vec::new();
        while let Ok(posted) = self.posted.try_recv() {
            left.push(self.taken(posted));
        }
        left
    }

    fn taken(&self, posted: Posted) -> Posted {
        self.waiting.fetch_sub(posted.size(), Ordering::Relaxed);
        posted
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.table.remove(self.number);
    }
}
