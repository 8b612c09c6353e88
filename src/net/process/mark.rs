//! The mark of a command: a limit that limits nothing, inherited by every process that it starts.
//!
//! A process may leave its group and its session, change its name, and clear or overwrite its environment; its limits
//! stay, everyone may read them in `/proc`, and without privileges they can only be lowered. `RLIMIT_RTTIME` bounds, in
//! microseconds, what a process of *real-time* scheduling may compute without a system call that blocks. The values here
//! are many years, so that the limit never acts.
//!
//! A process that lowers this limit itself (those that play sound do) loses its mark. Whose it was is then told by its
//! group and session, or at last by its age: see [`ledger`](super::ledger).

use std::hash::{BuildHasher, RandomState};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below it (35 years) a limit could act, and is left as it is.
const LEAST: u64 = 1 << 50;
/// Where no limit is set, marks lie below this.
const HIGHEST: u64 = 1 << 62;
/// The bits of a command's number.
const NUMBERS: u64 = u32::MAX as u64;

/// The marks of one keeper: nobody else's on this machine, and none that an outer Weir uses for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// What all have in common; 0 where this machine leaves no room for marks.
    base: u64,
}

impl Marks {
    pub(super) fn new() -> Self {
        Self::below(getrlimit(Resource::Rttime).maximum.unwrap_or(HIGHEST).min(HIGHEST))
    }

    fn below(highest: u64) -> Self {
        if highest < LEAST * 4 {
            return Self { base: 0 };
        }
        // In the upper part of what may be set, so that a Weir that is a command of this one finds room as well.
        let random = RandomState::new().hash_one(std::process::id());
        Self { base: (highest / 4 * 3 + random % (highest / 8)) & !NUMBERS }
    }

    /// As the keeper is told, and reads it.
    pub(super) fn to_text(self) -> String {
        self.base.to_string()
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        Some(Self { base: text.parse().ok()? })
    }

    /// Of the command with this number.
    pub(super) fn of(self, number: u32) -> u64 {
        if self.base == 0 { 0 } else { self.base | u64::from(number) }
    }

    /// Which command's this is.
    pub(super) fn number(self, mark: u64) -> Option<u32> {
        (self.base != 0 && mark & !NUMBERS == self.base).then_some((mark & NUMBERS) as u32)
    }
}

/// Takes the mark upon this process. Where the machine has no such limit, groups and ages have to do.
pub(super) fn bear(mark: u64) {
    if mark != 0 {
        let _ = setrlimit(Resource::Rttime, Rlimit { current: Some(mark), maximum: Some(mark) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_the_number_and_is_nobody_elses() {
        let (marks, others) = (Marks::below(HIGHEST), Marks::below(HIGHEST));
        assert_ne!(marks, others);
        for number in [1, 77, u32::MAX] {
            assert_eq!(marks.number(marks.of(number)), Some(number));
            assert_eq!(others.number(marks.of(number)), None);
            assert!((LEAST..HIGHEST).contains(&marks.of(number)));
        }
        assert_eq!(Marks::from_text(&marks.to_text()), Some(marks));
    }

    #[test]
    fn a_weir_inside_finds_room_below_the_outer_ones_marks() {
        let outer = Marks::below(HIGHEST);
        let inner = Marks::below(outer.of(1));
        assert!(inner.of(u32::MAX) < outer.of(1) && inner.of(1) > LEAST);
    }

    #[test]
    fn where_there_is_no_room_nothing_is_marked() {
        let none = Marks::below(LEAST);
        assert_eq!((none.of(5), none.number(0), none.number(5)), (0, None, None));
    }
}
