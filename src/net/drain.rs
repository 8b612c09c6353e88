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
    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        self.drain.is_draining()
    }

    /// Whether draining has begun; else this task is woken when it does. Costs a compare once it has been called.
    pub fn poll_draining(&self, context: &Context<'_>) -> bool {
        if self.drain.is_draining() {
            return true;
        }
        let known = |waker: &Waker| waker.will_wake(context.waker());
        if !self.drain.wakers.borrow()[self.slot].as_ref().is_some_and(known) {
            // What a waker's end sets off must not find the slab borrowed.
            let before = self.drain.wakers.borrow_mut()[self.slot].replace(context.waker().clone());
            drop(before);
        }
        false
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        let waker = self.drain.wakers.borrow_mut()[self.slot].take();
        drop(waker);
        self.drain.free.borrow_mut().push(self.slot);
        self.drain.open.set(self.drain.open.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::Poll;

    use tokio::task::LocalSet;

    use super::*;

    async fn drained(drain: &Drain) {
        let member = drain.enter();
        poll_fn(|cx| if member.poll_draining(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    #[tokio::test]
    async fn every_member_is_woken_and_leaves_and_later_ones_find_it_draining() {
        let drain = Rc::new(Drain::default());
        let local = LocalSet::new();
        local
            .run_until(async {
                let tasks: Vec<_> = (0..100)
                    .map(|_| {
                        let drain = Rc::clone(&drain);
                        tokio::task::spawn_local(async move { drained(&drain).await })
                    })
                    .collect();
                while drain.open() < 100 {
                    tokio::task::yield_now().await;
                }
                drain.begin();
                for task in tasks {
                    task.await.unwrap();
                }
                assert_eq!(drain.open(), 0);
                drained(&drain).await;
            })
            .await;
    }

    #[test]
    fn a_place_is_used_again_and_its_last_holder_is_not_woken() {
        let drain = Drain::default();
        let woken = std::sync::Arc::new(Counter::default());
        let waker = Waker::from(std::sync::Arc::clone(&woken));
        for _ in 0..10 {
            let member = drain.enter();
            assert!(!member.poll_draining(&Context::from_waker(&waker)));
            assert_eq!((drain.open(), drain.wakers.borrow().len()), (1, 1));
        }
        let kept = drain.enter();
        drain.begin();
        assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 0, "those who left are not told");
        assert!(kept.poll_draining(&Context::from_waker(&waker)) && kept.is_draining());
    }

    #[derive(Default)]
    struct Counter(std::sync::atomic::AtomicUsize);

    impl std::task::Wake for Counter {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
