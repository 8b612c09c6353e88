//! Who shares a process.

use super::ask::Opening;

/// Who speaks to one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// One client conversation of the session era. The stateless era has none: there it means one caller.
    Session,
    /// One caller.
    Principal,
    /// Everybody.
    Shared,
}

/// What those have in common who share a process. Eras never share one: a process is of the era it was opened in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Started ahead; nobody's yet.
    Spare,
    /// It is this session's own.
    Session(u64),
    /// The session era: the same revision and capabilities were asked for, by this caller or by anybody.
    Opened { caller: Option<String>, opening: Opening },
    /// The stateless era: this caller, or anybody.
    Modern { caller: Option<String> },
}

impl Key {
    /// The process for a client that opens a session, which would be called so.
    pub(super) fn opened(per: Per, caller: String, session: u64, opening: Opening) -> Self {
        match per {
            Per::Session => Self::Session(session),
            Per::Principal => Self::Opened { caller: Some(caller), opening },
            // Nobody in particular can be asked anything there, so no capability is offered.
            Per::Shared => Self::Opened { caller: None, opening: Opening { capabilities: "{}".to_owned(), ..opening } },
        }
    }

    /// The process for a request of the stateless era.
    pub(super) fn modern(per: Per, caller: String) -> Self {
        Self::Modern { caller: (per != Per::Shared).then_some(caller) }
    }
}
