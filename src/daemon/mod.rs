//! The composition root: builds everything from settings, starts the cores, and ends them.

mod core_thread;
mod files;
mod log;
mod plan;
mod stop;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::runtime::Builder;

use crate::admin::{self, Admin};
use crate::config::{Destination, Settings};
use crate::model::Readiness;
use crate::net::listen;

use core_thread::Cores;
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

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting, or what ended it.
pub fn run(options: Options) -> Result<(), Failure> {
    log::start();
    let Options { settings, data } = options;
    let plan = Plan::build(&settings, &data).map_err(|error| Failure { code: 2, error })?;
    serve(&settings, plan).map_err(|error| Failure { code: 1, error })
}

fn serve(settings: &Settings, plan: Plan) -> anyhow::Result<()> {
    let sockets = listen::bind_shared(settings.listen.address, settings.listen.cores)
        .with_context(|| format!("cannot listen on {} ([listen] address, --listen)", settings.listen.address))?;
    let operators = listen::bind_alone(settings.admin.address)
        .with_context(|| format!("cannot listen on {} ([admin] address, --admin)", settings.admin.address))?;
    let (address, operators_at) = (sockets[0].local_addr()?, operators.local_addr()?);

    let control = Builder::new_multi_thread().worker_threads(2).thread_name("weir-control").enable_all().build()?;
    let readiness = Arc::new(Readiness::default());
    let admin = Admin { hosts: settings.admin.hosts.clone().into(), readiness: Arc::clone(&readiness) };
    let (publisher, sightings) = plan.publisher();
    control.block_on(async {
        tokio::spawn(publisher);
        tokio::spawn(admin::serve(operators, admin));
        let signals = stop::Signals::register()?;
        let cores = Cores::start(plan, sockets, sightings)?;
        readiness.ready();
        announce(settings, address, operators_at);
        stop::supervise(signals, cores, &readiness, settings.drain.timeout).await
    })
}

/// The lines that scripts wait for.
fn announce(settings: &Settings, address: std::net::SocketAddr, operators: std::net::SocketAddr) {
    println!("weir: listening on http://{address}");
    println!("weir: admin on http://{operators}");
    for route in &settings.routes {
        match route.destination {
            Destination::Server(at) => {
                let server = &settings.servers[at];
                let urls: Vec<_> = server.endpoints.iter().map(|endpoint| endpoint.url.as_str()).collect();
                println!("weir: route {} -> {} ({})", route.path, server.name.as_str(), urls.join(", "));
            }
            Destination::Federation => {
                println!("weir: route {} -> 404: several servers as one are not built into this version", route.path);
            }
        }
    }
}

fn ended(core: usize) -> anyhow::Error {
    anyhow!("data core {core} ended by a defect; the log above says which")
}
