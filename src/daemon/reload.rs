//! Reload: the configuration is read anew through the start-up path, and one plan is swapped for another. What cannot
//! be put into force changes nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};

use crate::config::{Report, Settings};
use crate::model::{Attempt, Generation, Status, Undone, clock};
use crate::net::drain::Phase;
use crate::net::listen::{Dealt, Listeners, Sockets};
use crate::telemetry::Observed;
use crate::telemetry::log::LogControl;
use crate::telemetry::trace::TraceControl;

use super::changing::News;
use super::commands::{Asked, Ruled};
use super::crew::Crew;
use super::memory::Marks;
use super::observe::{self, Queues};
use super::operators::Operators;
use super::plan::Plan;
use super::reading::{Built, Desk, Reading, unmarked};
use super::sockets::HandedOver;
use super::sources::{self, Files};
use super::switches::{self, Deal, Switches};
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
    /// As many cores as are taken where nothing is said: what the machine gave at the start, whatever it gives since.
    pub(super) available: usize,
    /// What is watched, as it was read.
    pub(super) watched: Files,
    pub(super) desk: Desk,
    /// How far stopping has come.
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) plan: Arc<Plan>,
    pub(super) handed_over: Arc<HandedOver>,
    pub(super) crew: Crew,
    pub(super) switches: Switches,
    /// A hand on every socket that the cores have, until draining begins: they close when the cores close them.
    pub(super) sockets: Option<Sockets>,
    pub(super) operators: Operators,
    pub(super) marks: watch::Sender<Option<Marks>>,
    pub(super) drain: watch::Sender<Duration>,
    pub(super) status: watch::Sender<Status>,
    pub(super) notifier: Arc<Notifier>,
    pub(super) observed: Observed,
    pub(super) certificates: watch::Sender<Vec<PathBuf>>,
    pub(super) queues: watch::Sender<Queues>,
    /// Of stored rules.
    pub(super) news: News,
}

impl Reloader {
    /// Reloads whenever it is asked to, for as long as the daemon runs.
    pub(super) async fn run(
        mut self,
        mut asked: mpsc::Receiver<Asked>,
        mut ruled: mpsc::Receiver<Ruled>,
        mut hangups: Signal,
    ) -> ! {
        let mut watch = Watch::new();
        watch.watch(self.watched.clone());
        let mut phase = self.phase.clone();
        loop {
            let runs = !self.is_draining();
            if !runs {
                self.sockets = None;
            }
            let (by, answer) = tokio::select! {
                Some(answer) = asked.recv() => ("an operator", Some(answer)),
                Some((order, answer)) = ruled.recv() => {
                    // Whoever asked may have gone.
                    let _ = answer.send(self.rule(order).await);
                    continue;
                }
                () = self.news.heard(), if runs => {
                    self.catch_up().await;
                    continue;
                }
                // Without a configuration to read again it stops the daemon.
                _ = hangups.recv(), if self.load.is_some() => ("SIGHUP", None),
                _ = phase.wait_for(|phase| *phase >= Phase::Draining), if runs => continue,
                () = watch.changed(), if runs => ("changed files", None),
                () = self.desk.late(), if runs => ("files that can be read again", None),
            };
            let mut answers: Vec<_> = answer.into_iter().collect();
            // One reading is for all who ask before it begins.
            while let Ok(answer) = asked.try_recv() {
                answers.push(answer);
            }
            let reloaded = self.reload(by).await;
            if self.plan.lasting.lag.why().is_some() {
                self.news.later();
            }
            self.observed.reloaded(&reloaded);
            for answer in answers {
                // Whoever asked may have gone.
                let _ = answer.send(reloaded.clone());
            }
            if !self.is_draining() {
                watch.watch(self.watched.clone());
            }
        }
    }

    fn is_draining(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining
    }

    /// Reads the configuration anew and puts it into force, or changes nothing and says why.
    async fn reload(&mut self, by: &str) -> Result<Generation, Undone> {
        let mut phase = self.phase.clone();
        let draining = async { _ = phase.wait_for(|phase| *phase >= Phase::Draining).await };
        let reloaded = match self.is_draining() {
            true => Err(Undone::Draining),
            false => {
                self.notifier.reloading();
                tokio::select! {
                    biased;
                    () = draining => Err(Undone::Draining),
                    tried = self.tried() => tried,
                }
            }
        };
        let refused = reloaded.as_ref().err().map(Undone::to_string);
        match &refused {
            None => tracing::info!(by, generation = self.generation(), "the configuration was reloaded"),
            Some(why) => tracing::error!(by, why, "{}", outcome(&reloaded)),
        }
        // Whoever was told that the daemon stops is told of nothing else.
        if !matches!(reloaded, Err(Undone::Draining)) {
            let told = match refused {
                None => format!("generation {} of the configuration", self.generation()),
                Some(_) => format!("{}; see the log", outcome(&reloaded)),
            };
            self.notifier.ready(&told);
        }
        let attempt = Some(Attempt { at: clock::unix_seconds(), refused });
        self.status.send_modify(|status| status.reload = attempt);
        reloaded
    }

