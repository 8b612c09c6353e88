//! The memory that the requests of one connection may take together.

use std::cell::Cell;
use std::rc::Rc;

/// What all requests of a connection hold.
#[derive(Debug)]
pub(super) struct Purse {
    held: Cell<usize>,
    most: usize,
}

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    purse: Rc<Purse>,
    held: Cell<usize>,
}

impl Purse {
    pub(super) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { held: Cell::new(0), most })
    }

    pub(super) fn share(self: &Rc<Self>) -> Share {
        Share { purse: Rc::clone(self), held: Cell::new(0) }
    }
}

impl Share {
    /// Takes so many bytes more; false where that is too much. One that is alone has its bound elsewhere (`[http] body`).
    pub(super) fn take(&self, bytes: usize) -> bool {
        let all = self.purse.held.get() + bytes;
        let own = self.held.get() + bytes;
        self.purse.held.set(all);
        self.held.set(own);
        all <= self.purse.most || all == own
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.purse.held.set(self.purse.held.get() - self.held.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_bounded_together_and_one_alone_is_not() {
        let purse = Purse::new(100);
        let (one, other) = (purse.share(), purse.share());
        assert!(one.take(1000));
        assert!(!other.take(1));
        drop(one);
        assert!(other.take(1));
        let third = purse.share();
        assert!(third.take(98) && !third.take(1));
        drop((other, third));
        assert_eq!(purse.held.get(), 0);
    }
}
