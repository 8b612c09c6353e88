//! The end of one core, or of all of them: a phase that every connection sees, and the count of those that are still
//! there.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};

/// How far the end has come; it only goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It has not begun.
    #[default]
    Serving,
    /// This core takes no new connection, and others do: a connection ends with its next answer, and nothing is hurried.
    Leaving,
    /// Nothing new is begun; what runs comes to its end.
    Draining,
    /// The time for that is over: what still runs is told so, and ended.
    Cutting,
}

/// One core's connections and whether they should come to an end. It never crosses threads, so it costs no atomics.
#[derive(Debug, Default)]
pub struct Drain {
    phase: Cell<Phase>,
    open: Cell<usize>,
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
}

impl Drain {
    /// How far it has come. Whoever runs in a task that has entered is woken when that changes.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// How many members have entered and not left.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Lets each connection end with its next answer: every member is told.
    pub fn leave(&self) {
        self.advance(Phase::Leaving);
    }

    /// Lets what runs come to its end: every member is told.
    pub fn begin(&self) {
        self.advance(Phase::Draining);
    }

    /// Ends what still runs: every member is told.
    pub fn cut(&self) {
        self.advance(Phase::Cutting);
    }

    fn advance(&self, phase: Phase) {
        self.phase.set(self.phase.get().max(phase));
        let wakers: Vec<_> = self.wakers.borrow_mut().iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Enters a task that is to be woken when the phase changes.
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
    /// What it is a member of.
    pub fn drain(&self) -> &Drain {
        self.drain
    }

    /// Whether the next answer on a connection is its last.
    pub fn is_leaving(&self) -> bool {
        self.drain.phase() >= Phase::Leaving
    }

    /// The phase; this task is woken when the next one begins. Costs a compare once it has been called.
    pub fn poll_phase(&self, context: &Context<'_>) -> Phase {
        let phase = self.drain.phase();
        if phase == Phase::Cutting {
            return phase;
        }
        let known = |waker: &Waker| waker.will_wake(context.waker());
        if !self.drain.wakers.borrow()[self.slot].as_ref().is_some_and(known) {
            // What a waker's end sets off must not find the slab borrowed.
            let before = self.drain.wakers.borrow_mut()[self.slot].replace(context.waker().clone());
            drop(before);
        }
        phase
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

    async fn reached(drain: &Drain, phase: Phase) {
        let member = drain.enter();
        poll_fn(|cx| if member.poll_phase(cx) >= phase { Poll::Ready(()) } else { Poll::Pending }).await;
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
                        tokio::task::spawn_local(async move {
                            reached(&drain, Phase::Leaving).await;
                            reached(&drain, Phase::Draining).await;
                            reached(&drain, Phase::Cutting).await;
                        })
                    })
                    .collect();
                while drain.open() < 100 {
                    tokio::task::yield_now().await;
                }
                drain.leave();
                reached(&drain, Phase::Leaving).await;
                tokio::task::yield_now().await;
                drain.begin();
                reached(&drain, Phase::Draining).await;
                tokio::task::yield_now().await;
                assert!(tasks.iter().all(|task| !task.is_finished()), "cut is what comes after");
                drain.cut();
                for task in tasks {
                    task.await.unwrap();
                }
                drain.begin();
                assert_eq!((drain.open(), drain.phase()), (0, Phase::Cutting), "there is no way back");
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
            assert_eq!(member.poll_phase(&Context::from_waker(&waker)), Phase::Serving);
            assert_eq!((drain.open(), drain.wakers.borrow().len()), (1, 1));
        }
        let kept = drain.enter();
        drain.begin();
        assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 0, "those who left are not told");
        assert_eq!(kept.poll_phase(&Context::from_waker(&waker)), Phase::Draining);
        drain.cut();
        assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 1);
    }

    #[derive(Default)]
    struct Counter(std::sync::atomic::AtomicUsize);

    impl std::task::Wake for Counter {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
