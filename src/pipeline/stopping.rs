//! What becomes of a request that Weir's end does not wait for.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::model::{Reason, Refusal};
use crate::net::drain::{Drain, Phase};

/// When those who were refused may come again: to another node, or to the next process on this one.
const AWAY: Duration = Duration::from_secs(1);

/// What `future` comes to; `None` once stopping has reached `last`. Whoever polls is woken when that changes.
pub(super) async fn unless<F: Future>(drain: &Drain, last: Phase, mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending if drain.phase() >= last => Poll::Ready(None),
        polled => polled.map(Some),
    })
    .await
}

/// Nothing of it was sent.
pub fn not_sent() -> Refusal {
    Refusal::new(Reason::Draining, "this gateway is stopping; nothing was sent to the server").retryable(AWAY)
}

/// It was sent, and its answer did not come in time.
pub fn sent(reads_only: bool) -> Refusal {
    let message = "this gateway is stopping, and the server had not answered within `[drain] timeout`";
    Refusal::new(Reason::Draining, message).after_sending(reads_only)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn an_answer_goes_before_the_end() {
        let drain = Drain::default();
        assert_eq!(unless(&drain, Phase::Draining, pin!(ready(1))).await, Some(1));
        drain.begin();
        assert_eq!(unless(&drain, Phase::Draining, pin!(ready(2))).await, Some(2));
        assert_eq!(unless(&drain, Phase::Draining, pin!(pending::<()>())).await, None);
        let drain = Drain::default();
        let never = pin!(pending::<()>());
        let mut longer = pin!(unless(&drain, Phase::Cutting, never));
        drain.begin();
        assert!(poll_fn(|cx| Poll::Ready(longer.as_mut().poll(cx).is_pending())).await);
        drain.cut();
        assert_eq!(longer.await, None);
    }
}
