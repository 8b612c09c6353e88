//! What every core is built from: immutable, shared, made by the start and by every reload in the same way.

mod callers;
mod front;
mod lasting;
mod routes;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::catalog::Catalog;
use crate::config::{self, Destination, LegacyStatus, Settings};
use crate::edge::{Names, metadata};
use crate::model::stored::StoredRules;
use crate::net::client::Limits;
use crate::net::welcome::Welcome;
use crate::pipeline::{Bounds, Expressions, Lookup};
use crate::seal::{Asserter, KeyRing, Opaques, Purpose, Sealer};
use crate::stages::authenticate::{Place, SharedKeys};
use crate::stages::limit::Ledger;
use crate::stages::rules::Book;
use crate::stages::upstream::Room;

pub(super) use lasting::{Kept, Lasting};

use super::authorization::{self, Authorizations};
use super::bounds::{bounds, limits, rate};
use super::credentials::{Around, Board, Credentials};
use super::endpoints::Endpoints;
use super::fetching::Fetching;
use super::sharing::Sharing;
use super::spawned::Commands;
use super::stored;
use super::stores::Stores;
use super::{Failure, files, rules, welcome};

/// One generation of the configuration, as the cores work by it.
#[derive(Clone)]
pub(super) struct Plan {
    endpoints: Arc<Endpoints>,
    commands: Arc<Commands>,
    pub(super) servers: Vec<config::Server>,
    pub(super) routes: Vec<Planned>,
    federated: Option<String>,
    names: Names,
    sealer: Sealer,
    /// Of the tokens of the pair of 2024-11-05.
    tokens: Sealer,
    /// What signs assertions, and what we are called in them.
    asserter: Arc<Asserter>,
    public: String,
    /// What each server is shown of us.
    authorizations: Arc<Authorizations>,
    /// Of what servers give their clients to bring back.
    opaques: Opaques,
    pub(super) catalog: Arc<Catalog>,
    /// Who asks each server for its tools.
    lookups: Box<[Arc<Lookup>]>,
    pub(super) bounds: Bounds,
    legacy_by_table: bool,
    /// What a token of an operator has to be meant for.
    operators: Place,
    /// `[admin] open`.
    open: bool,
    pub(super) auth: config::Auth,
    pub(super) roles: Arc<[config::Role]>,
    /// What `[[limits]]` have counted.
    pub(super) ledger: Arc<Ledger>,
    /// The keys that expressions give for them.
    pub(super) expressions: Arc<Expressions>,
    /// What policy says of messages.
    pub(super) book: Arc<Book>,
    /// Those of its rules that do not stand in the file.
    pub(super) stored: Arc<StoredRules>,
    /// Who fetches what others have.
    fetching: Option<Arc<Fetching>>,
    /// Whose tokens are taken; their key sets change while they are in force.
    credentials: Arc<Credentials>,
    /// API keys, where they are taken.
    keys: Option<SharedKeys>,
    unverified: Option<(u64, Duration)>,
    /// Most connections, and most of one address.
    admits: (usize, usize),
    /// Only this machine reaches the listeners.
    pub(super) near: bool,
    pub(super) limits: Limits,
    /// Clients speak HTTP/2 from their first byte on (`[listen] http2_prior_knowledge`).
    pub(super) http2: bool,
    /// What connections go through before HTTP.
    pub(super) welcome: Arc<Welcome>,
    pub(super) lasting: Lasting,
}

/// A route, and what it keeps over a reload.
#[derive(Clone)]
pub(super) struct Planned {
    pub(super) path: String,
    pub(super) server: usize,
    pub(super) place: Place,
    pair: Option<String>,
    abandoned: Room,
    pub(super) checks: config::RouteChecks,
}

