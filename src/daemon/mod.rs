//! The composition root: builds everything from settings, starts the cores, and ends them.

mod core_thread;
mod files;
mod log;
mod memory;
mod observe;
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
use tokio::sync::{mpsc, watch};

use crate::admin::{self, Admin};
use crate::config::{Destination, Settings};
use crate::model::{Generation, Readiness, clock};
use crate::net::listen;
use crate::telemetry::{Fold, Observed};

use core_thread::Cores;
use memory::Marks;
use observe::Looked;
use plan::Plan;

/// Commands of operators that may wait for one another.
const COMMANDS: usize = 8;

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

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting, or what ended it.
pub fn run(options: Options) -> Result<(), Failure> {
    let _written_at_the_end = log::start().map_err(Failure::unusable)?;
    start(&options.settings, &options.data)
}

fn start(settings: &Settings, data: &Path) -> Result<(), Failure> {
    let plan = Plan::build(settings, data)?;
    serve(settings, plan).map_err(Failure::failed)
}

fn serve(settings: &Settings, plan: Plan) -> anyhow::Result<()> {
    let sockets = listen::bind_shared(settings.listen.address, settings.listen.cores)
        .with_context(|| format!("cannot listen on {} ([listen] address, --listen)", settings.listen.address))?;
    let operators = listen::bind_alone(settings.admin.address)
        .with_context(|| format!("cannot listen on {} ([admin] address, --admin)", settings.admin.address))?;
    let (address, operators_at) = (sockets[0].local_addr()?, operators.local_addr()?);

    let control = Builder::new_multi_thread().worker_threads(2).thread_name("weir-control").enable_all().build()?;
    let readiness = Arc::new(Readiness::default());
    let (commands, _asked) = mpsc::channel(COMMANDS);
    let observed = Observed::new();
    observed.started(Generation { number: 1, since: clock::unix_seconds() });
    let fold = Fold::new(observed.clone());
    let (_certificates, files) = watch::channel(observe::certificates(settings));
    let looked = Looked::new(&sockets, Arc::clone(&plan.pressure), Arc::clone(&readiness), files);
    let admin = Admin {
        hosts: settings.admin.hosts.clone().into(),
        readiness: Arc::clone(&readiness),
        exposition: fold.exposition(),
        commands,
    };
    let (publisher, sightings) = plan.publisher();
    let watching = memory::watch(Marks::of(&settings.http), Arc::clone(&plan.pressure));
    control.block_on(async {
        tokio::spawn(publisher);
        tokio::spawn(watching);
        tokio::spawn(observe::observe(observed.clone(), fold, looked));
        tokio::spawn(async {
            if let Err(error) = admin::serve(operators, admin).await {
                tracing::error!(%error, "the operators' side has ended");
            }
        });
        let signals = stop::Signals::register()?;
        let cores = Cores::start(plan, sockets, sightings, &observed)?;
        readiness.ready();
        announce(settings, address, operators_at);
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
