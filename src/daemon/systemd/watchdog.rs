//! The watchdog: it is fed only while every data core beats, so that a core that hangs ends the process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Notifier;

/// What a core's count reads once it has ended: it has nothing to beat for any more.
const ENDED: u64 = u64::MAX;

/// The beats of all data cores. Cheap to clone: all clones are the same.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Beats {
    /// How long a core may be silent; `None` where nobody asks.
    bound: Option<Duration>,
    /// Touched where a core begins, and where the watchdog is fed.
    cores: Arc<Mutex<Vec<Core>>>,
}

/// One core's beat. Dropping it says that the core has ended, which is no silence.
#[derive(Debug)]
pub(in crate::daemon) struct Pulse {
    count: Arc<AtomicU64>,
    every: Option<Duration>,
}

/// What was heard of a core.
#[derive(Debug)]
struct Core {
    number: usize,
    count: Arc<AtomicU64>,
    heard: u64,
    /// Looks in a row that found the same count.
    silent: u32,
    told: bool,
}

impl Beats {
    /// As often as the service manager's `WATCHDOG_USEC` asks for.
    pub(in crate::daemon) fn from_env() -> Self {
        Self::new(sd_notify::watchdog_enabled())
    }

    fn new(bound: Option<Duration>) -> Self {
        // An interval of nothing would spin.
        let bound = bound.map(|bound| bound.max(Duration::from_millis(10)));
        Self { bound, cores: Arc::default() }
    }

    /// That of a core which begins.
    pub(in crate::daemon) fn pulse(&self, number: usize) -> Pulse {
        let count = Arc::new(AtomicU64::new(0));
        let core = Core { number, count: Arc::clone(&count), heard: 0, silent: 0, told: false };
        self.cores().push(core);
        Pulse { count, every: self.bound.map(|bound| bound / 8) }
    }

    /// Feeds the watchdog twice an interval. It never ends.
    pub(in crate::daemon) async fn watch(self, notifier: Arc<Notifier>) {
        let Some(bound) = self.bound else { return std::future::pending().await };
        let mut looks = interval(bound / 2);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.look(&notifier);
        }
    }

    fn look(&self, notifier: &Notifier) {
        let mut cores = self.cores();
        cores.retain(|core| core.count.load(Ordering::Relaxed) != ENDED);
        // Each of them is asked, whatever was heard of those before.
        let hanging: usize = cores.iter_mut().map(|core| usize::from(!core.is_alive())).sum();
        if hanging == 0 {
            notifier.alive();
        }
    }

    fn cores(&self) -> MutexGuard<'_, Vec<Core>> {
        self.cores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    /// Beats for as long as this core's runtime comes round to it. It never ends.
    pub(in crate::daemon) async fn beat(&self) {
        let Some(every) = self.every else { return std::future::pending().await };
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.once();
        }
    }

    fn once(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.count.store(ENDED, Ordering::Relaxed);
    }
}

/// Looks in a row that may find a core silent: two are an interval.
const SILENT: u32 = 2;

impl Core {
    /// Whether it has not been silent for longer than an interval. That it is, and its return, is told once.
    fn is_alive(&mut self) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        self.silent = if count == self.heard && count != ENDED { self.silent + 1 } else { 0 };
        self.heard = count;
        let hangs = self.silent > SILENT;
        if hangs != self.told {
            self.told = hangs;
            match hangs {
                true => tracing::error!(core = self.number, "a data core hangs; the watchdog is not fed any more"),
                false => tracing::warn!(core = self.number, "the data core that hung goes on"),
            }
        }
        !hangs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_hangs_ends_the_feeding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let beats = Beats::new(Some(Duration::from_secs(8)));
        let (first, second, ended) = (beats.pulse(0), beats.pulse(1), beats.pulse(2));
        let notifier = Notifier::to(Some(path.as_os_str()));
        let fed = || {
            first.once();
            beats.look(&notifier);
            let mut message = [0; 64];
            manager.recv(&mut message).is_ok_and(|length| &message[..length] == b"WATCHDOG=1")
        };
        drop(ended);
        for _ in 0..5 {
            second.once();
            assert!(fed());
        }
        // It hangs: it neither beats nor ends.
        assert_eq!([fed(), fed(), fed(), fed()], [true, true, false, false]);
        second.once();
        assert_eq!([fed(), fed(), fed(), fed()], [true, true, true, false]);
        drop(second);
        assert!(fed() && fed() && fed() && fed(), "a core that has ended is not missed");
        let second = beats.pulse(1);
        assert_eq!([fed(), fed(), fed(), fed()], [true, true, false, false], "one that has come since is watched");
        drop(second);
        assert_eq!((fed(), beats.cores().len()), (true, 1), "nothing is kept of those that have ended");
    }

    #[tokio::test]
    async fn a_core_beats_by_itself() {
        let beats = Beats::new(Some(Duration::from_millis(80)));
        let pulse = beats.pulse(0);
        let count = Arc::clone(&pulse.count);
        let task = tokio::spawn(async move { pulse.beat().await });
        while count.load(Ordering::Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(count.load(Ordering::Relaxed), ENDED);
    }
}
