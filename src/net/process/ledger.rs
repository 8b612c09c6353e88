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
