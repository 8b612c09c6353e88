//! The limit of open files, and how many connections it carries.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are not connections: sockets of the listeners, the runtimes, logs, the operators' side.
const OTHERS: u64 = 128;

/// Raises the limit of open files to what the system allows, and returns how many clients' connections fit, each with
/// one to a server, so that the operators' side can always be reached.
pub(super) fn connections_that_fit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::warn!("cannot raise the limit of open files");
    }
    carried(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}

/// How many would fit once the limit is raised; nothing is changed.
pub(super) fn connections_allowed() -> usize {
    carried(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX))
}

/// How many connections so many open files carry.
pub(super) fn carried(files: u64) -> usize {
    usize::try_from(files.saturating_sub(OTHERS) / 2).unwrap_or(usize::MAX)
}

/// How many open files so many connections need.
pub(super) fn needed(connections: usize) -> u64 {
    (connections as u64).saturating_mul(2).saturating_add(OTHERS)
}
