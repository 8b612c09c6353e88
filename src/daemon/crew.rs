//! Starting data cores: at the beginning, and where a reload asks for more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, anyhow};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};

use crate::catalog::Sighting;
use crate::net::command::Numbers;
use crate::telemetry::{Controls, Observed};

use super::core_thread::{self, Beginning, Orders};
use super::ended;
use super::plan::{Kept, Plan};
use super::roster::{Place, Roster};
use super::stop::Brake;
use super::switches::Switch;
use super::systemd::Beats;

/// Cores that may be there at once, those that are leaving among them.
const MOST: usize = 512;
const _: () = assert!(MOST <= Numbers::PLACES, "each core has numbers of its own");

/// What every core is started with.
pub(super) struct Crew {
    pub(super) brake: Brake,
    pub(super) roster: Roster,
    pub(super) beats: Beats,
    pub(super) sightings: mpsc::Sender<Sighting>,
    pub(super) controls: Controls,
    pub(super) observed: Observed,
    /// By the core's number: one that comes after another of its number counts on.
    pub(super) numbers: BTreeMap<usize, Numbers>,
}

/// A core that runs, and has no socket yet. Dropping it makes the core leave.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) number: usize,
    pub(super) way: mpsc::Sender<Switch>,
}

/// Told once a core runs, or why it does not.
type Begun = oneshot::Receiver<anyhow::Result<()>>;

impl Crew {
    /// Starts so many cores, and waits until they run.
    ///
    /// # Errors
    /// One cannot be had: then those that can leave again.
    pub(super) async fn start(&mut self, plan: &Arc<Plan>, cores: usize) -> anyhow::Result<Vec<Started>> {
        let mut beginning = Vec::new();
        for _ in 0..cores {
            beginning.push(self.begin(plan)?);
        }
        let mut started = Vec::new();
        for (core, begun) in beginning {
            begun.await.map_err(|_| ended(core.number))??;
            started.push(core);
        }
        Ok(started)
    }

    fn begin(&mut self, plan: &Arc<Plan>) -> anyhow::Result<(Started, Begun)> {
        let place = self.roster.enter(MOST).with_context(|| {
            format!("{MOST} data cores are there already, with those that are leaving: wait until they have left")
        })?;
        let number = place.number;
        let numbers = self.numbers.entry(number).or_insert_with(|| Numbers::of_core(number)).clone();
        let (begins, begun) = oneshot::channel();
        let (way, switched) = mpsc::channel(1);
        let orders = Orders { phase: self.brake.watch(), switched };
        let beginning = Beginning { pulse: self.beats.pulse(number), begins, orders };
        let (plan, sightings) = (Arc::clone(plan), self.sightings.clone());
        let (controls, observed) = (self.controls.clone(), self.observed.clone());
        let kept = move || Kept::new(number, numbers, sightings, observed.core(number, &controls));
        let body = move || run(place, plan, kept, beginning);
        let spawned = thread::Builder::new().name(format!("weir-core-{number}")).spawn(body);
        spawned.context("cannot start a thread for a data core")?;
        Ok((Started { number, way }, begun))
    }
}

/// The thread of a core.
fn run(place: Place, plan: Arc<Plan>, kept: impl FnOnce() -> Kept, beginning: Beginning) {
    match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => {
            runtime.block_on(async { core_thread::run(plan, kept(), beginning).await });
            // What is left of it counts for nobody; a name that is still looked up is not waited for.
            runtime.shutdown_background();
        }
        Err(error) => {
            let why = anyhow!("cannot make a runtime for data core {}: {error}", place.number);
            // Whoever waits for it may have given up.
            let _ = beginning.begins.send(Err(why));
        }
    }
    // Another one of its number may begin from here on.
    place.leave();
}
