//! What the cells of all cores come to, as numbers with names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::model::clock;

use super::cell::{Cell, Distribution, Histogram};
use super::core_meter::{CoreCells, TurnedAway, UntakenKey};
use super::limit::LimitCells;
use super::meter::RouteCells;
use super::names;
use super::observed::{LOG_LINES_LOST, Observed};
use super::rules::{RuleCells, RuleEffect};
use super::sample::Sample;
use super::server::{Fault, Mirrored, STATES, ServerCells};
use super::tally::Tally;

const A_DAY: f64 = 86_400.0;

/// All that is told of a daemon.
pub(super) struct Everything<'a> {
    pub(super) cores: &'a [Arc<CoreCells>],
    /// Those of all cores.
    pub(super) routes: &'a [Arc<RouteCells>],
    pub(super) servers: &'a [Arc<ServerCells>],
    pub(super) limits: &'a [Arc<LimitCells>],
    pub(super) rules: &'a [Arc<RuleCells>],
    pub(super) observed: &'a Observed,
    pub(super) sample: &'a Sample,
}

impl<'a> Everything<'a> {
    pub(super) fn gather(&self) -> Tally<'a> {
        let mut tally = Tally::default();
        self.cores.iter().for_each(|core| of_core(&mut tally, core));
        let routes = by(self.routes, |route| (route.path.as_str(), route.server.as_str()));
        routes.values().for_each(|cores| of_route(&mut tally, cores));
        let servers = by(self.servers, |server| server.name.as_str());
        servers.values().for_each(|cores| of_server(&mut tally, cores));
        by(self.limits, |limit| limit.name.as_str()).values().for_each(|cores| of_limit(&mut tally, cores));
        let rules = by(self.rules, |rule| rule.name.as_str());
        rules.values().for_each(|cores| of_rule(&mut tally, cores));
        of_daemon(&mut tally, self.observed, self.sample);
        of_process(&mut tally, self.observed.beginning(), self.sample);
        tally
    }
}

fn of_core<'a>(tally: &mut Tally<'a>, core: &'a Arc<CoreCells>) {
    let number = [core.number.as_str()];
    // In this order, so that there are never more that have ended than that have begun.
    let (ended, begun) = (core.connections_ended.value(), core.connections.value());
    tally.level(names::CONNECTIONS, number, begun.saturating_sub(ended) as f64);
    tally.count(names::CONNECTIONS_ACCEPTED, number, begun);
    tally.count(names::CONNECTIONS_HANDED_OVER, number, core.handed_over.value());
    for why in TurnedAway::ALL {
        tally.count(names::CONNECTIONS_TURNED_AWAY, [why.as_str()], core.turned_away[why as usize].value());
    }
    for why in UntakenKey::ALL {
        tally.count(names::UNTAKEN_KEYS, [why.as_str()], core.untaken_keys[why as usize].value());
    }
    tally.distribution(names::CORE_LAG, number, core.lag.read());
}

