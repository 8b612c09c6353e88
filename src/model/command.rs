//! What operators may ask of a running daemon. `admin` sends it, `daemon` executes it and answers.

use std::fmt;
use std::path::PathBuf;

use tokio::sync::oneshot;

use super::api_key::{KeyAnswer, KeyOrder};
use super::stored::{RuleAnswer, RuleOrder, Unruled};

/// A command, with where its answer goes. Whoever asked may have gone: then the answer is lost, the work is not.
#[derive(Debug)]
pub enum Command {
    /// Read the configuration anew, and put it into force if it is right.
    Reload(oneshot::Sender<Result<Generation, Undone>>),
    /// Log from this level on (`error`, `warn`, `info`, `debug`, `trace`, `off`), until told otherwise or reloaded. The
    /// answer is the level before.
    LogLevel(String, oneshot::Sender<Result<String, Undone>>),
    /// Do this with API keys. Once it is answered it holds on every core.
    Keys(KeyOrder, oneshot::Sender<Result<KeyAnswer, Undone>>),
    /// Do this with stored rules. Once it is answered every core decides by them.
    Rules(RuleOrder, oneshot::Sender<Result<RuleAnswer, Unruled>>),
    /// Copy the store to this file, which must not be there. The answer is how many bytes it has.
    Backup(PathBuf, oneshot::Sender<Result<u64, Undone>>),
}

/// A configuration in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Counted from 1, the one of the start.
    pub number: u64,
    /// When it came into force, in seconds since 1970.
    pub since: u64,
}

/// Why a command was not done. Its text says what is wrong, where, and what to do; never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It is wrong, and nothing was changed.
    Refused(String),
    /// The daemon is stopping, and nothing was changed.
    Draining,
    /// Too many wait already, and nothing was changed.
    Busy,
    /// It is in force, but for cores that hang.
    Hangs {
        /// What is in force on all others.
        generation: Generation,
        /// Which ones, and what that means.
        why: String,
    },
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(why) | Self::Hangs { why, .. } => why,
            Self::Draining => "the daemon is draining: the next process will read the new configuration",
            Self::Busy => "too many commands wait for the reload that runs: ask again once it has ended",
        })
    }
}
