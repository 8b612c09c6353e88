//! The composition root: builds everything from settings, starts the cores, and ends them.

mod core_thread;
mod files;
mod log;
mod memory;
mod plan;
mod sockets;
mod stop;
mod systemd;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::admin::{self, Admin};
use crate::config::{Destination, Settings};
use crate::model::Readiness;
use crate::net::listen::{self, Listeners};

use core_thread::Cores;
use memory::Marks;
use plan::Plan;
use sockets::HandedOver;
use systemd::{Beats, Notifier};

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
    // Before there is a second thread.
    let handed_over = HandedOver::take();
    let _written_at_the_end = log::start().map_err(Failure::unusable)?;
    start(&options.settings, &options.data, &handed_over)
}

fn start(settings: &Settings, data: &Path, handed_over: &HandedOver) -> Result<(), Failure> {
    let sockets = sockets::open(settings, handed_over)?;
    let addresses = sockets::addresses(&sockets).map_err(|error| Failure::failed(error.into()))?;
    let plan = Plan::build(settings, data, sockets::beyond_loopback(&addresses).is_none())?;
    serve(settings, plan, sockets, &addresses).map_err(Failure::failed)
}

fn serve(settings: &Settings, plan: Plan, sockets: Vec<Listeners>, addresses: &[SocketAddr]) -> anyhow::Result<()> {
    let operators = listen::bind_alone(settings.admin.address)
        .with_context(|| format!("cannot listen on {} ([admin] address, --admin)", settings.admin.address))?;
    let operators_at = operators.local_addr()?;

    let control = Builder::new_multi_thread().worker_threads(2).thread_name("weir-control").enable_all().build()?;
    let readiness = Arc::new(Readiness::default());
    let (commands, _asked) = mpsc::channel(COMMANDS);
    let admin = Admin { hosts: settings.admin.hosts.clone().into(), readiness: Arc::clone(&readiness), commands };
    let (publisher, sightings) = plan.publisher();
    let watch = memory::watch(Marks::of(&settings.http), Arc::clone(&plan.pressure));
    let (notifier, beats) = (Arc::new(Notifier::from_env()), Beats::from_env(sockets.len()));
    let ended = control.block_on(async {
        tokio::spawn(publisher);
        tokio::spawn(watch);
        tokio::spawn(async {
            if let Err(error) = admin::serve(operators, admin).await {
                tracing::error!(%error, "the operators' side has ended");
            }
        });
        let signals = stop::Signals::register()?;
        let mut cores = Cores::start(plan, sockets, beats.pulses(), sightings)?;
        cores.accept().await?;
        tokio::spawn(beats.watch(Arc::clone(&notifier)));
        readiness.ready();
        announce(settings, addresses, operators_at);
        notifier.ready(&format!("listening on {}", sockets::listed(addresses)));
        stop::supervise(signals, cores, &readiness, &notifier, settings.drain.timeout).await
    });
    // A task that hangs must not hold up the end.
    control.shutdown_background();
    ended
}

/// The lines that scripts wait for.
fn announce(settings: &Settings, addresses: &[SocketAddr], operators: SocketAddr) {
    let mut lines: Vec<_> = addresses.iter().map(|address| format!("weir: listening on http://{address}")).collect();
    lines.push(format!("weir: admin on http://{operators}"));
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
