//! Whether and how many requests are traced, and where to; it changes with a reload.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::config;

use super::export::{Export, To};
use super::facts::Facts;

/// Spans that may wait for the collector; past that they are lost.
const WAITING: usize = 2048;
/// The random part of a trace's id that decides (W3C Trace Context, level 2, "random-trace-id flag").
const RANDOM_BITS: u32 = 56;

/// How long the end of a daemon waits for the last spans.
pub const LAST_SPANS: Duration = Duration::from_secs(2);

/// Changes what is traced, and reads what is known of it. Every core holds one.
#[derive(Clone)]
pub struct TraceControl {
    shared: Arc<Shared>,
    spans: mpsc::Sender<Facts>,
    to: watch::Sender<To>,
}

#[derive(Default)]
pub(super) struct Shared {
    on: AtomicBool,
    /// A trace without a parent is sampled where its random part is at least this.
    threshold: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) lost: AtomicU64,
}

/// Makes the control, and the task that sends spans; it belongs on the control runtime, and ends after
/// [`TraceControl::end`] with what was told by then.
pub fn start(settings: Option<&config::Traces>) -> (TraceControl, impl Future<Output = ()> + Send + use<>) {
    let shared = Arc::new(Shared::default());
    let (spans, told) = mpsc::channel(WAITING);
    let (to, changes) = watch::channel(To::Nowhere);
    let control = TraceControl { shared: Arc::clone(&shared), spans, to };
    control.apply(settings);
    (control, Export::new(told, changes, shared).run())
}

impl TraceControl {
    /// Puts settings into force.
    pub fn apply(&self, settings: Option<&config::Traces>) {
        let share = settings.map_or(0.0, |traces| f64::from(traces.sample) / 1_000_000.0);
        let all = (1u64 << RANDOM_BITS) as f64;
        // `as` rounds a float towards zero and stays within the type.
        self.shared.threshold.store(((1.0 - share) * all) as u64, Ordering::Relaxed);
        self.shared.on.store(settings.is_some(), Ordering::Relaxed);
        let to = settings.map_or(To::Nowhere, |traces| To::Collector(traces.otlp.as_str().into()));
        self.to.send_if_modified(|now| {
            let changed = *now != to && *now != To::End;
            if changed {
                *now = to;
            }
            changed
        });
    }

    /// Ends the sending, after what has been told.
    pub fn end(&self) {
        self.to.send_replace(To::End);
    }

    /// Spans that the collector took, since the start.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Spans that were lost since the start: the collector was away, or too slow.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    pub(super) fn is_on(&self) -> bool {
        self.shared.on.load(Ordering::Relaxed)
    }

    pub(super) fn samples(&self, trace: u128) -> bool {
        let random = trace as u64 & ((1 << RANDOM_BITS) - 1);
        random >= self.shared.threshold.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self, facts: Facts) {
        let spans = facts.spans();
        if self.spans.try_send(facts).is_err() {
            self.shared.lost.fetch_add(spans, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for TraceControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceControl").field("on", &self.is_on()).finish_non_exhaustive()
    }
}