impl Plan {
    /// Reads keys and certificates, and fits the limits to the machine. What `before` had and is the same is taken over.
    /// Nothing that is in force is touched. `near`: only this machine reaches the listeners.
    pub(super) fn build(settings: &Settings, data: &Path, near: bool, before: Option<&Self>) -> Result<Self, Failure> {
        let http = &settings.http;
        let fits = files::connections_that_fit();
        if files::too_few(fits, settings) && before.is_none() {
            tracing::warn!(
                fits,
                asked = http.connections,
                "the limit of open files carries fewer connections; raise LimitNOFILE"
            );
        }
        let public = settings.listen.public_url.iter().map(|url| url.host.clone());
        let hosts = settings.listen.hosts.iter().cloned().chain(public).collect();
        let endpoints = Endpoints::build(&settings.servers, before.map(|before| &*before.endpoints));
        let endpoints = endpoints.map_err(Failure::unusable)?;
        let admits = (http.connections.min(fits), http.connections_per_address);
        let ring = ring(&settings.keys, data)?;
        let (sealer, tokens) = (ring.sealer(Purpose::Session), ring.sealer(Purpose::Pair));
        let asserter = Arc::new(ring.asserter());
        let opaques = Opaques::new(&ring);
        let welcome = welcome::build(&settings.listen, ring).map_err(Failure::unusable)?;
        for warning in welcome.tls.iter().flat_map(|tls| tls.warnings()) {
            tracing::warn!("[listen] tls: {warning}");
        }
        let stores = before.map_or_else(|| Stores::new(&settings.store, data), |plan| plan.lasting.stores.clone());
        stores.open_if_shared()?;
        let fresh = || Lasting::new(settings, data, admits, &stores);
        let lasting = before.map_or_else(fresh, |before| before.lasting.clone());
        let fetching = Fetching::build(settings, before.and_then(|before| before.fetching.as_deref()));
        let fetching = fetching.map_err(Failure::unusable)?;
        let credentials = credentials(settings, data, &fetching, &lasting.board, before).map_err(Failure::unusable)?;
        let (driver, known) = (&lasting.driver, before.map(|before| &*before.commands));
        let around = authorization::Around {
            fetcher: fetching.as_ref().map(|fetching| &fetching.fetcher),
            runner: &lasting.runner,
            before: before.map(|before| &*before.authorizations),
        };
        let authorizations = Authorizations::build(&settings.servers, &around).map_err(Failure::unusable)?;
        let commands = Commands::build(&settings.servers, http, &endpoints, &authorizations, driver, known);
        let stored = match before {
            Some(before) => Arc::clone(&before.stored),
            None => Arc::new(stored::read(&settings.store, data, &lasting.stores)?),
        };
        let book = stored::book(settings, &stored).map_err(|flaws| stored::misfit(&stored, &flaws))?;
        let expressions = Arc::new(rules::keys(settings).map_err(Failure::unusable)?);
        let ledger = Ledger::sharing(
            &settings.limits,
            before.map(|before| &*before.ledger),
            lasting.sharing.as_ref().map(Sharing::common),
        );
        let keys = settings.auth.api_keys.then(|| lasting.keys.open()).transpose().map_err(Failure::failed)?;
        Ok(Self {
            endpoints: Arc::new(endpoints),
            commands: Arc::new(commands.map_err(Failure::unusable)?),
            servers: settings.servers.clone(),
            routes: routes(settings, before),
            federated: federated(settings),
            names: Names::new(hosts, settings.listen.origins.clone(), near),
            sealer,
            tokens,
            asserter,
            public: settings.listen.url().unwrap_or_default(),
            opaques,
            catalog: Arc::new(catalog(&settings.servers, before)),
            lookups: settings.servers.iter().map(|_| Arc::default()).collect(),
            bounds: bounds(http),
            legacy_by_table: http.legacy_status == LegacyStatus::Table,
            operators: operators(settings),
            open: settings.admin.open,
            auth: settings.auth.clone(),
            roles: settings.roles.clone().into(),
            ledger: Arc::new(ledger.asking(|limit| expressions.asks(limit))),
            expressions,
            book,
            stored,
            fetching: fetching.map(Arc::new),
            credentials: Arc::new(credentials),
            authorizations: Arc::new(authorizations),
            keys,
            unverified: rate(http),
            admits,
            near,
            limits: limits(http),
            http2: settings.listen.http2_prior_knowledge,
            welcome: Arc::new(welcome),
            lasting,
        })
    }

    /// The same, with these stored rules, and all rules as they are compiled.
    pub(super) fn ruled(&self, stored: Arc<StoredRules>, book: Arc<Book>) -> Self {
        Self { stored, book, ..self.clone() }
    }

