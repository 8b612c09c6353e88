//! Signals: the first drains within a bound, the second ends at once.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::model::Readiness;

use super::core_thread::Cores;
use super::ended;

/// The signals that stop a daemon.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal is gone, where that is no order to reload.
    hangup: Option<Signal>,
}

impl Signals {
    /// Takes the signals; SIGHUP among them where there is nothing that it could reload.
    pub(super) fn register(hangup_stops: bool) -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("cannot take SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("cannot take SIGINT")?;
        let hangup = hangup_stops.then(|| signal(SignalKind::hangup()).context("cannot take SIGHUP")).transpose()?;
        Ok(Self { terminate, interrupt, hangup })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            Some(_) = async { self.hangup.as_mut()?.recv().await } => "SIGHUP",
        }
    }
}

/// Waits for the end: a signal and the draining that follows, or a core that ended by a defect.
pub(super) async fn supervise(
    mut signals: Signals,
    mut cores: Cores,
    readiness: &Readiness,
    bound: watch::Receiver<Duration>,
) -> anyhow::Result<()> {
    let signal = tokio::select! {
        signal = signals.next() => signal,
        core = first_to_end(&mut cores) => return Err(ended(core)),
    };
    let bound = *bound.borrow();
    tracing::info!(signal, bound = ?bound, "draining: no new connections, what runs comes to its end");
    readiness.draining();
    cores.drain();
    tokio::select! {
        drained = timeout(bound, all_ended(&mut cores)) => match drained {
            Ok(None) => tracing::info!("drained"),
            Ok(Some(core)) => return Err(ended(core)),
            Err(_) => tracing::warn!(bound = ?bound, "[drain] timeout is over; what still runs is cut"),
        },
        signal = signals.next() => tracing::warn!(signal, "a second signal: ending at once"),
    }
    Ok(())
}

/// The number of the first core to end; before draining that is a defect.
async fn first_to_end(cores: &mut Cores) -> usize {
    std::future::poll_fn(|cx| {
        let mut ends = cores.ends.iter_mut().enumerate();
        let ended = ends.find_map(|(number, end)| std::pin::Pin::new(end).poll(cx).is_ready().then_some(number));
        ended.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

/// Waits until all cores have ended; one that did so by a defect is named.
async fn all_ended(cores: &mut Cores) -> Option<usize> {
    let mut broken = None;
    for (number, end) in cores.ends.iter_mut().enumerate() {
        if end.await.is_err() {
            broken = Some(number);
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use tokio::sync::{oneshot, watch};

    use super::*;

    #[tokio::test]
    async fn a_core_that_ends_without_a_word_has_a_defect() {
        let (drain, _) = watch::channel(false);
        let (senders, ends): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        let mut cores = Cores { drain, ends };
        let mut ends = senders.into_iter();
        ends.next().unwrap().send(()).unwrap();
        drop(ends.next());
        ends.next().unwrap().send(()).unwrap();
        assert_eq!(all_ended(&mut cores).await, Some(1));
    }

    #[tokio::test]
    async fn before_draining_any_end_is_one_and_says_which() {
        let (drain, _) = watch::channel(false);
        let (kept, first) = oneshot::channel();
        let (broken, second) = oneshot::channel();
        let mut cores = Cores { drain, ends: vec![first, second] };
        drop(broken);
        assert_eq!(first_to_end(&mut cores).await, 1);
        kept.send(()).unwrap();
    }
}
