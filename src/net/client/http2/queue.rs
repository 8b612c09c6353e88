//! How much the answers of a connection may hand to h2 before the socket has taken it.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

/// Bytes of answers in h2, over all streams.
const MOST: usize = 256 * 1024;

/// The queue in front of the socket, counted. Whoever finds it full is woken when it is empty.
#[derive(Debug, Default)]
pub(super) struct Queue {
    handed: Cell<usize>,
    /// Something was handed over since h2 was polled.
    fresh: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Queue {
    /// So many bytes (none: a head, or an end) were handed to h2.
    pub(super) fn hand(&self, bytes: usize) {
        self.handed.set(self.handed.get() + bytes);
        self.fresh.set(true);
    }

    /// Whether h2 has anything to say that it had not when it was polled.
    pub(super) fn take_fresh(&self) -> bool {
        self.fresh.take()
    }

    pub(super) fn has_room(&self) -> bool {
        self.handed.get() < MOST
    }

    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        if self.has_room() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The socket has taken all of it.
    pub(super) fn emptied(&self) {
        self.handed.set(0);
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(Waker::wake);
    }
}
