//! What operators may ask of a running daemon. `admin` sends it, `daemon` executes it and answers.

use tokio::sync::oneshot;

/// A command, with where its answer goes. Whoever asked may have gone: then the answer is lost, the work is not.
#[derive(Debug)]
pub enum Command {
    /// Read the configuration anew, and put it into force if it is right.
    Reload(oneshot::Sender<Result<Generation, Unchanged>>),
    /// Log from this level on (`error`, `warn`, `info`, `debug`, `trace`, `off`), until told otherwise or reloaded. The
    /// answer is the level before.
    LogLevel(String, oneshot::Sender<Result<String, Unchanged>>),
}

/// A configuration in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Counted from 1, the one of the start.
    pub number: u64,
    /// When it came into force, in seconds since 1970.
    pub since: u64,
}

/// Why nothing was changed: what is wrong, where, and what to do. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchanged(pub String);
