//! The composition root: builds everything from settings, starts the cores, and ends them.

pub mod doctor;

mod announce;
mod check;
mod control;
mod core_thread;
mod endpoints;
mod files;
mod memory;
mod operators;
mod plan;
mod reload;
mod sockets;
mod sources;
mod stop;
mod switches;
mod watch;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::runtime::Builder;

use crate::config::{Address, Settings};
use crate::net::listen;
use crate::telemetry::log::{self, Log};

use control::Control;
use plan::Plan;
use sockets::Sockets;

pub use check::check;
pub use reload::Loader;

/// What a daemon is started with.
pub struct Options {
    /// The checked configuration.
    pub settings: Settings,
    /// How it is read again; `None` where it came from the command line alone and cannot change.
    pub reload: Option<Loader>,
    /// Where what outlives the process is kept.
    pub data: PathBuf,
}

/// Why it did not run to its end.
#[derive(Debug)]
pub struct Failure {
    /// The exit code: 1 the work failed, 2 the configuration is wrong, 3 a dependency is out of reach.
    pub code: u8,
    /// What happened, where, and what to do.
    pub error: anyhow::Error,
}

impl Failure {
    /// The configuration, or what it names, is wrong.
    fn unusable(error: anyhow::Error) -> Self {
        Self { code: 2, error }
    }

    /// The work failed.
    fn failed(error: anyhow::Error) -> Self {
        Self { code: 1, error }
    }
}

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting, or what ended it.
pub fn run(options: Options) -> Result<(), Failure> {
    let level = std::env::var_os("WEIR_LOG").map(|level| level.to_string_lossy().into_owned());
    let log = log::start(&options.settings.telemetry.log, level.as_deref());
    // What it was told is written when it is dropped.
    let log = log.map_err(|why| Failure::unusable(anyhow!(why)))?;
    start(options, &log)
}

fn start(options: Options, log: &Log) -> Result<(), Failure> {
    let settings = &options.settings;
    for warning in &settings.warnings {
        tracing::warn!("{}", warning.one_line());
    }
    // What was handed over says whether others reach it. What is to be bound is bound last: it can be said without.
    let handed = match settings.listen.address {
        Address::Handed(_) => Some(sockets::open(&settings.listen).map_err(Failure::failed)?),
        Address::Tcp(_) => None,
    };
    let near = match &handed {
        Some(handed) => handed.are_near(&settings.auth).map_err(Failure::unusable)?,
        None => settings.listen.is_loopback() == Some(true),
    };
    let plan = Plan::build(settings, &options.data, near, None)?;
    serve(options, Arc::new(plan), handed, log).map_err(Failure::failed)
}

fn serve(options: Options, plan: Arc<Plan>, handed: Option<Sockets>, log: &Log) -> anyhow::Result<()> {
    let settings = &options.settings;
    let sockets = handed.map_or_else(|| sockets::open(&settings.listen), Ok)?;
    let operators = listen::bind_alone(settings.admin.address)
        .with_context(|| format!("cannot listen on {} ([admin] address, --admin)", settings.admin.address))?;
    let control = Builder::new_multi_thread().worker_threads(2).thread_name("weir-control").enable_all().build()?;
    control.block_on(Control { options, plan, sockets, operators, log }.run())
}

fn ended(core: usize) -> anyhow::Error {
    anyhow!("data core {core} ended by a defect; the log above says which")
}
