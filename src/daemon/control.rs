//! The control side: starts what there is, and stays with it to its end.

use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::admin::Admin;
use crate::catalog::publish;
use crate::model::{Generation, Readiness, Status, clock};
use crate::telemetry::log::Log;

use super::core_thread::Cores;
use super::memory::{self, Marks};
use super::operators::Operators;
use super::plan::Plan;
use super::reload::Reloader;
use super::sockets::Sockets;
use super::{Options, announce, stop};

/// Commands of operators that may wait for one another.
const COMMANDS: usize = 8;
/// Sightings of the cores that may wait for the control runtime; past that they are seen again later.
const SIGHTINGS: usize = 64;

/// What has been read, bound and opened, and is to be put to work.
pub(super) struct Control<'a> {
    pub(super) options: Options,
    pub(super) plan: Arc<Plan>,
    pub(super) sockets: Sockets,
    pub(super) operators: TcpListener,
    pub(super) log: &'a Log,
}

impl Control<'_> {
    /// Runs until the daemon is told to stop, or a part of it has ended that should not.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self { options, plan, sockets, operators, log } = self;
        let Options { settings, reload, data } = options;
        let address = sockets.cores[0][0].local_addr()?;
        let signals = stop::Signals::register(reload.is_none())?;
        let (commands, asked) = mpsc::channel(COMMANDS);
        let generation = Generation { number: 1, since: clock::unix_seconds() };
        let (status, seen) = watch::channel(Status { generation, reload: None });
        let (marks, marked) = watch::channel(Marks::of(&settings.http));
        let (drain, bound) = watch::channel(settings.drain.timeout);
        let (sightings, sighted) = mpsc::channel(SIGHTINGS);
        tokio::spawn(publish(sighted));
        tokio::spawn(memory::watch(marked, Arc::clone(&plan.lasting.pressure)));
        let readiness = Arc::new(Readiness::default());
        let hosts = settings.admin.hosts.clone().into();
        let admin =
            Admin { hosts, readiness: Arc::clone(&readiness), commands, status: seen, log: log.control.clone() };
        let operators = Operators::start(&settings.admin, operators, admin)?;
        let (cores, switches) = Cores::start(&plan, sockets, &sightings, log)?;
        readiness.ready();
        announce::ready(&settings, address, operators.address()?);
        let log = log.control.clone();
        let reloader = Reloader { log, load: reload, data, settings, plan, switches, operators, marks, drain, status };
        tokio::select! {
            ended = stop::supervise(signals, cores, &readiness, bound) => ended,
            ended = reloader.run(asked) => ended,
        }
    }
}
