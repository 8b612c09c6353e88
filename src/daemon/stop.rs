//! Signals: the first drains within a bound, the second ends at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::model::Readiness;
use crate::net::drain::Phase;

use super::core_thread::Cores;
use super::ended;
use super::systemd::Notifier;

/// How long what is cut after `[drain] timeout` has to tell its clients so. A core that hangs is not waited for longer.
const CUT: Duration = Duration::from_secs(2);

/// The signals that stop a daemon.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal is gone, where that is no order to reload.
    hangup: Option<Signal>,
}

impl Signals {
    /// Takes the signals that stop a daemon without a file, before it runs: for whoever has something to remove at the
    /// end. One that comes before they are waited for is kept, and seen on the runtime that waits.
    ///
    /// # Errors
    /// The system lets nobody take them.
    pub fn take() -> anyhow::Result<Self> {
        // They are the process's, not this runtime's; it is there to ask for them.
        let runtime = Builder::new_current_thread().enable_io().build().context("cannot make a runtime")?;
        let _entered = runtime.enter();
        Self::register(true)
    }

    /// Takes the signals; SIGHUP among them where there is nothing that it could reload.
    pub(super) fn register(hangup_stops: bool) -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("cannot take SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("cannot take SIGINT")?;
        let hangup = hangup_stops.then(|| signal(SignalKind::hangup()).context("cannot take SIGHUP")).transpose()?;
        Ok(Self { terminate, interrupt, hangup })
    }

    /// Waits for the next of them, and gives its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            Some(_) = async { self.hangup.as_mut()?.recv().await } => "SIGHUP",
        }
    }
}

/// How the data cores are told to stop.
#[derive(Debug, Default)]
pub(super) struct Brake(watch::Sender<Phase>);

impl Brake {
    /// How far stopping has come, for one core.
    pub(super) fn watch(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }

    fn pull(&self, phase: Phase) {
        self.0.send_replace(phase);
    }
}

/// Waits for the end: a signal and the draining that follows, or a core that ended by a defect.
pub(super) async fn supervise(
    mut signals: Signals,
    cores: Cores,
    readiness: &Readiness,
    notifier: &Notifier,
    bound: watch::Receiver<Duration>,
) -> anyhow::Result<()> {
    let mut ends = Ends::new(cores.ends);
    let signal = tokio::select! {
        signal = signals.next() => signal,
        core = ends.first() => return Err(ended(core)),
    };
    let bound = *bound.borrow();
    tracing::info!(signal, bound = ?bound, "draining: no new connections, what runs comes to its end");
    readiness.draining();
    notifier.stopping(bound + CUT);
    cores.brake.pull(Phase::Draining);
    let drained = async {
        if timeout(bound, ends.all()).await.is_ok() {
            tracing::info!("drained");
            return;
        }
        tracing::warn!(bound = ?bound, "[drain] timeout is over; what still runs is cut");
        cores.brake.pull(Phase::Cutting);
        if timeout(CUT, ends.all()).await.is_err() {
            tracing::warn!(cores = ?ends.left(), "these data cores did not come to their end");
        }
    };
    tokio::select! {
        () = drained => {}
        signal = signals.next() => tracing::warn!(signal, "a second signal: ending at once"),
    }
    ends.broken.map_or(Ok(()), |core| Err(ended(core)))
}

/// The ends of the cores that run, by number.
struct Ends {
    running: Vec<(usize, oneshot::Receiver<()>)>,
    /// One that ended by a defect.
    broken: Option<usize>,
}

impl Ends {
    fn new(ends: Vec<oneshot::Receiver<()>>) -> Self {
        Self { running: ends.into_iter().enumerate().collect(), broken: None }
    }

    /// The number of the first core to end; before draining that is a defect.
    async fn first(&mut self) -> usize {
        poll_fn(|cx| {
            let ended =
                self.running.iter_mut().find_map(|(number, end)| Pin::new(end).poll(cx).is_ready().then_some(*number));
            ended.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Waits until all cores have ended. Dropping the future loses nothing.
    async fn all(&mut self) {
        while let Some((number, end)) = self.running.last_mut() {
            if end.await.is_err() {
                self.broken = Some(*number);
            }
            self.running.pop();
        }
    }

    /// The numbers of those that run.
    fn left(&self) -> Vec<usize> {
        self.running.iter().map(|(number, _)| *number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_core_that_ends_without_a_word_has_a_defect() {
        let (senders, ends): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        let mut ends = Ends::new(ends);
        let [first, second, third] = <[oneshot::Sender<()>; 3]>::try_from(senders).unwrap();
        third.send(()).unwrap();
        // Whoever gives up waiting can wait again.
        assert!(timeout(Duration::ZERO, ends.all()).await.is_err());
        assert_eq!(ends.left(), [0, 1]);
        drop(second);
        first.send(()).unwrap();
        ends.all().await;
        assert_eq!((ends.broken, ends.left().len()), (Some(1), 0));
    }

    #[tokio::test]
    async fn before_draining_any_end_is_one_and_says_which() {
        let (kept, first) = oneshot::channel();
        let (broken, second) = oneshot::channel();
        let mut ends = Ends::new(vec![first, second]);
        drop(broken);
        assert_eq!(ends.first().await, 1);
        kept.send(()).unwrap();
    }
}
