//! A panic in one request is that request's 500, and nobody else's.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use crate::model::{Reason, Refusal};

/// Awaits `future`; `None` if it panicked. The panic hook has told of it by then.
///
/// The future is pinned by the caller: it is large, and moving it would cost on every request.
/// What it held is dropped with it: a core's state is counters and snapshots, which no panic leaves half done.
pub(super) async fn caught<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// What its client is told; the log has the rest under the request's id.
pub(super) fn refusal() -> Refusal {
    Refusal::new(Reason::Internal, "a defect in Weir; the log has it under this request id").after_sending(false)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_future_alone() {
        assert_eq!(caught(pin!(async { 1 })).await, Some(1));
        let broken = async {
            tokio::task::yield_now().await;
            panic!("a defect, on purpose");
        };
        assert_eq!(caught(pin!(broken)).await, None::<()>);
    }
}
