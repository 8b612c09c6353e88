//! Who is there: what `/proc` says about processes.

use std::fs;

use rustix::process::{Pid, getpid};

/// What is asked about a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) parent: Option<Pid>,
    pub(super) group: Option<Pid>,
    pub(super) session: Option<Pid>,
    /// Ticks since the machine started.
    pub(super) born: u64,
    /// It has ended, and waits to be reaped.
    pub(super) dead: bool,
}

/// The children of this process, adopted ones included. It is exact as long as nobody else reaps them meanwhile.
pub(super) fn children() -> Vec<Pid> {
    let listed = fs::read_dir("/proc/self/task").and_then(|threads| {
        let mut children = Vec::new();
        for thread in threads {
            // Adopted ones may be any thread's.
            children.extend(fs::read_to_string(thread?.path().join("children"))?.split_whitespace().filter_map(pid));
        }
        Ok(children)
    });
    listed.unwrap_or_else(|_| {
        // A kernel without these lists, or a thread that has just ended.
        let ours = |pid: &Pid| facts(*pid).is_some_and(|facts| facts.parent == Some(getpid()));
        everyone().into_iter().filter(ours).collect()
    })
}

/// Every process that can be seen.
pub(super) fn everyone() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| pid(entry.file_name().to_str()?)).collect()
}

/// `None` where there is no such process (any more).
pub(super) fn facts(of: Pid) -> Option<Facts> {
    read_facts(&fs::read_to_string(format!("/proc/{of}/stat")).ok()?)
}

/// The hard limit that marks are made of.
pub(super) fn mark(of: Pid) -> Option<u64> {
    read_mark(&fs::read_to_string(format!("/proc/{of}/limits")).ok()?)
}

fn read_facts(stat: &str) -> Option<Facts> {
    // The name stands in brackets and may contain some.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Facts {
        dead: matches!(*fields.first()?, "Z" | "X"),
        parent: pid(fields.get(1)?),
        group: pid(fields.get(2)?),
        session: pid(fields.get(3)?),
        born: fields.get(19)?.parse().ok()?,
    })
}

fn read_mark(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max realtime timeout"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_whatever_the_name_is() {
        let stat = "42 (a) R 7 (b) S 7 8 9 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        let facts = read_facts(stat).unwrap();
        assert_eq!((facts.parent, facts.group, facts.session), (Pid::from_raw(7), Pid::from_raw(8), Pid::from_raw(9)));
        assert_eq!((facts.born, facts.dead), (12345, false));
        assert!(read_facts("42 (a) Z 7 8").is_none());
    }

    #[test]
    fn the_mark_is_the_hard_limit() {
        assert_eq!(read_mark("Limit  Soft  Hard  Units\nMax realtime timeout      5      77      us\n"), Some(77));
        assert_eq!(read_mark("Max realtime timeout      unlimited            unlimited            us"), None);
    }

    #[test]
    fn this_machine_tells_about_this_process() {
        let own = facts(getpid()).unwrap();
        assert_eq!(own.parent, rustix::process::getppid());
        assert!(!own.dead && own.born > 0 && everyone().contains(&getpid()));
    }
}
