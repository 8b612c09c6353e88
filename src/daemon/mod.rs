//! The composition root; written on another branch, which replaces this file.

use std::path::PathBuf;

use crate::config::Settings;

/// What the daemon is built from.
#[derive(Debug)]
pub struct Options {
    /// The checked configuration.
    pub settings: Settings,
    /// The data directory; made where it is missing.
    pub data: PathBuf,
}

/// Why the daemon ended other than well.
#[derive(Debug)]
pub struct Failure {
    /// The exit code of the process: 1 the work failed, 2 the configuration is unusable, 3 a dependency is out of reach.
    pub code: u8,
    /// What happened, where, and what to do.
    pub error: anyhow::Error,
}

/// Runs until it is told to stop.
pub fn run(_options: Options) -> Result<(), Failure> {
    Err(Failure { code: 1, error: anyhow::anyhow!("the daemon is not merged yet") })
}