    fn generation(&self) -> u64 {
        self.status.borrow().generation.number
    }

    async fn tried(&mut self) -> Result<Generation, Undone> {
        let refused = |error: anyhow::Error| Undone::Refused(format!("{error:#}"));
        let (built, files) = self.read().await.map_err(refused)?;
        let hang = self.enforce(built).await.map_err(refused)?;
        self.watched = files;
        let generation = Generation { number: self.generation() + 1, since: clock::unix_seconds() };
        self.status.send_modify(|status| status.generation = generation);
        if hang.is_empty() {
            return Ok(generation);
        }
        let why = format!(
            "{} did not come round within {:?}. All other cores work by generation {}, and these will as soon as they come \
             round; until then what they serve keeps the one before, and there is no other reload. If that does not end, \
             restart the daemon",
            listed(&hang),
            switches::PATIENCE,
            generation.number
        );
        Err(Undone::Hangs { generation, why })
    }

    /// Reads and builds, and takes down what is to be watched from now on. What was refused is watched as well, as it
    /// was read, so that mending it is seen and it is not refused again and again.
    async fn read(&mut self) -> anyhow::Result<(Built, Files)> {
        let load =
            self.load.clone().context("there is no configuration file to read: the daemon was started with --to")?;
        let behind = self.switches.behind();
        if !behind.is_empty() {
            bail!("{} did not come round to the configuration in force yet: restart the daemon", listed(&behind));
        }
        let reading = Reading {
            load,
            data: self.data.clone(),
            known: self.settings.clone(),
            plan: Arc::clone(&self.plan),
            handed_over: Arc::clone(&self.handed_over),
            available: self.available,
            phase: self.phase.clone(),
        };
        // What is in them while reading hangs is not known.
        self.watched = unmarked(sources::of(&self.settings));
        let read = self.desk.read(reading).await?;
        if self.settings.reload.watch {
            self.watched = read.noted.into_iter().chain(read.attempted.clone()).collect();
        }
        Ok((read.built?, read.attempted))
    }

    /// Puts it into force, and gives the numbers of the cores that hang.
    async fn enforce(&mut self, Built { settings, plan, cores, sockets }: Built) -> anyhow::Result<Vec<usize>> {
        // Limits that are shared from here on have a part to begin with.
        if let Some(sharing) = &plan.lasting.sharing {
            sharing.stands().await;
        }
        let rebound = self.operators.rebind(&settings.admin)?;
        let before = self.switches.staying().count();
        let dealt = match &sockets {
            Some(sockets) => Some(sockets.redeal(cores)),
            None if cores == before => None,
            None => Some(self.sockets.as_ref().context("the daemon is draining")?.redeal(cores)),
        };
        let dealt =
            dealt.transpose().with_context(|| format!("cannot give {cores} data cores sockets ([listen] cores)"))?;
        let started = self.crew.start(&plan, cores.saturating_sub(before)).await?;
        // From here to the orders nothing is awaited: whoever connects to a new socket is taken in, come what may.
        let (moved, patience) = (sockets.is_some(), settings.drain.timeout);
        let hands = dealt.map(|dealt| self.adopt(sockets, dealt)).transpose()?;
        self.switches.join(started);
        if let Some(hands) = &hands {
            self.queues.send_replace(Queues::of(self.switches.staying().zip(hands)));
        }
        if cores != before {
            tracing::info!(before, cores, "the number of data cores changes");
        }
        // Nothing is refused any more, but by the end of the process.
        let deal = hands.map(|hands| Deal { hands, moved, patience });
        let hang = self.switches.switch(&plan, deal).await?;
        plan.enforce();
        self.operators.change(&settings.admin, rebound, Plan::access(&plan));
        self.marks.send_replace(Marks::of(&settings.http));
        self.drain.send_replace(settings.drain.timeout);
        self.certificates.send_replace(observe::certificates(&settings));
        self.log.apply(&settings.telemetry.log);
        self.traces.apply(settings.telemetry.traces.as_ref());
        (self.settings, self.plan) = (settings, plan);
        Ok(hang)
    }

    /// Listens on what was dealt, and lets go of the sockets of another address.
    fn adopt(&mut self, moved: Option<Sockets>, dealt: Dealt) -> anyhow::Result<Vec<Listeners>> {
        if moved.is_some() {
            self.sockets = moved;
        }
        let sockets = self.sockets.as_mut().context("the daemon is draining")?;
        sockets.adopt(dealt).context("cannot listen with more data cores ([listen] cores)")
    }
}

/// What a reload that was not done comes to.
fn outcome(reloaded: &Result<Generation, Undone>) -> &'static str {
    match reloaded {
        Err(Undone::Hangs { .. }) => "the configuration was reloaded, and not on every core",
        _ => "the configuration was not reloaded; the one before stays in force",
    }
}

pub(super) fn listed(cores: &[usize]) -> String {
    let numbers: Vec<_> = cores.iter().map(usize::to_string).collect();
    match numbers.len() {
        1 => format!("data core {}", numbers[0]),
        _ => format!("data cores {}", numbers.join(", ")),
    }
}
