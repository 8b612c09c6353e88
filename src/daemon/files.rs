//! The limit of open files, and how many connections it carries.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;

/// Files that are not connections: sockets of the listeners, the runtimes, logs, the operators' side.
const OTHERS: u64 = 128;
/// So many connections are enough for whoever asked for no number.
const ENOUGH: usize = 1000;

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

/// Whether an operator wants to know that no more connections fit.
pub(super) fn too_few(fits: usize, settings: &Settings) -> bool {
    let asked = settings.http.connections;
    fits < if settings.connections_written { asked } else { asked.min(ENOUGH) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_connections_are_told_where_more_were_asked_for_or_they_are_few_indeed() {
        let server = "[[servers]]\nname = \"a\"\nendpoints = [\"http://127.0.0.1:1/\"]\n";
        let of = |more: &str| Settings::parse(&format!("{more}{server}"), "test").unwrap();
        let (unsaid, said) = (of(""), of("[http]\nconnections = 10000\n"));
        assert_eq!([448, 999, 1000, 9999].map(|fits| too_few(fits, &unsaid)), [true, true, false, false]);
        assert_eq!([448, 9999, 10_000].map(|fits| too_few(fits, &said)), [true, true, false]);
        let mut demo = unsaid;
        demo.http.connections = 400;
        assert_eq!([399, 400].map(|fits| too_few(fits, &demo)), [true, false]);
    }
}
