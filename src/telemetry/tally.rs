//! Numbers gathered from all cores by metric and labels, before they are told.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::cell::Distribution;
use super::names::{Kind, Metric};

/// The values of a metric's labels in their order; those that it has not are empty.
pub(super) type Labels<'a> = [&'a str; MOST_LABELS];

/// No metric has more labels.
const MOST_LABELS: usize = 5;

type Series<'a, T> = BTreeMap<(&'static str, Labels<'a>), (&'static Metric, T)>;

/// What has been gathered so far.
#[derive(Default)]
pub(super) struct Tally<'a> {
    /// Counters of whole numbers.
    pub(super) counts: Series<'a, u64>,
    /// Gauges whose series stay for good once they are there.
    pub(super) levels: Series<'a, f64>,
    /// What the exporter cannot hold as it is: counters with fractions, gauges whose series come and go, histograms.
    pub(super) others: Series<'a, Value>,
}

/// The value of a series that we print ourselves.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// One number.
    Number(f64),
    /// The buckets of a histogram.
    Distribution(Distribution),
}

impl<'a> Tally<'a> {
    /// Adds to a counter.
    pub(super) fn count<const N: usize>(&mut self, metric: &'static Metric, labels: [&'a str; N], more: u64) {
        debug_assert!(metric.kind == Kind::Counter, "{} is no counter", metric.name);
        self.counts.entry(key(metric, labels)).or_insert((metric, 0)).1 += more;
    }

    /// Adds to a gauge.
    pub(super) fn level<const N: usize>(&mut self, metric: &'static Metric, labels: [&'a str; N], more: f64) {
        debug_assert!(metric.kind == Kind::Gauge, "{} is no gauge", metric.name);
        self.levels.entry(key(metric, labels)).or_insert((metric, 0.0)).1 += more;
    }

    /// Adds to a histogram.
    pub(super) fn distribution<const N: usize>(
        &mut self,
        metric: &'static Metric,
        labels: [&'a str; N],
        more: Distribution,
    ) {
        debug_assert!(metric.kind == Kind::Histogram, "{} is no histogram", metric.name);
        match self.others.entry(key(metric, labels)) {
            Entry::Occupied(mut known) => {
                if let (_, Value::Distribution(known)) = known.get_mut() {
                    known.merge(&more);
                }
            }
            Entry::Vacant(new) => _ = new.insert((metric, Value::Distribution(more))),
        }
    }

    /// Sets a number that the exporter cannot hold.
    pub(super) fn number<const N: usize>(&mut self, metric: &'static Metric, labels: [&'a str; N], value: f64) {
        self.others.insert(key(metric, labels), (metric, Value::Number(value)));
    }
}

fn key<'a, const N: usize>(metric: &'static Metric, labels: [&'a str; N]) -> (&'static str, Labels<'a>) {
    debug_assert!(metric.labels.len() == N, "{} has other labels", metric.name);
    let mut values = [""; MOST_LABELS];
    values[..N].copy_from_slice(&labels);
    (metric.name, values)
}
