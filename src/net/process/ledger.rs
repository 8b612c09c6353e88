//! The keeper's book: which commands there are, and whose a process is that came to the keeper when its parent died.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::census::Facts;
use super::exit::Exit;
use super::mark::Marks;

/// How long the end of a command is held back for what cannot be killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// All commands of a keeper.
#[derive(Debug)]
pub(super) struct Ledger {
    marks: Marks,
    commands: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    number: u32,
    leader: Pid,
    born: u64,
    /// How and when its first process ended.
    ended: Option<(Exit, Instant)>,
    told: bool,
}

/// A child of the keeper, as it was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) pid: Pid,
    pub(super) facts: Facts,
    pub(super) mark: Option<u64>,
}

impl Ledger {
    pub(super) fn new(marks: Marks) -> Self {
        Self { marks, commands: Vec::new() }
    }

    pub(super) fn mark(&self, number: u32) -> u64 {
        self.marks.of(number)
    }

    /// A command begins: its number, its first process and when that was born.
    pub(super) fn begin(&mut self, number: u32, leader: Pid, born: u64) {
        self.commands.push(Kept { number, leader, born, ended: None, told: false });
    }

    /// A command's first process, while it runs.
    pub(super) fn leader(&self, number: u32) -> Option<Pid> {
        let mut running = self.commands.iter().filter(|kept| kept.ended.is_none());
        running.find(|kept| kept.number == number).map(|kept| kept.leader)
    }

    /// The first processes of all commands that run.
    pub(super) fn leaders(&self) -> impl Iterator<Item = Pid> {
        self.commands.iter().filter(|kept| kept.ended.is_none()).map(|kept| kept.leader)
    }

    /// A child has ended; whether it was a command's first process.
    pub(super) fn end(&mut self, pid: Pid, exit: Exit, now: Instant) -> bool {
        let found = self.commands.iter_mut().find(|kept| kept.leader == pid && kept.ended.is_none());
        found.map(|kept| kept.ended = Some((exit, now))).is_some()
    }

    /// Whether something has ended of which perhaps not everything is gone.
    pub(super) fn is_ending(&self) -> bool {
        self.commands.iter().any(|kept| kept.ended.is_some())
    }

    /// Those of the keeper's children that no running command owns: they are to be killed.
    pub(super) fn condemned(&self, children: &[Seen]) -> Vec<Pid> {
        children.iter().filter(|seen| !self.is_owned(seen)).map(|seen| seen.pid).collect()
    }

    /// The commands of which nothing is left, or whose rest is past patience.
    pub(super) fn over(&mut self, children: &[Seen], now: Instant) -> Vec<(u32, Exit)> {
        let mut over = Vec::new();
        let marks = self.marks;
        self.commands.retain_mut(|kept| {
            let Some((exit, since)) = kept.ended else { return true };
            let left = children.iter().any(|seen| kept.has(seen, marks));
            if !kept.told && (!left || now - since > PATIENCE) {
                kept.told = true;
                over.push((kept.number, exit));
            }
            left
        });
        over
    }

    /// By its mark, or by its group or session. One that tells neither may be any command's that is older than it.
    fn is_owned(&self, seen: &Seen) -> bool {
        let number = seen.mark.and_then(|mark| self.marks.number(mark));
        let mut running = self.commands.iter().filter(|kept| kept.ended.is_none());
        if running.clone().any(|kept| kept.leader == seen.pid || kept.has(seen, self.marks)) {
            return true;
        }
        let known = number.is_some() || self.commands.iter().any(|kept| kept.has(seen, self.marks));
        !known && running.any(|kept| kept.born <= seen.facts.born)
    }
}

impl Kept {
    fn has(&self, seen: &Seen, marks: Marks) -> bool {
        match seen.mark.and_then(|mark| marks.number(mark)) {
            Some(number) => number == self.number,
            None => seen.facts.group == Some(self.leader) || seen.facts.session == Some(self.leader),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(number: i32) -> Pid {
        Pid::from_raw(number).unwrap()
    }

    fn child(number: i32, group: i32, born: u64, mark: Option<u64>) -> Seen {
        let (group, session) = (Some(pid(group)), Some(pid(number)));
        Seen { pid: pid(number), facts: Facts { parent: None, group, session, born, dead: false }, mark }
    }

    /// Command 1 (process 100, born at 10) and command 2 (process 200, born at 20).
    fn ledger() -> (Ledger, Marks) {
        let marks = Marks::new();
        let mut ledger = Ledger::new(marks);
        ledger.begin(1, pid(100), 10);
        ledger.begin(2, pid(200), 20);
        (ledger, marks)
    }

    #[test]
    fn the_marked_go_with_their_command_alone() {
        let (mut ledger, marks) = ledger();
        let own = |number, process| child(process, process, 30, Some(marks.of(number)));
        let children = [child(200, 200, 20, None), own(1, 301), own(2, 302), own(77, 303)];
        assert_eq!(ledger.condemned(&children), [pid(303)], "of a command that was");
        let now = clock_now();
        assert!(ledger.end(pid(100), Exit::Code(0), now));
        assert!(!ledger.end(pid(301), Exit::Code(0), now));
        assert_eq!(ledger.condemned(&children), [pid(301), pid(303)]);
        assert_eq!(ledger.over(&children, now), []);
        assert_eq!(ledger.over(&children[2..], now), [(1, Exit::Code(0))]);
        assert_eq!((ledger.leader(1), ledger.leader(2), ledger.is_ending()), (None, Some(pid(200)), false));
    }

    #[test]
    fn the_unmarked_are_told_by_group_and_then_by_age() {
        let (mut ledger, _) = ledger();
        let (in_group, stray, early) =
            (child(301, 100, 30, None), child(302, 302, 15, Some(5)), child(303, 303, 9, None));
        assert_eq!(ledger.condemned(&[in_group, stray, early]), [pid(303)], "older than every command");
        ledger.end(pid(100), Exit::Signal(9), clock_now());
        assert_eq!(ledger.condemned(&[in_group, stray]), [pid(301), pid(302)], "the other command is younger");
        let may_be = child(304, 304, 25, None);
        assert_eq!(ledger.condemned(&[may_be]), []);
        ledger.end(pid(200), Exit::Signal(9), clock_now());
        assert_eq!(ledger.condemned(&[may_be]), [pid(304)]);
    }

    #[test]
    fn what_cannot_be_killed_holds_the_end_back_for_a_while_only() {
        let (mut ledger, marks) = ledger();
        let stuck = [child(301, 301, 30, Some(marks.of(1)))];
        let now = clock_now();
        ledger.end(pid(100), Exit::Signal(9), now);
        assert_eq!(ledger.over(&stuck, now + PATIENCE), []);
        let late = now + PATIENCE + Duration::from_millis(1);
        assert_eq!(ledger.over(&stuck, late), [(1, Exit::Signal(9))]);
        assert_eq!(ledger.over(&stuck, late), [], "it is told once");
        assert!(ledger.is_ending());
        assert_eq!(ledger.over(&[], late), []);
        assert!(!ledger.is_ending());
    }

    fn clock_now() -> Instant {
        crate::model::clock::now()
    }
}
