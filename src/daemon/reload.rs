//! Reload: the configuration is read anew through the start-up path, and one plan is swapped for another. What cannot
//! be put into force changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

use crate::config::{Report, Settings};
use crate::model::{Attempt, Command, Generation, Status, Unchanged, clock};
use crate::telemetry::Observed;
use crate::telemetry::log::LogControl;
use crate::telemetry::trace::TraceControl;

use super::memory::Marks;
use super::observe::{self, Queues};
use super::operators::Operators;
use super::plan::Plan;
use super::sockets::{self, HandedOver};
use super::sources;
use super::switches::Switches;
use super::systemd::Notifier;
use super::watch::Watch;

/// Reads the configuration again, as it was read at the start.
pub type Loader = Arc<dyn Fn() -> Result<Settings, Report> + Send + Sync>;

/// What a reload works on. It belongs to one task, so that there is one reload at a time.
pub(super) struct Reloader {
    pub(super) log: LogControl,
    pub(super) traces: TraceControl,
    pub(super) load: Option<Loader>,
    pub(super) data: PathBuf,
    pub(super) settings: Settings,
    /// What the last attempt has read.
    pub(super) attempted: BTreeMap<PathBuf, Option<u64>>,
    pub(super) plan: Arc<Plan>,
    pub(super) handed_over: Arc<HandedOver>,
    pub(super) switches: Switches,
    pub(super) operators: Operators,
    pub(super) marks: watch::Sender<Option<Marks>>,
    pub(super) drain: watch::Sender<Duration>,
    pub(super) status: watch::Sender<Status>,
    pub(super) notifier: Arc<Notifier>,
    pub(super) observed: Observed,
    pub(super) certificates: watch::Sender<Vec<PathBuf>>,
    pub(super) queues: watch::Sender<Queues>,
}

impl Reloader {
    /// Reloads whenever it is asked to, for as long as the daemon runs.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut hangups: Signal) -> ! {
        let mut watch = Watch::new();
        watch.watch(sources::of(&self.settings));
        loop {
            let (by, answer) = tokio::select! {
                Some(command) = commands.recv() => match command {
                    Command::Reload(answer) => ("an operator", Some(answer)),
                    Command::LogLevel(level, answer) => {
                        let set = self.log.set_level(&level).map(str::to_owned).map_err(Unchanged);
                        if set.is_ok() {
                            tracing::info!(level, "an operator set the level of the log");
                        }
                        let _ = answer.send(set);
                        continue;
                    }
                },
                // Without a configuration to read again it stops the daemon.
                _ = hangups.recv(), if self.load.is_some() => ("SIGHUP", None),
                () = watch.changed() => ("changed files", None),
            };
            // A change that comes while it is read is seen afterwards.
            watch.note();
            let reloaded = self.reload(by).await;
            let refused = reloaded.is_err();
            self.observed.reloaded(&reloaded);
            if let Some(answer) = answer {
                // Whoever asked may have gone.
                let _ = answer.send(reloaded);
            }
            watch.watch(self.sources(refused));
        }
    }

    /// What is watched from now on. What was refused is watched as well, as it was read, so that mending it is seen and
    /// it is not refused again and again.
    fn sources(&self, refused: bool) -> BTreeMap<PathBuf, Option<u64>> {
        let mut sources = sources::of(&self.settings);
        if refused && self.settings.reload.watch {
            sources.values_mut().for_each(|mark| *mark = None);
            sources.extend(self.attempted.clone());
        }
        sources
    }

    /// Reads the configuration anew and puts it into force, or changes nothing and says why.
    async fn reload(&mut self, by: &str) -> Result<Generation, Unchanged> {
        self.notifier.reloading();
        let tried = self.tried().await;
        let at = clock::unix_seconds();
        let told = match &tried {
            Ok(generation) => format!("generation {} of the configuration", generation.number),
            Err(_) => "not reloaded, the configuration before stays in force; see the log".to_owned(),
        };
        self.notifier.ready(&told);
        match tried {
            Ok(generation) => {
                tracing::info!(by, generation = generation.number, "the configuration was reloaded");
                self.status.send_replace(Status { generation, reload: Some(Attempt { at, refused: None }) });
                Ok(generation)
            }
            Err(error) => {
                let why = format!("{error:#}");
                tracing::error!(by, why, "the configuration was not reloaded; the one before stays in force");
                let refused = Some(Attempt { at, refused: Some(why.clone()) });
                self.status.send_modify(|status| status.reload = refused);
                Err(Unchanged(why))
            }
        }
    }

    async fn tried(&mut self) -> anyhow::Result<Generation> {
        let load =
            self.load.clone().context("there is no configuration file to read: the daemon was started with --to")?;
        let (data, before, known) = (self.data.clone(), Arc::clone(&self.plan), self.settings.clone());
        let handed_over = Arc::clone(&self.handed_over);
        // Files are read and keys derived beside the runtime, so that health is told meanwhile.
        let read = spawn_blocking(move || load()).await.context("reading the configuration ended by a defect")?;
        self.attempted = match &read {
            Ok(settings) => sources::of(settings),
            Err(report) => sources::read(&report.sources).collect(),
        };
        let settings = read.map_err(|report| anyhow!(lines(&report)))?;
        let built = spawn_blocking(move || {
            may_change(&known, &settings)?;
            let sockets = match settings.listen.address == known.listen.address {
                true => None,
                false => Some(sockets::open(&settings, &handed_over).map_err(|failure| failure.error)?),
            };
            let near = match &sockets {
                Some(sockets) => sockets::beyond_loopback(&sockets::addresses(sockets)?).is_none(),
                None => before.near,
            };
            let plan = Plan::build(&settings, &data, near, Some(&before)).map_err(|failure| failure.error)?;
            Ok::<_, anyhow::Error>((settings, Arc::new(plan), sockets))
        });
        let (settings, plan, sockets) = built.await.context("building from the configuration ended by a defect")??;
        let rebound = self.operators.rebind(&settings.admin)?;
        let queues = sockets.as_deref().map(Queues::of);
        // From here on nothing is refused any more, but by the end of the process.
        self.switches.switch(&plan, sockets).await?;
        plan.enforce();
        self.operators.change(&settings.admin, rebound);
        if let Some(queues) = queues {
            self.queues.send_replace(queues);
        }
        self.marks.send_replace(Marks::of(&settings.http));
        self.drain.send_replace(settings.drain.timeout);
        self.certificates.send_replace(observe::certificates(&settings));
        self.log.apply(&settings.telemetry.log);
        self.traces.apply(settings.telemetry.traces.as_ref());
        (self.settings, self.plan) = (settings, plan);
        let number = self.status.borrow().generation.number + 1;
        Ok(Generation { number, since: clock::unix_seconds() })
    }
}

/// What cannot be changed while the daemon runs is refused by name, and then nothing is.
fn may_change(known: &Settings, settings: &Settings) -> anyhow::Result<()> {
    let (before, after) = (known.listen.cores, settings.listen.cores);
    if before != after {
        bail!("[listen] cores cannot be changed from {before} to {after} while running: restart the daemon");
    }
    Ok(())
}

/// All mistakes, a line each: a log has no room for carets.
fn lines(report: &Report) -> String {
    report.findings().iter().map(|finding| finding.one_line().to_string()).collect::<Vec<_>>().join("; ")
}
