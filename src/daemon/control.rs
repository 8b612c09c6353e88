//! The control side: starts what there is, and stays with it to its end.

use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admin::Admin;
use crate::catalog::publish;
use crate::model::{Generation, Readiness, Status, clock};
use crate::net::listen::{At, Sockets};
use crate::telemetry::log::Log;
use crate::telemetry::trace::{self, TraceControl};
use crate::telemetry::{Controls, Fold, Observed};

use super::changing::News;
use super::commands;
use super::crew::Crew;
use super::memory::{self, Marks};
use super::observe::{self, Looked, Queues};
use super::operators::Operators;
use super::plan::{Lasting, Plan};
use super::reading::Desk;
use super::reload::Reloader;
use super::sharing::Turning;
use super::sockets::{self, HandedOver};
use super::sources::Files;
use super::stop::{self, Signals};
use super::switches::{self, Deal, Switches};
use super::systemd::{Beats, Notifier};
use super::{Options, Ready, announce};

/// Commands of operators that may wait, and reloads that may wait for one another.
const COMMANDS: usize = 8;
/// Sightings of the cores that may wait for the control runtime; past that they are seen again later.
const SIGHTINGS: usize = 64;

/// What has been read and opened, and is to be put to work.
pub(super) struct Starting<'a> {
    pub(super) plan: Arc<Plan>,
    /// Where clients reach it.
    pub(super) addresses: Vec<At>,
    pub(super) handed_over: Arc<HandedOver>,
    /// How many cores there are to be.
    pub(super) cores: usize,
    /// As many as the machine gives now.
    pub(super) available: usize,
    /// What it was all read from.
    pub(super) files: Files,
    pub(super) log: &'a Log,
}

impl Starting<'_> {
    /// Runs until the daemon is told to stop, or a part of it has ended that should not.
    pub(super) async fn run(
        self,
        options: Options,
        sockets: Sockets,
        operators: Sockets,
        ready: impl FnOnce(Ready),
    ) -> anyhow::Result<()> {
        let Options { settings, reload, data, signals } = options;
        let signals = signals.map_or_else(|| Signals::register(reload.is_none()), Ok)?;
        // The first plan is in force until a reload: to hold on to it would be to hold on to its commands.
        let Self { plan, addresses, handed_over, cores, available, files: watched, log: logging } = self;
        let lasting = plan.lasting.clone();
        // Before it is told that it is ready: until it is taken, it kills.
        let hangups = signal(SignalKind::hangup()).context("cannot take SIGHUP")?;
        let (notifier, beats) = (Arc::new(Notifier::from_env()), Beats::from_env());
        let (commands, asked) = mpsc::channel(COMMANDS);
        let generation = Generation { number: 1, since: clock::unix_seconds() };
        let (status, seen) = watch::channel(Status { generation, reload: None });
        let observed = Observed::new();
        observed.started(generation);
        observed.ruled(plan.stored.version, false);
        let fold = Fold::new(observed.clone());
        let hands = sockets.deal(cores).context("the cores cannot share a socket")?;
        let (queues, waiting) = watch::channel(Queues::of(hands.iter().enumerate()));
        let (certificates, files) = watch::channel(observe::certificates(&settings));
        let (marks, marked) = watch::channel(Marks::of(&settings.http));
        let (drain, bound) = watch::channel(settings.drain.timeout);
        let (sightings, sighted) = mpsc::channel(SIGHTINGS);
        tokio::spawn(publish(sighted));
        tokio::spawn(memory::watch(marked, Arc::clone(&lasting.pressure)));
        let readiness = Arc::new(Readiness::default());
        let looked = Looked::new(&lasting, waiting, Arc::clone(&readiness), files);
        let (hosts, log) = (settings.admin.hosts.clone().into(), logging.control.clone());
        let (access, entered) = watch::channel(Arc::new(Plan::access(&plan)));
        let admin = Admin {
            hosts,
            key: None,
            access: entered,
            readiness: Arc::clone(&readiness),
            exposition: fold.exposition(),
            observed: observed.clone(),
            commands,
            status: seen,
            log: log.clone(),
        };
        tokio::spawn(observe::observe(observed.clone(), fold, looked));
        let operators = Operators::start(&settings.admin, data.clone(), operators, admin, access)?;
        let (traces, sending) = trace::start(settings.telemetry.traces.as_ref());
        let sending = tokio::spawn(sending);
        let controls = Controls { sink: logging.sink.clone(), log: log.settings(), traces: traces.clone() };
        plan.enforce();
        let turning = Turning::begin(lasting.sharing.as_ref(), &lasting.stores).await;
        let mut crew = Crew::new(beats.clone(), sightings, controls, observed.clone());
        let deal = Deal { hands, moved: false, patience: settings.drain.timeout };
        let switches = begin(&mut crew, &plan, cores, deal).await?;
        tokio::spawn(lasting.keys.clone().write_back());
        tokio::spawn(lasting.keys.clone().follow());
        tokio::spawn(beats.watch(Arc::clone(&notifier)));
        readiness.ready();
        announce::ready(&settings, &addresses, &operators.address()?);
        ready(Ready { listen: addresses[0].clone(), admin: operators.address()? });
        notifier.ready(&format!("listening on {}", sockets::listed(&addresses)));
        let (reloads, reloaded) = mpsc::channel(COMMANDS);
        let (rules, ruled) = mpsc::channel(COMMANDS);
        let news = News::of(&lasting.stores, !settings.store.without_rules);
        tokio::spawn(commands::obey(asked, log.clone(), lasting.keys.clone(), reloads, rules));
        let (brake, roster) = (crew.brake.clone(), crew.roster.clone());
        let reloader = Reloader {
            log,
            traces: traces.clone(),
            load: reload,
            data,
            settings,
            available,
            watched,
            desk: Desk::new(),
            phase: crew.brake.watch(),
            plan,
            handed_over,
            crew,
            switches,
            sockets: Some(sockets),
            operators,
            marks,
            drain,
            status,
            observed,
            certificates,
            queues,
            news,
            notifier: Arc::clone(&notifier),
        };
        let ended = tokio::select! {
            ended = stop::supervise(signals, &brake, &roster, &readiness, &notifier, bound) => ended,
            never = reloader.run(reloaded, ruled, hangups) => never,
        };
        close(&lasting, turning, &traces, sending).await;
        ended
    }
}

/// Starts the cores, and waits until each works by the plan.
async fn begin(crew: &mut Crew, plan: &Arc<Plan>, cores: usize, deal: Deal) -> anyhow::Result<Switches> {
    let mut switches = Switches::new();
    switches.join(crew.start(plan, cores).await?);
    match switches.switch(plan, Some(deal)).await?[..] {
        [core, ..] => bail!("data core {core} did not begin within {:?}", switches::PATIENCE),
        [] => Ok(switches),
    }
}

/// Ends what outlives the cores. Whoever asked commands has been answered by now, or told that Weir is stopping.
async fn close(lasting: &Lasting, turning: Option<Turning>, traces: &TraceControl, sending: JoinHandle<()>) {
    if let Some(turning) = turning {
        turning.leave().await;
    }
    lasting.driver.stop().await;
    lasting.keys.close().await;
    lasting.stores.close();
    traces.end();
    // A collector that is away does not hold up the end.
    let _ = timeout(trace::LAST_SPANS, sending).await;
}
