//! Stopping on one core: a flag that every connection sees, and the count of those that are still there.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};

/// One core's connections and whether they should come to an end. It never crosses threads, so it costs no atomics.
#[derive(Debug, Default)]
pub struct Drain {
    draining: Cell<bool>,
    open: Cell<usize>,
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
}

impl Drain {
    /// Whether nothing new is to be begun.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// How many members have entered and not left.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Tells every member, once.
    pub fn begin(&self) {
        self.draining.set(true);
        let wakers: Vec<_> = self.wakers.borrow_mut().iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Enters a task that is to be woken when draining begins.
    pub fn enter(&self) -> Member<'_> {
        self.open.set(self.open.get() + 1);
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut wakers = self.wakers.borrow_mut();
            wakers.push(None);
            wakers.len() - 1
        });
        Member { drain: self, slot }
    }
}

/// One task's membership; it leaves when it is dropped.
#[derive(Debug)]
pub struct Member<'a> {
    drain: &'a Drain,
    slot: usize,
}

impl Member<'_> {
    /// Whether draining has begun; else this task is woken when it does. Costs a compare once it has been called.
    pub fn poll_draining(&self, context: &Context<'_>) -> bool {
        if self.drain.is_draining() {
            return true;
        }
        let waker = &mut self.drain.wakers.borrow_mut()[self.slot];
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        false
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.drain.wakers.borrow_mut()[self.slot] = None;
        self.drain.free.borrow_mut().push(self.slot);
        self.drain.open.set(self.drain.open.get() - 1);
    }
}
