//! The composition root: builds everything from settings, starts the cores, and ends them.

mod core_thread;
mod files;
mod log;
mod memory;
mod plan;
mod stop;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::runtime::Builder;

use crate::admin::{self, Admin};
use crate::config::{Destination, Settings};
use crate::model::Readiness;
use crate::net::listen;

use core_thread::Cores;
use memory::Marks;
use plan::Plan;

/// What a daemon is started with.
#[derive(Debug)]
pub struct Options {
    /// The checked configuration.
    pub settings: Settings,
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

/// Where a daemon is reached, once it is.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// By clients.
    pub listen: SocketAddr,
    /// By operators.
    pub admin: SocketAddr,
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
    let _written_at_the_end = log::start().map_err(Failure::unusable)?;
    start(&options.settings, &options.data, ready)
}

fn start(settings: &Settings, data: &Path, ready: impl FnOnce(Ready)) -> Result<(), Failure> {
    let plan = Plan::build(settings, data)?;
    serve(settings, plan, ready).map_err(Failure::failed)
}

fn serve(settings: &Settings, plan: Plan, ready: impl FnOnce(Ready)) -> anyhow::Result<()> {
    let sockets = listen::bind_shared(settings.listen.address, settings.listen.cores)
        .with_context(|| format!("cannot listen on {} ([listen] address, --listen)", settings.listen.address))?;
    let operators = listen::bind_alone(settings.admin.address)
        .with_context(|| format!("cannot listen on {} ([admin] address, --admin)", settings.admin.address))?;
    let (address, operators_at) = (sockets[0].local_addr()?, operators.local_addr()?);

    let control = Builder::new_multi_thread().worker_threads(2).thread_name("weir-control").enable_all().build()?;
    let readiness = Arc::new(Readiness::default());
    let admin = Admin { hosts: settings.admin.hosts.clone().into(), readiness: Arc::clone(&readiness) };
    let (publisher, sightings) = plan.publisher();
    let watch = memory::watch(Marks::of(&settings.http), Arc::clone(&plan.pressure));
    control.block_on(async {
        tokio::spawn(publisher);
        tokio::spawn(watch);
        tokio::spawn(async {
            if let Err(error) = admin::serve(operators, admin).await {
                tracing::error!(%error, "the operators' side has ended");
            }
        });
        let signals = stop::Signals::register()?;
        let cores = Cores::start(plan, sockets, sightings)?;
        readiness.ready();
        announce(settings, address, operators_at);
        ready(Ready { listen: address, admin: operators_at });
        stop::supervise(signals, cores, &readiness, settings.drain.timeout).await
    })
}

/// The lines that scripts wait for.
fn announce(settings: &Settings, address: SocketAddr, operators: SocketAddr) {
    let mut lines = vec![format!("weir: listening on http://{address}"), format!("weir: admin on http://{operators}")];
    for route in &settings.routes {
        match route.destination {
            Destination::Server(at) => {
                let server = &settings.servers[at];
                let urls: Vec<_> = server.endpoints.iter().map(|endpoint| endpoint.url.as_str()).collect();
                lines.push(format!("weir: route {} -> {} ({})", route.path, server.name.as_str(), urls.join(", ")));
            }
            Destination::Federation => {
                let path = &route.path;
                lines
                    .push(format!("weir: route {path} -> 404: several servers as one are not built into this version"));
            }
        }
    }
    lines.push(String::new());
    // Whoever started us may have stopped listening; that is no reason to stop.
    let _ = io::stdout().write_all(lines.join("\n").as_bytes());
}

fn ended(core: usize) -> anyhow::Error {
    anyhow!("data core {core} ended by a defect; the log above says which")
}
