//! Reading the cells of all cores once a second, on the control runtime, and handing the sums to the exporter.

use std::collections::HashMap;

use metrics::{Counter, Gauge, Key, Label, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::exposition::Exposition;
use super::gather::Everything;
use super::names::{Kind, METRICS, Metric};
use super::observed::Observed;
use super::sample::Sample;
use super::tally::{Labels, Tally};
use super::text::Family;

/// Gathers what the cores have counted. There is one for a daemon; it works whenever it is told to.
pub struct Fold {
    observed: Observed,
    recorder: PrometheusRecorder,
    /// The exporter's handles, by name and labels.
    counters: HashMap<String, Counter>,
    gauges: HashMap<String, Gauge>,
    exposition: Exposition,
}

impl Fold {
    /// For this daemon, with a recorder of its own: nothing is global.
    pub fn new(observed: Observed) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        for metric in METRICS {
            match metric.kind {
                Kind::Counter => recorder.describe_counter(metric.name.into(), None, metric.help.into()),
                Kind::Gauge => recorder.describe_gauge(metric.name.into(), None, metric.help.into()),
                // Printed by ourselves.
                Kind::Histogram => {}
            }
        }
        let exposition = Exposition::new(recorder.handle());
        Self { observed, recorder, counters: HashMap::new(), gauges: HashMap::new(), exposition }
    }

    /// The page that shows what was folded last.
    pub fn exposition(&self) -> Exposition {
        self.exposition.clone()
    }

    /// Reads all cells, and turns the page.
    pub fn fold(&mut self, sample: &Sample) {
        let observed = self.observed.clone();
        let cores = observed.cores();
        let routes: Vec<_> = cores.iter().flat_map(|core| core.routes()).collect();
        let servers: Vec<_> = cores.iter().flat_map(|core| core.servers()).collect();
        let limits: Vec<_> = cores.iter().flat_map(|core| core.limits()).collect();
        let rules: Vec<_> = cores.iter().flat_map(|core| core.rules()).collect();
        let everything = Everything {
            cores: &cores,
            routes: &routes,
            servers: &servers,
            limits: &limits,
            rules: &rules,
            observed: &observed,
            sample,
        };
        let tally = everything.gather();
        self.tell(tally);
    }

    fn tell(&mut self, tally: Tally<'_>) {
        let mut name = String::new();
        for ((_, labels), (metric, value)) in tally.counts {
            let counter = handle(&mut self.counters, &mut name, metric, labels, |key| {
                self.recorder.register_counter(key, &METADATA)
            });
            counter.absolute(value);
        }
        for ((_, labels), (metric, value)) in tally.levels {
            let gauge =
                handle(&mut self.gauges, &mut name, metric, labels, |key| self.recorder.register_gauge(key, &METADATA));
            gauge.set(value);
        }
        let mut families: Vec<Family> = Vec::new();
        for ((_, labels), (metric, value)) in tally.others {
            let labels = labels.iter().take(metric.labels.len()).map(|&label| label.to_owned()).collect();
            match families.last_mut().filter(|family| family.metric.name == metric.name) {
                Some(family) => family.series.push((labels, value)),
                None => families.push(Family { metric, series: vec![(labels, value)] }),
            }
        }
        self.exposition.turn(families);
    }
}

const METADATA: metrics::Metadata<'static> = metrics::Metadata::new("weir", metrics::Level::INFO, None);

/// The exporter's handle of a series, asked for once. `name` is a buffer to spell it in.
fn handle<'a, H>(
    known: &'a mut HashMap<String, H>,
    name: &mut String,
    metric: &'static Metric,
    labels: Labels<'_>,
    register: impl FnOnce(&Key) -> H,
) -> &'a H {
    let labels = &labels[..metric.labels.len()];
    name.clear();
    name.push_str(metric.name);
    for label in labels {
        // No name or path has one in it.
        name.push('\0');
        name.push_str(label);
    }
    if !known.contains_key(name.as_str()) {
        let labels: Vec<_> =
            metric.labels.iter().zip(labels).map(|(key, value)| Label::new(*key, (*value).to_owned())).collect();
        known.insert(name.clone(), register(&Key::from_parts(metric.name, labels)));
    }
    &known[name.as_str()]
}
