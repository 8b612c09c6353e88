//! No core dumps: an image of the memory holds every key and every message, and goes to whoever collects dumps.

use std::env;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Allows them, for who has a crash to find: `WEIR_CORE_DUMPS=1`.
const ALLOWED: &str = "WEIR_CORE_DUMPS";

/// Forbids the kernel to dump this process, and other processes of its user to read its memory. RLIMIT_CORE is no means: it
/// does not hold for a dump that is piped to a collector, and commands would inherit it. What the process becomes, or starts
/// by `execve`, is not concerned.
pub fn forbid_core_dumps() {
    if env::var_os(ALLOWED).is_some_and(|allowed| allowed == "1") {
        return;
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "core dumps cannot be forbidden (PR_SET_DUMPABLE)");
    }
}
