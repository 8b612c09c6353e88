//! What one core works with, built from a plan.

use std::rc::Rc;
use std::sync::Arc;

use crate::catalog::Observer;
use crate::config;
use crate::edge::{Front, Paths};
use crate::model::RequestIds;
use crate::pipeline::pair::Pairs;
use crate::pipeline::{Behind, Core, Keying, Mirrors, Policy, Server};
use crate::protocol::revision::Era;
use crate::stages::authorize::Roles;
use crate::stages::balance;
use crate::stages::rules::Rules;
use crate::stages::upstream::Patience;

use super::{Kept, Plan};

impl Plan {
    /// Builds what one core works with, and keeps connections for these endpoints from now on.
    pub(in crate::daemon) fn front(&self, kept: &Kept) -> Front {
        // The first use of the random generator on a thread takes tens of milliseconds: now, not in a client's request.
        let _ = self.sealer.seal(&[], b"");
        kept.client.pool.serve(self.endpoints.numbers());
        let behind = self.endpoints.by_server().zip(self.commands.by_server()).map(|(listed, command)| match command {
            Some(handle) => Behind::Command(handle),
            None => Behind::Endpoints(balance::Endpoints::new(listed, kept.number)),
        });
        let shows = self.authorizations.by_server();
        let vouching = self.servers.iter().zip(shows).map(|(server, shows)| self.vouch(server, shows));
        let servers = self.servers.iter().zip(behind).zip(vouching).zip(&self.lookups);
        let servers = servers.map(|(((server, behind), vouch), lookup)| Server {
            name: server.name.as_str().to_owned(),
            behind,
            patience: Patience { first_byte: server.first_byte, idle: server.idle_timeout, deadline: server.deadline },
            pinned: match server.era {
                config::Era::Auto => None,
                config::Era::Modern => Some(Era::Modern),
                config::Era::Legacy => Some(Era::Legacy),
            },
            vouch,
            lookup: Arc::clone(lookup),
        });
        let routes = self.routes_of(kept);
        let names = self.servers.iter().map(|server| server.name.as_str());
        let mirrors = self.servers.iter().enumerate();
        let mirrors =
            mirrors.map(|(at, server)| self.book.mirrors_to(at).then(|| kept.telemetry.server(server.name.as_str())));
        let pipeline = Core {
            routes,
            servers: servers.collect(),
            client: Rc::clone(&kept.client),
            catalog: Arc::clone(&self.catalog),
            observer: Observer::new(Arc::clone(&self.catalog), kept.sightings.clone()),
            sealer: self.sealer.clone(),
            pairs: Pairs::new(Arc::clone(&self.lasting.pairs), self.tokens.clone()),
            ids: RequestIds::new(),
            telemetry: Rc::clone(&kept.telemetry),
            bounds: self.bounds,
            authenticator: self.authenticator(&kept.memory).counting(&kept.telemetry),
            roles: Roles::new(Arc::clone(&self.roles), &self.auth.default_roles, names),
            limits: self.ledger.on_core(|name| kept.telemetry.limit(name)),
            keying: Keying::new(Arc::clone(&self.expressions)),
            policy: Policy::new(Rules::new(Arc::clone(&self.book)), kept.telemetry.rules(self.book.all_names())),
            mirrors: Mirrors::new(Rc::clone(&kept.copies), mirrors),
            memo: Rc::default(),
            remembered: Arc::clone(&self.lasting.remembered),
        };
        let placed = || self.routes.iter().enumerate();
        let pairs = placed().filter_map(|(at, route)| Some((route.pair.clone()?, at)));
        let paths = placed().map(|(at, route)| (route.path.clone(), at));
        let paths = Paths::new(paths, self.federated.clone()).with_pairs(pairs).with_documents(self.documents());
        let pressure = Arc::clone(&self.lasting.pressure);
        let trusted = self.welcome.trusted.clone();
        Front::new(Rc::new(pipeline), self.names.clone(), paths, pressure, self.legacy_by_table, trusted)
    }
}
