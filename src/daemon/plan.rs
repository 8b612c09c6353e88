//! What every core is built from: immutable, shared, made once through the start-up path.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use crate::catalog::{Catalog, Observer, Sighting, publish};
use crate::config::{self, Destination, LegacyStatus, Settings};
use crate::edge::{Front, Names, Paths};
use crate::model::{Pressure, RequestIds};
use crate::net::admission::Admission;
use crate::net::client::Limits;
use crate::net::guard::HeadLimits;
use crate::net::tls;
use crate::net::upstream::{Endpoint, Pool};
use crate::pipeline::{Bounds, Core, Route, Server};
use crate::protocol::revision::Era;
use crate::seal::{KeyRing, Purpose, Sealer};
use crate::stages::balance::{self, Endpoints, Listed};
use crate::stages::upstream::{Abandoned, Client, Patience, Room};
use crate::telemetry::Telemetry;

use super::{Failure, files};

/// Idle connections that a core keeps to one endpoint.
const KEPT: usize = 256;
/// A body may be slow for so long before its rate is asked for (`[http] body_rate`).
const BODY_GRACE: Duration = Duration::from_secs(10);
/// How long a server may leave an event stream open after its answer.
const AFTER_ANSWER: Duration = Duration::from_secs(5);
/// Sightings that may wait for the control runtime; past that they are seen again later.
const SIGHTINGS: usize = 64;

/// The plan of a data core.
#[derive(Clone)]
pub(super) struct Plan {
    listed: Vec<Vec<Listed<Arc<Endpoint>>>>,
    servers: Vec<config::Server>,
    routes: Vec<(String, usize, Room)>,
    federated: Option<String>,
    names: Names,
    sealer: Sealer,
    catalog: Arc<Catalog>,
    bounds: Bounds,
    legacy_by_table: bool,
    anonymous: bool,
    pub(super) admission: Arc<Admission>,
    pub(super) pressure: Arc<Pressure>,
    pub(super) limits: Limits,
}

impl Plan {
    /// Reads keys and certificates, and fits the limits to the machine. `loopback`: only this machine can reach the data
    /// listeners.
    pub(super) fn build(settings: &Settings, data: &Path, loopback: bool) -> Result<Self, Failure> {
        let http = &settings.http;
        let fits = files::connections_that_fit();
        if fits < http.connections {
            tracing::warn!(
                fits,
                asked = http.connections,
                "the limit of open files carries fewer connections; raise LimitNOFILE"
            );
        }
        let public = settings.listen.public_url.iter().map(|url| url.host.clone());
        let hosts = settings.listen.hosts.iter().cloned().chain(public).collect();
        Ok(Self {
            listed: listed(&settings.servers).map_err(Failure::unusable)?,
            servers: settings.servers.clone(),
            routes: routes(settings),
            federated: federated(settings),
            names: Names::new(hosts, settings.listen.origins.clone(), loopback),
            sealer: ring(&settings.keys, data)?.sealer(Purpose::Session),
            catalog: Arc::new(Catalog::new(settings.servers.len())),
            bounds: bounds(http),
            legacy_by_table: http.legacy_status == LegacyStatus::Table,
            anonymous: settings.auth.anonymous.enabled,
            admission: Admission::new(http.connections.min(fits), http.connections_per_address),
            pressure: Arc::default(),
            limits: limits(http),
        })
    }

    /// The part of the catalog that runs on the control runtime, and where the cores tell what they see.
    pub(super) fn publisher(&self) -> (impl Future<Output = ()> + use<>, mpsc::Sender<Sighting>) {
        let (sender, receiver) = mpsc::channel(SIGHTINGS);
        (publish(receiver, Arc::clone(&self.catalog)), sender)
    }

