//! Starting data cores: at the beginning, and where a reload asks for more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, anyhow};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};

use crate::catalog::Sighting;
use crate::net::command::Numbers;
use crate::net::spread::Spread;
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
    beats: Beats,
    sightings: mpsc::Sender<Sighting>,
    controls: Controls,
    observed: Observed,
    /// Over all of them.
    spread: Spread,
    /// By the core's number: one that comes after another of its number counts on.
    numbers: BTreeMap<usize, Numbers>,
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
    /// Nobody yet.
    pub(super) fn new(beats: Beats, sightings: mpsc::Sender<Sighting>, controls: Controls, observed: Observed) -> Self {
        let (brake, roster, spread) = (Brake::default(), Roster::default(), Spread::default());
        Self { brake, roster, beats, sightings, controls, observed, spread, numbers: BTreeMap::new() }
    }

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
        let (pulse, seat) = (self.beats.pulse(number), self.spread.seat());
        let beginning = Beginning { pulse, seat, begins, orders };
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::daemon::switches::Hand;
    use crate::daemon::tests::plan;
    use crate::net::drain::Phase;
    use crate::net::listen::{At, Listeners, Sockets};

    /// So many that whatever may come first does.
    const CORES: usize = 16;

    fn crew() -> Crew {
        Crew::new(Beats::from_env(), mpsc::channel(1).0, Controls::nowhere(), Observed::new())
    }

    /// A socket that whoever has it closes, and where it is.
    fn socket() -> (Listeners, std::net::SocketAddr) {
        let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let At::Tcp(address) = sockets.addresses().unwrap()[0] else { panic!("it is no address") };
        (sockets.deal(1).unwrap().remove(0), address)
    }

    fn ask(address: std::net::SocketAddr) -> TcpStream {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        client
    }

    fn order(core: &Started, plan: &Arc<Plan>, hand: Hand, leaves: Option<Duration>) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        core.way.try_send(Switch { plan: Arc::clone(plan), hand, leaves, done }).unwrap_or_else(|_| panic!("it runs"));
        is_done
    }

    async fn are_answered(crew: &Crew, clients: Vec<TcpStream>) {
        crew.roster.empty().await;
        for mut client in clients {
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        }
        assert_eq!(crew.roster.broken_one(), None);
    }

    #[tokio::test]
    async fn a_socket_that_is_given_to_a_core_as_it_begins_to_drain_is_emptied() {
        let ((plan, _data), mut crew) = (plan(), crew());
        let cores = crew.start(&plan, CORES).await.unwrap();
        let (hands, clients): (Vec<_>, Vec<_>) = cores.iter().map(|_| socket()).map(|(own, at)| (own, ask(at))).unzip();
        for (core, hand) in cores.iter().zip(hands) {
            order(core, &plan, Hand::Dealt(hand), None);
        }
        crew.brake.pull(Phase::Draining);
        are_answered(&crew, clients).await;
    }

    #[tokio::test]
    async fn a_core_does_not_leave_before_the_socket_that_it_closes_is_empty() {
        let ((plan, _data), mut crew) = (plan(), crew());
        let (mut places, mut clients) = (Vec::new(), Vec::new());
        let cores = crew.start(&plan, CORES).await.unwrap();
        for core in &cores {
            let (hand, at) = socket();
            order(core, &plan, Hand::Dealt(hand), None).await.unwrap();
            places.push(at);
        }
        for (core, at) in cores.iter().zip(places) {
            clients.push(ask(at));
            order(core, &plan, Hand::Moved(Listeners::none()), Some(Duration::ZERO));
        }
        are_answered(&crew, clients).await;
    }

    #[tokio::test]
    async fn a_core_that_nobody_can_tell_anything_leaves_and_its_number_is_free() {
        let ((plan, _data), mut crew) = (plan(), crew());
        for _ in 0..2 {
            let core = crew.start(&plan, 1).await.unwrap().remove(0);
            assert_eq!((core.number, crew.numbers.len()), (0, 1));
            drop(core);
            crew.roster.empty().await;
        }
    }
}
