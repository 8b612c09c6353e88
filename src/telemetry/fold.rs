//! Reading the cells of all cores once a second, on the control runtime, and handing the sums to the exporter.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics::{Counter, Gauge, Key, Label, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::model::clock;

use super::core_meter::{CoreCells, TurnedAway};
use super::exposition::Exposition;
use super::meter::RouteCells;
use super::names::{self, Kind, METRICS, Metric};
use super::observed::{LOG_LINES_LOST, Observed};
use super::sample::Sample;
use super::server::{Fault, STATES, ServerCells};
use super::tally::{Labels, Tally};
use super::text::Family;

const A_DAY: f64 = 86_400.0;

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
        let cores = self.observed.cores();
        let routes: Vec<_> = cores.iter().flat_map(|core| core.routes()).collect();
        let servers: Vec<_> = cores.iter().flat_map(|core| core.servers()).collect();
        let mut tally = Tally::default();
        cores.iter().for_each(|core| of_core(&mut tally, core));
        routes.iter().for_each(|route| of_route(&mut tally, route));
        servers.iter().for_each(|server| of_server(&mut tally, server));
        of_daemon(&mut tally, &self.observed, sample);
        of_process(&mut tally, self.observed.beginning(), sample);
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
        // A value has no line end in it that could be taken for this one.
        name.push('\n');
        name.push_str(label);
    }
    if !known.contains_key(name.as_str()) {
        let labels: Vec<_> =
            metric.labels.iter().zip(labels).map(|(key, value)| Label::new(*key, (*value).to_owned())).collect();
        known.insert(name.clone(), register(&Key::from_parts(metric.name, labels)));
    }
    &known[name.as_str()]
}

fn of_core<'a>(tally: &mut Tally<'a>, core: &'a Arc<CoreCells>) {
    let number = [core.number.as_str()];
    // In this order, so that there are never more that have ended than that have begun.
    let (ended, begun) = (core.connections_ended.value(), core.connections.value());
    tally.level(names::CONNECTIONS, number, begun.saturating_sub(ended) as f64);
    tally.count(names::CONNECTIONS_ACCEPTED, number, begun);
    for why in TurnedAway::ALL {
        tally.count(names::CONNECTIONS_TURNED_AWAY, [why.as_str()], core.turned_away[why as usize].value());
    }
    tally.distribution(names::CORE_LAG, number, core.lag.read());
}

fn of_route<'a>(tally: &mut Tally<'a>, route: &'a Arc<RouteCells>) {
    let (path, server) = (route.path.as_str(), route.server.as_str());
    for (said, outcome, reason, count) in route.ended() {
        let reason = reason.map_or("", |reason| reason.as_str());
        tally.count(names::REQUESTS, [path, server, said.as_str(), outcome.as_str(), reason], count);
    }
    if path.is_empty() {
        return;
    }
    let (ended, begun) = (route.streams_ended.value(), route.streams_begun.value());
    tally.level(names::STREAMS, [path, server], begun.saturating_sub(ended) as f64);
    tally.count(names::STREAMS_OPENED, [path, server], begun);
    tally.count(names::REQUEST_BYTES, [path, server], route.received.value());
    tally.count(names::ANSWER_BYTES, [path, server], route.sent.value());
    tally.distribution(names::REQUEST_DURATION, [path, server], route.whole.read());
    tally.distribution(names::SERVER_DURATION, [path, server], route.waiting.read());
    tally.distribution(names::ADDED_DURATION, [path], route.added.read());
}

fn of_server<'a>(tally: &mut Tally<'a>, server: &'a Arc<ServerCells>) {
    let name = server.name.as_str();
    for (state, connections) in STATES.into_iter().zip(&server.connections) {
        tally.level(names::SERVER_CONNECTIONS, [name, state], connections.value() as f64);
    }
    tally.count(names::SERVER_CONNECTIONS_OPENED, [name], server.opened.value());
    tally.count(names::SERVER_CONNECTIONS_REUSED, [name], server.reused.value());
    for fault in Fault::ALL {
        tally.count(names::SERVER_ATTEMPTS_FAILED, [name, fault.as_str()], server.failed[fault as usize].value());
    }
    tally.count(names::ABANDONED, [name, "adopted"], server.adopted.value());
    tally.count(names::ABANDONED, [name, "cut"], server.cut.value());
}

fn of_daemon<'a>(tally: &mut Tally<'a>, observed: &Observed, sample: &'a Sample) {
    let [generation, since, applied, refused] = observed.configuration();
    tally.level(names::GENERATION, [], generation as f64);
    tally.level(names::RELOADED, [], since as f64);
    tally.count(names::RELOADS, ["applied"], applied);
    tally.count(names::RELOADS, ["refused"], refused);
    tally.level(names::READY, [], f64::from(u8::from(sample.ready)));
    tally.level(names::DRAINING, [], f64::from(u8::from(sample.draining)));
    tally.level(names::MEMORY_PRESSURE, [], f64::from(sample.pressure as u8));
    tally.level(names::BUILD, [env!("CARGO_PKG_VERSION")], 1.0);
    tally.count(names::LOG_LINES_LOST, [], LOG_LINES_LOST.load(Ordering::Relaxed));
    for queue in &sample.queues {
        tally.number(names::ACCEPT_QUEUE, [&queue.core], queue.waiting as f64);
    }
    let now = clock::unix_seconds() as f64;
    for certificate in &sample.certificates {
        tally.number(names::CERTIFICATE_DAYS, [&certificate.file], (certificate.not_after as f64 - now) / A_DAY);
    }
    for (core, cpu) in &sample.cores {
        tally.number(names::CORE_CPU, [core], cpu.as_secs_f64());
    }
}

fn of_process(tally: &mut Tally<'_>, started: u64, sample: &Sample) {
    tally.level(names::PROCESS_STARTED, [], started as f64);
    let told = [
        (names::MEMORY_LIMIT, sample.memory_limit),
        (names::PROCESS_RESIDENT, sample.resident),
        (names::PROCESS_VIRTUAL, sample.virtual_memory),
        (names::PROCESS_OPEN_FILES, sample.open_files),
        (names::PROCESS_MAX_FILES, sample.most_files),
    ];
    for (metric, value) in told {
        if let Some(value) = value {
            tally.level(metric, [], value as f64);
        }
    }
    if let Some(cpu) = sample.cpu {
        tally.number(names::PROCESS_CPU, [], cpu.as_secs_f64());
    }
}
