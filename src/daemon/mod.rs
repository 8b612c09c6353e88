//! The composition root: builds everything from settings, starts the cores, and ends them.

pub mod admin_client;
pub mod doctor;

mod announce;
mod authorization;
mod bounds;
mod changing;
mod check;
mod commands;
mod control;
mod core_thread;
mod credentials;
mod crew;
mod endpoints;
mod explain;
mod fetching;
mod files;
mod keys;
mod memory;
mod observe;
mod operators;
mod plan;
mod reading;
mod reload;
mod roster;
mod rules;
mod sharing;
mod sockets;
mod sources;
mod spawned;
mod stop;
mod stored;
mod stored_here;
mod stores;
mod switches;
mod systemd;
mod watch;
mod welcome;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use tokio::runtime::Builder;

use crate::config::Settings;
use crate::net::listen::{At, Sockets};
use crate::net::process::forbid_core_dumps;
use crate::store::StoreError;
use crate::telemetry::log::{self, Log};

use control::Starting;
use plan::Plan;
use sockets::HandedOver;

pub use check::check;
pub use explain::explains;
pub use keys::{backup_here, keys_here};
pub use reload::Loader;
pub use rules::sound;
pub use stop::Signals;
pub use stored_here::{author_here, rule_list_here, rules_here};

/// What a daemon is started with.
pub struct Options {
    /// The checked configuration.
    pub settings: Settings,
    /// How it is read again; `None` where it came from the command line alone and cannot change.
    pub reload: Option<Loader>,
    /// Where what outlives the process is kept.
    pub data: PathBuf,
    /// What stops it, where that was taken before; else it takes it itself.
    pub signals: Option<Signals>,
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

    /// The store cannot be used: it is away, or named wrongly, or is not what it should be.
    fn of_store(error: StoreError) -> Self {
        let code = match &error {
            error if error.is_away() => 3,
            StoreError::Url(_) | StoreError::Denied(..) => 2,
            _ => 1,
        };
        Self { code, error: error.into() }
    }

    /// The work failed.
    fn failed(error: anyhow::Error) -> Self {
        Self { code: 1, error }
    }
}

/// Where a daemon is reached, once it is.
#[derive(Clone, Debug)]
pub struct Ready {
    /// By clients.
    pub listen: At,
    /// By operators.
    pub admin: At,
}

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting, or what ended it.
pub fn run(options: Options) -> Result<(), Failure> {
    run_and_tell(options, |_| {})
}

/// As [`run`]; calls `ready` on the control runtime once it is ready, after its own lines.
///
/// # Errors
/// As [`run`].
pub fn run_and_tell(options: Options, ready: impl FnOnce(Ready)) -> Result<(), Failure> {
    // Before there is a second thread.
    let handed_over = Arc::new(HandedOver::take());
    let level = std::env::var_os("WEIR_LOG").map(|level| level.to_string_lossy().into_owned());
    let log = log::start(&options.settings.telemetry.log, level.as_deref());
    // What it was told is written when it is dropped.
    let log = log.map_err(|why| Failure::unusable(anyhow!(why)))?;
    // Before a secret is read.
    forbid_core_dumps();
    start(options, &handed_over, &log, ready)
}

fn start(options: Options, handed_over: &Arc<HandedOver>, log: &Log, ready: impl FnOnce(Ready)) -> Result<(), Failure> {
    let settings = &options.settings;
    for warning in &settings.warnings {
        tracing::warn!("{}", warning.one_line());
    }
    // Before they are read, so that no change is missed.
    let files = sources::marked(sources::of(settings));
    let available = sockets::available_cores();
    let cores = settings.listen.cores.unwrap_or(available);
    let sockets = sockets::open(settings, handed_over, cores)?;
    let addresses = sockets.addresses().map_err(|error| Failure::failed(error.into()))?;
    let near = sockets::beyond_loopback(&addresses).is_none();
    let plan = Arc::new(Plan::build(settings, &options.data, near, None)?);
    let handed_over = Arc::clone(handed_over);
    let starting = Starting { plan, addresses, handed_over, cores, available, files, log };
    serve(starting, options, sockets, ready).map_err(Failure::failed)
}

fn serve(starting: Starting<'_>, options: Options, sockets: Sockets, ready: impl FnOnce(Ready)) -> anyhow::Result<()> {
    let operators = operators::bind(&options.settings.admin)?;
    let control = Builder::new_multi_thread().worker_threads(2).thread_name("weir-control").enable_all().build()?;
    let ended = control.block_on(starting.run(options, sockets, operators, ready));
    // A task that hangs must not hold up the end.
    control.shutdown_background();
    ended
}

fn ended(core: usize) -> anyhow::Error {
    anyhow!("data core {core} ended by a defect; the log above says which")
}
