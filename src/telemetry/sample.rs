//! What is not counted but looked at: the daemon samples it once a second, on the control runtime.

use std::time::Duration;

use crate::model::Level;

/// What a look at the process brought. What the system does not tell is `None`, and then it is on no page.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Bytes of the process in memory.
    pub resident: Option<u64>,
    /// Bytes of its address space.
    pub virtual_memory: Option<u64>,
    /// Bytes that it may have.
    pub memory_limit: Option<u64>,
    /// How short memory is.
    pub pressure: Level,
    /// CPU time of the process.
    pub cpu: Option<Duration>,
    /// CPU time of each core's thread, by the core's number.
    pub cores: Vec<(String, Duration)>,
    /// Open files.
    pub open_files: Option<u64>,
    /// How many there may be.
    pub most_files: Option<u64>,
    /// Connections that wait to be taken.
    pub queues: Vec<Queue>,
    /// What `/readyz` says.
    pub ready: bool,
    /// Whether the daemon is stopping.
    pub draining: bool,
    /// The certificates that the configuration names.
    pub certificates: Vec<Certificate>,
    /// The processes of servers that are commands, or were.
    pub processes: Vec<Processes>,
    /// The key sets that are fetched, or were.
    pub key_sets: Vec<KeySets>,
    /// What came of asking issuers about tokens.
    pub introspections: Vec<Introspections>,
    /// The store, where it is a database.
    pub store: Option<Database>,
    /// How limits are shared with other nodes, where there are any.
    pub sharing: Option<Sharing>,
}

/// The kernel's queue of connections to one listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The core that takes from it, or `all`.
    pub core: String,
    /// How many wait.
    pub waiting: u64,
}

/// A file of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// As the configuration names it.
    pub file: String,
    /// When the first of them runs out, in seconds since 1970.
    pub not_after: i64,
}

/// The processes of a server that is a command, since the daemon began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processes {
    /// Its name.
    pub server: String,
    /// Those that were started.
    pub started: u64,
    /// Those of them that have ended.
    pub ended: u64,
    /// Lines of theirs that were no messages.
    pub bad_lines: u64,
}

/// The key set of an issuer that is fetched, since the daemon began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySets {
    /// The issuer.
    pub issuer: String,
    /// Keys that tokens are verified with now.
    pub keys: u64,
    /// How many fetches came to what.
    pub fetches: Vec<(&'static str, u64)>,
    /// Tokens of the issuer are to be taken, and nothing is kept to verify them with.
    pub lacks: bool,
}

/// Questions to an issuer about a token that came to the same, since the daemon began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspections {
    /// The issuer.
    pub issuer: String,
    /// What they came to.
    pub outcome: &'static str,
    /// How many.
    pub count: u64,
}

/// Limits that nodes share, since the daemon began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Among how many this node's part is cut; 0: it has none.
    pub nodes: u32,
    /// Whether what it has leased is in force.
    pub leased: bool,
    /// Keys that it asks for.
    pub keys: u64,
    /// Turns that were settled.
    pub settled: u64,
    /// Turns that the store did not do.
    pub failed: u64,
}

/// The database that has the store, since the daemon began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Database {
    /// Whether it is away.
    pub away: bool,
    /// What it was asked for.
    pub asked: u64,
    /// What of that it did not do.
    pub failed: u64,
    /// Connections that somebody uses.
    pub used: u64,
    /// Connections that nobody uses.
    pub idle: u64,
    /// How many wait for one.
    pub waiting: u64,
}
