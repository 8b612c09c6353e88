//! What is counted of the processes of servers that are commands, for as long as the daemon lives: a reload brings a
//! changed server a count of its own, and its name goes on from where it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::net::command::Count;
use crate::telemetry::Processes;

/// The counts of all servers that are commands, or were. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(in crate::daemon) struct Counts(Arc<Mutex<BTreeMap<String, Counted>>>);

#[derive(Debug, Default)]
struct Counted {
    /// Of those that are over.
    past: Totals,
    running: Vec<Arc<Count>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    started: u64,
    ended: u64,
    bad_lines: u64,
}

impl Counts {
    /// Takes in the count of a server that is started.
    pub(in crate::daemon) fn add(&self, server: &str, count: &Arc<Count>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(server.to_owned()).or_default().running.push(Arc::clone(count));
    }

    /// What they come to now, by server. One that is gone is told of on: it has nothing that runs.
    pub(super) fn look(&self) -> Vec<Processes> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = counts.iter_mut().map(|(server, counted)| {
            let Totals { started, ended, bad_lines } = counted.total();
            Processes { server: server.clone(), started, ended, bad_lines }
        });
        told.collect()
    }
}

impl Counted {
    fn total(&mut self) -> Totals {
        let mut total = self.past;
        let past = &mut self.past;
        self.running.retain(|count| {
            // Nobody counts on one that is ours alone; looked at first, for then it says all.
            let is_over = Arc::strong_count(count) == 1;
            let read = Totals::of(count);
            total.add(read);
            if is_over {
                past.add(read);
            }
            !is_over
        });
        total
    }
}

impl Totals {
    fn of(count: &Count) -> Self {
        // In this order, so that there are never more that have ended than that were started.
        let ended = count.ended();
        Self { ended, started: count.started(), bad_lines: count.bad_lines() }
    }

    fn add(&mut self, more: Self) {
        self.started += more.started;
        self.ended += more.ended;
        self.bad_lines += more.bad_lines;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_changed_or_gone_is_told_of_on() {
        let counts = Counts::default();
        assert_eq!(counts.look(), []);
        let (before, after) = (Arc::<Count>::default(), Arc::<Count>::default());
        counts.add("files", &before);
        counts.add("files", &after);
        counts.add("memory", &Arc::default());
        let nothing = |server: &str| Processes { server: server.to_owned(), started: 0, ended: 0, bad_lines: 0 };
        drop(before);
        assert_eq!(counts.look(), [nothing("files"), nothing("memory")]);
        let kept = |server: &str| counts.0.lock().unwrap()[server].running.len();
        assert_eq!((kept("files"), kept("memory")), (1, 0), "what is over takes no room");
        assert_eq!(counts.look(), [nothing("files"), nothing("memory")]);
    }
}