    /// Puts into force what is not a core's own.
    pub(super) fn enforce(&self) {
        self.lasting.admission.bound(self.admits.0, self.admits.1);
        self.lasting.unverified.bound(self.unverified);
        self.ledger.enforce();
        self.credentials.enforce();
        self.lasting.runner.run_here();
        self.authorizations.enforce();
    }
}

fn credentials(
    settings: &Settings,
    data: &Path,
    fetching: &Option<Fetching>,
    board: &Board,
    before: Option<&Plan>,
) -> anyhow::Result<Credentials> {
    // What another fetcher keeps is not kept by this one's rules.
    let same = |before: &&Plan| match (&before.fetching, fetching) {
        (Some(before), Some(now)) => now.is_that_of(before),
        _ => true,
    };
    let before = before.filter(same).map(|before| &*before.credentials);
    let fetcher = fetching.as_ref().map(|fetching| &fetching.fetcher);
    Credentials::build(settings, data, &Around { fetcher, board, before })
}

fn ring(keys: &config::Keys, data: &Path) -> Result<KeyRing, Failure> {
    match &keys.ring {
        Some(secret) => named_ring(secret).map_err(Failure::unusable),
        None => KeyRing::open_or_create(data)
            .context("the key ring in the data directory (--data) cannot be used")
            .map_err(Failure::failed),
    }
}

pub(super) fn named_ring(secret: &config::Secret) -> anyhow::Result<KeyRing> {
    let bytes = secret.read().context("[keys] ring cannot be read")?;
    let text = std::str::from_utf8(bytes.as_bytes()).context("[keys] ring is no text")?;
    KeyRing::parse(text).context("[keys] ring: one key a line, 32 random bytes in Base64, newest first")
}

/// What was seen of a server stays known while its name and one of its endpoints do.
fn catalog(servers: &[config::Server], before: Option<&Plan>) -> Catalog {
    let Some(before) = before else { return Catalog::new(servers.len()) };
    let same = |one: &config::Server, other: &config::Server| {
        let command = one.command.as_ref().zip(other.command.as_ref());
        let endpoint = || one.endpoints.iter().any(|endpoint| other.endpoints.contains(endpoint));
        one.name == other.name && command.map_or_else(endpoint, |(one, other)| one.words == other.words)
    };
    before
        .catalog
        .carried_over(servers.iter().map(|server| before.servers.iter().position(|known| same(server, known))))
}

pub(super) fn routes(settings: &Settings, before: Option<&Plan>) -> Vec<Planned> {
    let most = settings.http.abandoned;
    let room = |path: &str| match before.into_iter().flat_map(|before| &before.routes).find(|known| known.path == path)
    {
        Some(known) => known.abandoned.resized(most),
        None => Room::new(most),
    };
    let url = settings.listen.url().unwrap_or_default();
    let has_issuer = settings.auth.authorization_servers().next().is_some();
    let served = settings.routes.iter().filter_map(|route| match route.destination {
        Destination::Server(server) => {
            let (path, pair, abandoned) = (route.path.clone(), route.legacy_sse.clone(), room(&route.path));
            let place = Place {
                anonymous: route.anonymous,
                audience: format!("{url}{path}").into(),
                scopes: route.scopes.iter().map(|scope| scope.as_str().into()).collect(),
                metadata: has_issuer.then(|| format!("{url}{}", metadata::location(&path)).into()),
            };
            Some(Planned { path, server, place, pair, abandoned, checks: route.checks.clone() })
        }
        Destination::Federation => None,
    });
    served.collect()
}

/// Nobody is let in there without a credential.
fn operators(settings: &Settings) -> Place {
    // No token is meant for nothing in particular: where nothing is said there is none that fits.
    let audience = settings.admin.audience(&settings.listen).unwrap_or_else(|| "\0".to_owned());
    Place { anonymous: false, audience: audience.into(), ..Place::default() }
}

fn federated(settings: &Settings) -> Option<String> {
    let mut routes = settings.routes.iter();
    routes.find(|route| route.destination == Destination::Federation).map(|route| route.path.clone())
}
