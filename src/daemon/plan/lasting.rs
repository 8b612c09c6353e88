//! What outlives every configuration: of the whole process, and of one core.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::catalog::Sighting;
use crate::config::{self, Settings};
use crate::model::Pressure;
use crate::net::admission::Admission;
use crate::net::command::Numbers;
use crate::net::grant::Runner;
use crate::net::upstream::Pool;
use crate::pipeline::Line;
use crate::pipeline::pair::Table;
use crate::stages::authenticate::Memory;
use crate::stages::limit::Unverified;
use crate::stages::respond::Remembered;
use crate::stages::upstream::{Abandoned, Client};
use crate::telemetry::Telemetry;

use crate::daemon::bounds::rate;
use crate::daemon::credentials::Board;
use crate::daemon::keys::Keys;
use crate::daemon::sharing::Sharing;
use crate::daemon::spawned::Driver;
use crate::daemon::stored::Lag;
use crate::daemon::stores::Stores;

/// Idle connections that a core keeps to one endpoint.
const KEPT: usize = 256;

/// What all cores share for the life of the process, whatever the configuration.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Lasting {
    pub(in crate::daemon) admission: Arc<Admission>,
    pub(in crate::daemon) pressure: Arc<Pressure>,
    pub(in crate::daemon) driver: Driver,
    /// The streams of the pair of 2024-11-05.
    pub(in crate::daemon) pairs: Arc<Table>,
    /// What calls were promised.
    pub(in crate::daemon) remembered: Arc<Remembered>,
    /// What strangers may have verified.
    pub(in crate::daemon) unverified: Arc<Unverified>,
    /// How the key sets fare that are fetched.
    pub(in crate::daemon) board: Board,
    /// Where tokens for servers are asked for.
    pub(in crate::daemon) runner: Arc<Runner>,
    /// API keys.
    pub(in crate::daemon) keys: Keys,
    /// What they, and what else outlives the process, are kept in.
    pub(in crate::daemon) stores: Stores,
    /// Why the rules in the store are not those in force.
    pub(in crate::daemon) lag: Lag,
    /// How limits are shared with other nodes.
    pub(in crate::daemon) sharing: Option<Sharing>,
}

impl Lasting {
    /// `admits`: most connections, and most of one address.
    pub(super) fn new(settings: &Settings, data: &Path, admits: (usize, usize), stores: &Stores) -> Self {
        Self {
            admission: Admission::new(admits.0, admits.1),
            pressure: Arc::default(),
            driver: Driver::default(),
            pairs: Arc::default(),
            remembered: Arc::default(),
            unverified: Arc::new(unverified(&settings.http)),
            board: Board::default(),
            runner: Arc::default(),
            keys: Keys::new(stores.clone()),
            sharing: Sharing::new(stores, data),
            stores: stores.clone(),
            lag: Lag::default(),
        }
    }
}

fn unverified(http: &config::Http) -> Unverified {
    let unverified = Unverified::new();
    unverified.bound(rate(http));
    unverified
}

/// What one core keeps for its life, whatever the configuration.
pub(in crate::daemon) struct Kept {
    pub(in crate::daemon) number: usize,
    pub(in crate::daemon) client: Rc<Client>,
    pub(in crate::daemon) telemetry: Rc<Telemetry>,
    pub(in crate::daemon) sightings: mpsc::Sender<Sighting>,
    /// Copies of calls that wait for it.
    pub(in crate::daemon) copies: Rc<Line>,
    /// Tokens that were verified on it.
    pub(in crate::daemon) memory: Memory,
}

impl Kept {
    pub(in crate::daemon) fn new(
        number: usize,
        numbers: Numbers,
        sightings: mpsc::Sender<Sighting>,
        telemetry: Telemetry,
    ) -> Self {
        let pool = Rc::new(Pool::new(0, KEPT));
        let client = Rc::new(Client { pool, abandoned: Rc::new(Abandoned::default()), numbers });
        Self { number, client, telemetry: Rc::new(telemetry), sightings, copies: Rc::default(), memory: Memory::new() }
    }
}
