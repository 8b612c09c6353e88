//! The part of a reload that reads files: beside the runtime, within a bound. A file system that hangs holds up nothing
//! but the reload that met it.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::config::{Report, Settings};
use crate::net::drain::Phase;
use crate::net::listen::Sockets;

use super::plan::Plan;
use super::reload::Loader;
use super::sockets::{self, HandedOver};
use super::sources::{self, Files};

/// How long reading may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Readings that hang at most, a thread each.
const HANGING: usize = 8;

/// What is read, and by what it is judged.
pub(super) struct Reading {
    pub(super) load: Loader,
    pub(super) data: PathBuf,
    pub(super) known: Settings,
    pub(super) plan: Arc<Plan>,
    pub(super) handed_over: Arc<HandedOver>,
    /// As many cores as are taken where nothing is said.
    pub(super) available: usize,
    pub(super) phase: watch::Receiver<Phase>,
}

/// What has come of it.
pub(super) struct Read {
    /// The files of the configuration in force, as they were before.
    pub(super) noted: Files,
    /// The files of the attempt, as they were read.
    pub(super) attempted: Files,
    pub(super) built: anyhow::Result<Built>,
}

/// What can be put into force.
pub(super) struct Built {
    pub(super) settings: Settings,
    pub(super) plan: Arc<Plan>,
    /// How many cores there are to be.
    pub(super) cores: usize,
    /// Where they listen, if that has changed.
    pub(super) sockets: Option<Sockets>,
}

impl Reading {
    fn run(self) -> Read {
        let noted = sources::marked(unmarked(sources::of(&self.known)));
        match (self.load)() {
            Ok(settings) => {
                let attempted = sources::marked(sources::of(&settings));
                Read { noted, attempted, built: self.build(settings) }
            }
            Err(report) => {
                let attempted = sources::marked(sources::read(&report.sources).collect());
                Read { noted, attempted, built: Err(anyhow!(lines(&report))) }
            }
        }
    }

    fn build(&self, settings: Settings) -> anyhow::Result<Built> {
        let cores = settings.listen.cores.unwrap_or(self.available);
        if *self.phase.borrow() >= Phase::Draining {
            bail!("the daemon is draining");
        }
        if settings.store != self.known.store {
            bail!("[store] cannot be changed by a reload: restart the daemon");
        }
        let sockets = match settings.listen.address == self.known.listen.address {
            true => None,
            false => Some(sockets::open(&settings, &self.handed_over, cores).map_err(|failure| failure.error)?),
        };
        let near = match &sockets {
            Some(sockets) => sockets::beyond_loopback(&sockets.addresses()?).is_none(),
            None => self.plan.near,
        };
        let plan = Plan::build(&settings, &self.data, near, Some(&self.plan)).map_err(|failure| failure.error)?;
        Ok(Built { settings, plan: Arc::new(plan), cores, sockets })
    }
}

/// The place where it is read.
pub(super) struct Desk {
    room: Arc<Semaphore>,
    late: Arc<Notify>,
    /// The next reading takes the place of one that was given up.
    again: bool,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(HANGING)), late: Arc::default(), again: false }
    }

    /// Reads files and derives keys, and gives up where that hangs.
    pub(super) async fn read(&mut self, reading: Reading) -> anyhow::Result<Read> {
        let place = Arc::clone(&self.room).try_acquire_owned();
        let place = place.with_context(|| {
            format!(
                "{HANGING} readings of the configuration hang already: mend what they hang at, or restart the daemon"
            )
        })?;
        let (tell, told) = oneshot::channel();
        // Where reading is always as slow it is not done over and over.
        let late = (!mem::take(&mut self.again)).then(|| Arc::clone(&self.late));
        spawn_blocking(move || {
            let read = reading.run();
            drop(place);
            if let (Err(_), Some(late)) = (tell.send(read), late) {
                late.notify_one();
            }
        });
        match timeout(PATIENCE, told).await {
            Ok(read) => read.context("reading the configuration ended by a defect"),
            Err(_) => bail!(
                "reading the configuration, or a file that it names, has not ended within {PATIENCE:?}: a file system that \
                 is away, or a pipe that nobody writes to; it is read again once that is over, or a file has changed"
            ),
        }
    }

    /// Returns when a reading has ended that was given up.
    pub(super) async fn late(&mut self) {
        self.late.notified().await;
        self.again = true;
    }
}

/// The same files, whatever is in them.
pub(super) fn unmarked(mut files: Files) -> Files {
    files.values_mut().for_each(|mark| *mark = None);
    files
}

/// All mistakes, a line each: a log has no room for carets.
fn lines(report: &Report) -> String {
    report.findings().iter().map(|finding| finding.one_line().to_string()).collect::<Vec<_>>().join("; ")
}
