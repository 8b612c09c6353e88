//! What a server that is a command is configured as.

use std::time::Duration;

use crate::net::process::CommandLine;

use super::key::Per;
use super::pair::Pair;

/// What messages are carried by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// A command: what is run, with which environment, where and within which limits.
    Command(CommandLine),
    /// A stream of 2024-11-05 and POSTs.
    Pair(Pair),
}

/// One server of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name, for the log.
    pub name: String,
    /// What stands for a process.
    pub means: Means,
    /// Who shares a process.
    pub per: Per,
    /// Most processes.
    pub limit: usize,
    /// Processes that are started ahead.
    pub warm: usize,
    /// How long a process is kept that nobody uses.
    pub idle: Duration,
    /// How long it may take to answer `initialize`.
    pub start: Duration,
    /// How long a caller waits for a process where all are in use.
    pub wait: Duration,
    /// How long a call may go on without its client.
    pub deadline: Duration,
    /// Bytes of a line that it writes.
    pub line_limit: usize,
    /// Nesting of its messages.
    pub depth: u16,
    /// How long an answer may be waited for before its event stream begins, so that silence can be filled.
    pub keepalive: Duration,
}
