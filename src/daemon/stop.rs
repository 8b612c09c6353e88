//! Signals: the first drains within a bound, the second ends at once.

use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::model::Readiness;
use crate::net::drain::Phase;

use super::ended;
use super::roster::Roster;
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

/// How the data cores are told to stop. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Brake(watch::Sender<Phase>);

impl Brake {
    /// How far stopping has come, for one core.
    pub(super) fn watch(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }

    pub(super) fn pull(&self, phase: Phase) {
        self.0.send_replace(phase);
    }
}

/// Waits for the end: a signal and the draining that follows, or a core that ended by a defect.
pub(super) async fn supervise(
    mut signals: Signals,
    brake: &Brake,
    cores: &Roster,
    readiness: &Readiness,
    notifier: &Notifier,
    bound: watch::Receiver<Duration>,
) -> anyhow::Result<()> {
    let signal = tokio::select! {
        signal = signals.next() => signal,
        core = cores.broken() => return Err(ended(core)),
    };
    let bound = *bound.borrow();
    tracing::info!(signal, bound = ?bound, "draining: no new connections, what runs comes to its end");
    readiness.draining();
    notifier.stopping(bound + CUT);
    brake.pull(Phase::Draining);
    let drained = async {
        if timeout(bound, cores.empty()).await.is_ok() {
            tracing::info!("drained");
            return;
        }
        tracing::warn!(bound = ?bound, "[drain] timeout is over; what still runs is cut");
        brake.pull(Phase::Cutting);
        if timeout(CUT, cores.empty()).await.is_err() {
            tracing::warn!(cores = ?cores.numbers(), "these data cores did not come to their end");
        }
    };
    tokio::select! {
        () = drained => {}
        signal = signals.next() => tracing::warn!(signal, "a second signal: ending at once"),
    }
    cores.broken_one().map_or(Ok(()), |core| Err(ended(core)))
}
