//! What is counted of one route on one core.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use crate::model::{Blame, Reason};

use super::cell::{Cell, Histogram, OWN, WAITING};
use super::ended::{Ended, Outcome, Said};
use super::server::ServerMeter;

/// A route and its server, as labels name them, and what this core counts of them.
#[derive(Debug)]
pub struct RouteMeter {
    /// The path of the route; empty for what reached none.
    pub path: String,
    /// The server behind it; empty for none.
    pub server: String,
    /// What is counted of its calls to the server.
    pub calls: Rc<ServerMeter>,
    cells: Arc<RouteCells>,
    /// The cells have one writer, the core's thread: this stays on it.
    _one_thread: PhantomData<Rc<()>>,
}

impl RouteMeter {
    pub(super) fn new(cells: Arc<RouteCells>, calls: Rc<ServerMeter>) -> Self {
        let (path, server) = (cells.path.clone(), cells.server.clone());
        Self { path, server, calls, cells, _one_thread: PhantomData }
    }

    /// A streaming answer begins.
    pub fn stream_begins(&self) {
        self.cells.streams_begun.add(1);
    }

    /// One that had begun has ended.
    pub fn stream_ends(&self) {
        self.cells.streams_ended.add(1);
    }

    /// So many messages of the server were kept from a listener who may not see what they are about.
    pub fn hides(&self, messages: u64) {
        self.cells.hidden.add(messages);
    }

    /// A request has ended. What reached no route took no time that is worth measuring.
    pub(super) fn count(&self, ended: &Ended<'_>) {
        let cells = &*self.cells;
        cells.rows[ended.said.index()].get_or_init(Box::default).0[place(ended.outcome, ended.reason)].add(1);
        if self.path.is_empty() {
            return;
        }
        cells.received.add(ended.received);
        cells.sent.add(ended.sent);
        cells.whole.observe(ended.total);
        if let Some(server) = ended.server {
            cells.waiting.observe(server);
        }
        if let Some(added) = ended.added {
            cells.added.observe(added);
        }
    }
}

/// The numbers behind a [`RouteMeter`]. A method has a row from its first request on.
#[derive(Debug)]
pub(super) struct RouteCells {
    pub(super) path: String,
    pub(super) server: String,
    rows: [OnceLock<Box<Row>>; Said::COUNT],
    pub(super) whole: Histogram,
    pub(super) waiting: Histogram,
    pub(super) added: Histogram,
    pub(super) received: Cell,
    pub(super) sent: Cell,
    pub(super) streams_begun: Cell,
    pub(super) streams_ended: Cell,
    pub(super) hidden: Cell,
}

impl RouteCells {
    pub(super) fn new(path: &str, server: &str) -> Self {
        Self {
            path: path.to_owned(),
            server: server.to_owned(),
            rows: [const { OnceLock::new() }; Said::COUNT],
            whole: Histogram::new(&WAITING),
            waiting: Histogram::new(&WAITING),
            added: Histogram::new(&OWN),
            received: Cell::default(),
            sent: Cell::default(),
            streams_begun: Cell::default(),
            streams_ended: Cell::default(),
            hidden: Cell::default(),
        }
    }

    /// What has ended on all `cores`, by what was said and how it ended; nothing that never happened.
    pub(super) fn ended(cores: &[&Self]) -> impl Iterator<Item = (Said, Outcome, Option<Reason>, u64)> {
        Said::all().flat_map(|said| {
            let mut counts = [0; PLACES];
            for row in cores.iter().filter_map(|cells| cells.rows[said.index()].get()) {
                for (count, cell) in counts.iter_mut().zip(&row.0) {
                    *count += cell.value();
                }
            }
            counts.into_iter().enumerate().filter(|(_, count)| *count > 0).map(move |(at, count)| {
                let (outcome, reason) = ending(at);
                (said, outcome, reason, count)
            })
        })
    }
}

/// The ways in which requests of one method ended.
#[derive(Debug)]
struct Row([Cell; PLACES]);

impl Default for Row {
    fn default() -> Self {
        Self([const { Cell::new() }; PLACES])
    }
}

const OUTCOMES: usize = Outcome::ALL.len();
const REASONS: usize = Reason::ALL.len();
/// An outcome without a reason each; a refusal by each reason, whose blame says whether it is refused or failed; a cut
/// by each.
const PLACES: usize = OUTCOMES + 2 * REASONS;

fn place(outcome: Outcome, reason: Option<Reason>) -> usize {
    match (outcome, reason) {
        (Outcome::Refused | Outcome::Failed, Some(reason)) => OUTCOMES + reason as usize,
        (Outcome::Cut, Some(reason)) => OUTCOMES + REASONS + reason as usize,
        (outcome, _) => outcome as usize,
    }
}

fn ending(place: usize) -> (Outcome, Option<Reason>) {
    let Some(refusal) = place.checked_sub(OUTCOMES) else { return (Outcome::ALL[place], None) };
    let reason = Reason::ALL[refusal % REASONS];
    match (refusal < REASONS, reason.blame()) {
        (false, _) => (Outcome::Cut, Some(reason)),
        (true, Blame::Client) => (Outcome::Refused, Some(reason)),
        (true, Blame::Server | Blame::Weir) => (Outcome::Failed, Some(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_a_place_of_its_own() {
        let mut places = Vec::new();
        for outcome in Outcome::ALL {
            assert_eq!(ending(place(outcome, None)), (outcome, None));
            places.push(place(outcome, None));
        }
        for (at, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, at);
            let refused = if reason.blame() == Blame::Client { Outcome::Refused } else { Outcome::Failed };
            for outcome in [refused, Outcome::Cut] {
                assert_eq!(ending(place(outcome, Some(*reason))), (outcome, Some(*reason)));
                places.push(place(outcome, Some(*reason)));
            }
        }
        places.sort_unstable();
        assert_eq!(places, (0..PLACES).collect::<Vec<_>>());
    }

    #[test]
    fn an_idle_route_is_small() {
        assert!(size_of::<RouteCells>() < 1536, "{}", size_of::<RouteCells>());
        assert!(size_of::<Row>() < 640, "{}", size_of::<Row>());
    }
}