    /// Builds what one core works with.
    pub(super) fn front(
        &self,
        core: usize,
        sightings: mpsc::Sender<Sighting>,
        telemetry: Rc<Telemetry>,
    ) -> (Front, Rc<Client>) {
        // The first use of the random generator on a thread takes tens of milliseconds: now, not in a client's request.
        let _ = self.sealer.seal(&[], b"");
        let endpoints = self.listed.iter().map(Vec::len).sum();
        let client =
            Rc::new(Client { pool: Rc::new(Pool::new(endpoints, KEPT)), abandoned: Rc::new(Abandoned::default()) });
        let servers = self.servers.iter().zip(&self.listed).map(|(server, listed)| Server {
            name: server.name.as_str().to_owned(),
            endpoints: Endpoints::new(listed.clone(), core),
            patience: Patience { first_byte: server.first_byte, idle: server.idle_timeout, deadline: server.deadline },
            pinned: match server.era {
                config::Era::Auto => None,
                config::Era::Modern => Some(Era::Modern),
                config::Era::Legacy => Some(Era::Legacy),
            },
        });
        let routes = self.routes.iter().map(|(path, server, abandoned)| Route {
            path: path.clone(),
            server: *server,
            abandoned: Rc::new(abandoned.clone()),
            meter: telemetry.route(path, self.servers[*server].name.as_str()),
        });
        let routes = routes.collect();
        let pipeline = Core {
            routes,
            servers: servers.collect(),
            client: Rc::clone(&client),
            catalog: Arc::clone(&self.catalog),
            observer: Observer::new(Arc::clone(&self.catalog), sightings),
            sealer: self.sealer.clone(),
            ids: RequestIds::new(),
            telemetry,
            bounds: self.bounds,
            anonymous: self.anonymous,
        };
        let paths = self.routes.iter().enumerate().map(|(at, (path, ..))| (path.clone(), at));
        let paths = Paths::new(paths, self.federated.clone());
        let pressure = Arc::clone(&self.pressure);
        (Front::new(Rc::new(pipeline), self.names.clone(), paths, pressure, self.legacy_by_table), client)
    }
}

fn ring(keys: &config::Keys, data: &Path) -> Result<KeyRing, Failure> {
    match &keys.ring {
        Some(secret) => named_ring(secret).map_err(Failure::unusable),
        None => KeyRing::open_or_create(data)
            .context("the key ring in the data directory (--data) cannot be used")
            .map_err(Failure::failed),
    }
}

fn bounds(http: &config::Http) -> Bounds {
    let depth = u16::try_from(http.depth).unwrap_or(u16::MAX);
    Bounds { body: http.body, depth, event: http.event, after_answer: AFTER_ANSWER }
}

fn named_ring(secret: &config::Secret) -> anyhow::Result<KeyRing> {
    let bytes = secret.read().context("[keys] ring cannot be read")?;
    let text = std::str::from_utf8(bytes.as_bytes()).context("[keys] ring is no text")?;
    KeyRing::parse(text).context("[keys] ring: one key a line, 32 random bytes in Base64, newest first")
}

fn listed(servers: &[config::Server]) -> anyhow::Result<Vec<Vec<Listed<Arc<Endpoint>>>>> {
    let mut index = 0;
    let listed = servers.iter().map(|server| {
        let listed = server.endpoints.iter().map(|configured| {
            let endpoint = endpoint(server, &configured.url)
                .with_context(|| format!("[[servers]] {:?}: endpoint {}", server.name.as_str(), configured.url))?;
            let fingerprint = balance::fingerprint(server.name.as_str(), &configured.url);
            index += 1;
            Ok(Listed { index: index - 1, endpoint: Arc::new(endpoint), fingerprint })
        });
        listed.collect()
    });
    listed.collect()
}

fn endpoint(server: &config::Server, url: &str) -> anyhow::Result<Endpoint> {
    let identity = server.tls.identity.as_ref();
    let tls = tls::ClientTls {
        ca: server.tls.ca.clone(),
        certificate: identity.map(|identity| identity.certificate.clone()),
        key: identity.map(|identity| identity.key.clone()),
        server_name: server.tls.server_name.clone(),
    };
    Ok(Endpoint::new(Endpoint::parse(url)?, || tls::Client::build(&tls), server.connect_timeout)?)
}

fn routes(settings: &Settings) -> Vec<(String, usize, Room)> {
    let served = settings.routes.iter().filter_map(|route| match route.destination {
        Destination::Server(server) => Some((route.path.clone(), server, Room::new(settings.http.abandoned))),
        Destination::Federation => None,
    });
    served.collect()
}

fn federated(settings: &Settings) -> Option<String> {
    let mut routes = settings.routes.iter();
    routes.find(|route| route.destination == Destination::Federation).map(|route| route.path.clone())
}

fn limits(http: &config::Http) -> Limits {
    Limits {
        head: HeadLimits { head: http.head, headers: http.headers },
        head_timeout: http.head_timeout,
        body_rate: http.body_rate as u64,
        body_grace: BODY_GRACE,
        write_stall: http.write_stall,
        idle: http.idle,
        keepalive: http.keepalive,
    }
}
