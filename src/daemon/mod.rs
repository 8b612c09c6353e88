//! The composition root: builds everything from settings, starts the cores, and ends them.

mod check;
mod core_thread;
mod endpoints;
mod files;
mod log;
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

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch as latest};

use crate::admin::Admin;
use crate::catalog::publish;
use crate::config::{Address, Destination, Settings};
use crate::model::{Generation, Readiness, Status, clock};
use crate::net::listen;

use core_thread::Cores;
use memory::Marks;
use operators::Operators;
use plan::Plan;
use reload::Reloader;
use sockets::Sockets;

pub use check::check;
pub use reload::Loader;

/// Commands of operators that may wait for one another.
const COMMANDS: usize = 8;
/// Sightings of the cores that may wait for the control runtime; past that they are seen again later.
const SIGHTINGS: usize = 64;

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
    let _written_at_the_end = log::start().map_err(Failure::unusable)?;
    start(options)
}

fn start(options: Options) -> Result<(), Failure> {
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
    serve(options, Arc::new(plan), handed).map_err(Failure::failed)
}

fn serve(options: Options, plan: Arc<Plan>, handed: Option<Sockets>) -> anyhow::Result<()> {
    let settings = &options.settings;
    let sockets = handed.map_or_else(|| sockets::open(&settings.listen), Ok)?;
    let operators = listen::bind_alone(settings.admin.address)
        .with_context(|| format!("cannot listen on {} ([admin] address, --admin)", settings.admin.address))?;
    let control = Builder::new_multi_thread().worker_threads(2).thread_name("weir-control").enable_all().build()?;
    control.block_on(supervised(options, plan, sockets, operators))
}

/// The control side: starts what there is, and stays with it to its end.
async fn supervised(options: Options, plan: Arc<Plan>, sockets: Sockets, operators: TcpListener) -> anyhow::Result<()> {
    let Options { settings, reload, data } = options;
    let address = sockets.cores[0][0].local_addr()?;
    let signals = stop::Signals::register(reload.is_none())?;
    let (commands, asked) = mpsc::channel(COMMANDS);
    let generation = Generation { number: 1, since: clock::unix_seconds() };
    let (status, seen) = latest::channel(Status { generation, reload: None });
    let (marks, marked) = latest::channel(Marks::of(&settings.http));
    let (drain, bound) = latest::channel(settings.drain.timeout);
    let (sightings, seen_by_cores) = mpsc::channel(SIGHTINGS);
    tokio::spawn(publish(seen_by_cores));
    tokio::spawn(memory::watch(marked, Arc::clone(&plan.lasting.pressure)));
    let readiness = Arc::new(Readiness::default());
    let hosts = settings.admin.hosts.clone().into();
    let admin = Admin { hosts, readiness: Arc::clone(&readiness), commands, status: seen };
    let operators = Operators::start(&settings.admin, operators, admin)?;
    let (cores, switches) = Cores::start(&plan, sockets, &sightings)?;
    readiness.ready();
    announce(&settings, address, operators.address()?);
    let reloader = Reloader { load: reload, data, settings, plan, switches, operators, marks, drain, status };
    tokio::select! {
        ended = stop::supervise(signals, cores, &readiness, bound) => ended,
        ended = reloader.run(asked) => ended,
    }
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
