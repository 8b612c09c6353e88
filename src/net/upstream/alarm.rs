//! The time by which something must have come, on a timer that its connection keeps.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::model::clock;

/// A timer that is set once and used by one wait after the other. Most are over long before it rings, and the next one
/// lasts longer: so it rings too early now and then, and is set anew only then.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once it is `by`.
    pub(super) fn poll(&mut self, by: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(by)));
        if sleep.deadline() > by {
            sleep.as_mut().reset(by);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() == by || clock::timer_now() >= by {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const SOONER: Duration = Duration::from_millis(5);
    const NEVER: Duration = Duration::from_secs(3600);

    /// Waits to the end; it is never too early.
    async fn rings(alarm: &mut Alarm, after: Duration) {
        let by = clock::timer_now() + after;
        poll_fn(|cx| alarm.poll(by, cx)).await;
        assert!(clock::timer_now() >= by);
    }

    /// Begins a wait, and leaves it.
    async fn looks(alarm: &mut Alarm, after: Duration) {
        let by = clock::timer_now() + after;
        let early = poll_fn(|cx| Poll::Ready(alarm.poll(by, cx).is_ready())).await;
        assert!(!early);
    }

    #[tokio::test]
    async fn it_rings_in_time_whatever_it_was_set_to_before() {
        let mut alarm = Alarm::default();
        for before in [SOONER, NEVER, SOON] {
            looks(&mut alarm, before).await;
            rings(&mut alarm, SOON).await;
        }
        // It has rung while nobody waited.
        looks(&mut alarm, SOONER).await;
        tokio::time::sleep(SOON).await;
        rings(&mut alarm, SOON).await;
    }
}