/// The cells of one thing on all cores, by what it is called.
fn by<'a, T, K: Ord>(all: &'a [Arc<T>], key: impl Fn(&'a T) -> K) -> BTreeMap<K, Vec<&'a T>> {
    let mut groups: BTreeMap<K, Vec<&T>> = BTreeMap::new();
    for one in all {
        groups.entry(key(one)).or_default().push(one);
    }
    groups
}

/// The sum of a cell over all cores.
fn sum<T>(cores: &[&T], cell: impl Fn(&T) -> &Cell) -> u64 {
    cores.iter().map(|cells| cell(cells).value()).sum()
}

/// The distribution of a histogram over all cores.
fn merged<T>(cores: &[&T], histogram: impl Fn(&T) -> &Histogram) -> Distribution {
    let mut read = cores.iter().map(|cells| histogram(cells).read());
    let mut whole = read.next().expect("a group has at least one core");
    read.for_each(|more| whole.merge(&more));
    whole
}

fn of_route<'a>(tally: &mut Tally<'a>, cores: &[&'a RouteCells]) {
    let (path, server) = (cores[0].path.as_str(), cores[0].server.as_str());
    for (said, outcome, reason, count) in RouteCells::ended(cores) {
        let reason = reason.map_or("", |reason| reason.as_str());
        tally.count(names::REQUESTS, [path, server, said.as_str(), outcome.as_str(), reason], count);
    }
    if path.is_empty() {
        return;
    }
    let labels = [path, server];
    let (ended, begun) = (sum(cores, |route| &route.streams_ended), sum(cores, |route| &route.streams_begun));
    tally.level(names::STREAMS, labels, begun.saturating_sub(ended) as f64);
    tally.count(names::STREAMS_OPENED, labels, begun);
    tally.count(names::HIDDEN, labels, sum(cores, |route| &route.hidden));
    tally.count(names::REQUEST_BYTES, labels, sum(cores, |route| &route.received));
    tally.count(names::ANSWER_BYTES, labels, sum(cores, |route| &route.sent));
    tally.distribution(names::REQUEST_DURATION, labels, merged(cores, |route| &route.whole));
    tally.distribution(names::SERVER_DURATION, labels, merged(cores, |route| &route.waiting));
    tally.distribution(names::ADDED_DURATION, [path], merged(cores, |route| &route.added));
}

fn of_server<'a>(tally: &mut Tally<'a>, cores: &[&'a ServerCells]) {
    let name = cores[0].name.as_str();
    for (at, state) in STATES.into_iter().enumerate() {
        let connections = sum(cores, |server| &server.connections[at]);
        tally.level(names::SERVER_CONNECTIONS, [name, state], connections as f64);
    }
    tally.count(names::SERVER_CONNECTIONS_OPENED, [name], sum(cores, |server| &server.opened));
    tally.count(names::SERVER_CONNECTIONS_REUSED, [name], sum(cores, |server| &server.reused));
    for fault in Fault::ALL {
        let failed = sum(cores, |server| &server.failed[fault as usize]);
        tally.count(names::SERVER_ATTEMPTS_FAILED, [name, fault.as_str()], failed);
    }
    tally.count(names::ABANDONED, [name, "adopted"], sum(cores, |server| &server.adopted));
    tally.count(names::ABANDONED, [name, "cut"], sum(cores, |server| &server.cut));
    tally.count(names::ARGUMENTS_REFUSED, [name], sum(cores, |server| &server.arguments_refused));
    tally.count(names::ANSWERS_UNFIT, [name], sum(cores, |server| &server.answers_unfit));
    tally.count(names::SCHEMAS_UNUSABLE, [name], sum(cores, |server| &server.schemas_unusable));
    tally.count(names::LOOKUPS, [name], sum(cores, |server| &server.lookups));
    for (at, became) in Mirrored::LABELS.into_iter().enumerate() {
        tally.count(names::MIRRORED, [name, became], sum(cores, |server| &server.mirrored[at]));
    }
}

fn of_limit<'a>(tally: &mut Tally<'a>, cores: &[&'a LimitCells]) {
    let name = cores[0].name.as_str();
    tally.count(names::LIMIT_DECISIONS, [name, "admitted"], sum(cores, |limit| &limit.admitted));
    tally.count(names::LIMIT_DECISIONS, [name, "refused"], sum(cores, |limit| &limit.refused));
    tally.count(names::LIMIT_DECISIONS, [name, "failed"], sum(cores, |limit| &limit.failed));
}

fn of_rule<'a>(tally: &mut Tally<'a>, cores: &[&'a RuleCells]) {
    let name = cores[0].name.as_str();
    for effect in RuleEffect::ALL {
        match sum(cores, |rule| &rule.effects[effect as usize]) {
            count if effect == RuleEffect::Failed => tally.count(names::RULE_ERRORS, [name], count),
            0 => {}
            count => tally.count(names::RULE_MATCHES, [name, effect.as_str()], count),
        }
    }
}

fn of_daemon<'a>(tally: &mut Tally<'a>, observed: &Observed, sample: &'a Sample) {
    let [generation, since, applied, refused] = observed.configuration();
    tally.level(names::GENERATION, [], generation as f64);
    let [version, is_behind] = observed.stored_rules();
    tally.level(names::STORED_RULES, [], version as f64);
    tally.level(names::STORED_RULES_BEHIND, [], is_behind as f64);
    tally.level(names::RELOADED, [], since as f64);
    tally.count(names::RELOADS, ["applied"], applied);
    tally.count(names::RELOADS, ["refused"], refused);
    for (reason, refused) in observed.refused_operators() {
        tally.count(names::OPERATORS_REFUSED, [reason.as_str()], refused);
    }
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
    for processes in &sample.processes {
        let server = [processes.server.as_str()];
        let running = processes.started.saturating_sub(processes.ended);
        tally.level(names::SERVER_PROCESSES, server, running as f64);
        tally.count(names::SERVER_PROCESSES_STARTED, server, processes.started);
        tally.count(names::SERVER_PROCESSES_ENDED, server, processes.ended);
        tally.count(names::SERVER_BAD_LINES, server, processes.bad_lines);
    }
    for set in &sample.key_sets {
        tally.level(names::ISSUER_KEYS, [&set.issuer], set.keys as f64);
        for (outcome, count) in &set.fetches {
            tally.count(names::KEY_SET_FETCHES, [&set.issuer, outcome], *count);
        }
    }
    for asked in &sample.introspections {
        tally.count(names::INTROSPECTIONS, [&asked.issuer, asked.outcome], asked.count);
    }
    if let Some(store) = &sample.store {
        tally.level(names::STORE_UP, [], f64::from(u8::from(!store.away)));
        tally.count(names::STORE_ASKED, [], store.asked);
        tally.count(names::STORE_FAILED, [], store.failed);
        tally.level(names::STORE_CONNECTIONS, ["used"], store.used as f64);
        tally.level(names::STORE_CONNECTIONS, ["idle"], store.idle as f64);
        tally.level(names::STORE_WAITING, [], store.waiting as f64);
    }
    if let Some(sharing) = &sample.sharing {
        tally.level(names::LEASES_UP, [], f64::from(u8::from(sharing.leased)));
        tally.level(names::LEASES_NODES, [], f64::from(sharing.nodes));
        tally.level(names::LEASES_KEYS, [], sharing.keys as f64);
        tally.count(names::LEASES_TURNS, ["settled"], sharing.settled);
        tally.count(names::LEASES_TURNS, ["failed"], sharing.failed);
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
