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
    fitting(getrlimit(Resource::Nofile).current)
}

/// How many would fit once the limit is raised; nothing is changed.
pub(super) fn connections_allowed() -> usize {
    fitting(getrlimit(Resource::Nofile).maximum)
}

fn fitting(files: Option<u64>) -> usize {
    usize::try_from(files.unwrap_or(u64::MAX).saturating_sub(OTHERS) / 2).unwrap_or(usize::MAX)
}
