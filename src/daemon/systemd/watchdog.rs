//! The watchdog: it is fed only while every data core beats, so that a core that hangs ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Notifier;

/// What a core's count reads once it has ended: it has nothing to beat for any more.
const ENDED: u64 = u64::MAX;

/// The beats of all data cores.
#[derive(Debug)]
pub(in crate::daemon) struct Beats {
    /// How long a core may be silent; `None` where nobody asks.
    bound: Option<Duration>,
    counts: Vec<Arc<AtomicU64>>,
}

/// One core's beat. Dropping it says that the core has ended, which is no silence.
#[derive(Debug)]
pub(in crate::daemon) struct Pulse {
    count: Arc<AtomicU64>,
    every: Option<Duration>,
}

impl Beats {
    /// For so many cores, as often as the service manager's `WATCHDOG_USEC` asks for.
    pub(in crate::daemon) fn from_env(cores: usize) -> Self {
        Self::new(cores, sd_notify::watchdog_enabled())
    }

    fn new(cores: usize, bound: Option<Duration>) -> Self {
        // An interval of nothing would spin.
        let bound = bound.map(|bound| bound.max(Duration::from_millis(10)));
        Self { bound, counts: (0..cores).map(|_| Arc::default()).collect() }
    }

    /// One for each core.
    pub(in crate::daemon) fn pulses(&self) -> Vec<Pulse> {
        let every = self.bound.map(|bound| bound / 8);
        self.counts.iter().map(|count| Pulse { count: Arc::clone(count), every }).collect()
    }

    /// Feeds the watchdog twice an interval. It never ends.
    pub(in crate::daemon) async fn watch(self, notifier: Arc<Notifier>) {
        let Some(bound) = self.bound else { return std::future::pending().await };
        let mut looks = interval(bound / 2);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watch = Watch::new(self.counts.len());
        loop {
            looks.tick().await;
            self.look(&mut watch, &notifier);
        }
    }

    fn look(&self, watch: &mut Watch, notifier: &Notifier) {
        if watch.all_alive(self.counts.iter().map(|count| count.load(Ordering::Relaxed))) {
            notifier.alive();
        }
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

/// What was seen of each core.
struct Watch {
    cores: Vec<Core>,
}

#[derive(Clone, Default)]
struct Core {
    count: u64,
    /// Looks in a row that found the same count.
    silent: u32,
    told: bool,
}

impl Watch {
    fn new(cores: usize) -> Self {
        Self { cores: vec![Core::default(); cores] }
    }

    /// Whether no core has been silent for longer than an interval. Each that is, and its return, is told once.
    fn all_alive(&mut self, counts: impl Iterator<Item = u64>) -> bool {
        let mut alive = true;
        for (number, (core, count)) in self.cores.iter_mut().zip(counts).enumerate() {
            core.silent = if count == core.count && count != ENDED { core.silent + 1 } else { 0 };
            core.count = count;
            let hangs = core.silent > SILENT;
            if hangs != core.told {
                core.told = hangs;
                match hangs {
                    true => tracing::error!(core = number, "a data core hangs; the watchdog is not fed any more"),
                    false => tracing::warn!(core = number, "the data core that hung goes on"),
                }
            }
            alive &= !hangs;
        }
        alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_silent_core_is_enough_and_an_ended_one_is_not_silent() {
        let mut watch = Watch::new(3);
        assert!(watch.all_alive([1, 1, 1].into_iter()));
        for count in 2..10 {
            assert!(watch.all_alive([count, count, ENDED].into_iter()), "{count}");
        }
        assert!(watch.all_alive([10, 9, ENDED].into_iter()) && watch.all_alive([11, 9, ENDED].into_iter()));
        assert!(!watch.all_alive([12, 9, ENDED].into_iter()), "the third look in a row");
        assert!(!watch.all_alive([13, 9, ENDED].into_iter()));
        assert!(watch.all_alive([14, 10, ENDED].into_iter()), "it goes on");
        assert!(watch.all_alive([14, ENDED, ENDED].into_iter()));
    }

    #[test]
    fn a_core_that_hangs_ends_the_feeding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let beats = Beats::new(2, Some(Duration::from_secs(8)));
        let [first, second] = <[Pulse; 2]>::try_from(beats.pulses()).unwrap();
        let (mut watch, notifier) = (Watch::new(2), Notifier::to(Some(path.as_os_str())));
        let mut fed = || {
            first.once();
            beats.look(&mut watch, &notifier);
            let mut message = [0; 64];
            manager.recv(&mut message).is_ok_and(|length| &message[..length] == b"WATCHDOG=1")
        };
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
    }

    #[tokio::test]
    async fn a_core_beats_by_itself() {
        let beats = Beats::new(1, Some(Duration::from_millis(80)));
        let pulse = beats.pulses().remove(0);
        let task = tokio::spawn(async move { pulse.beat().await });
        while beats.counts[0].load(Ordering::Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(beats.counts[0].load(Ordering::Relaxed), ENDED);
    }
}
