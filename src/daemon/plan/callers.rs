//! What a plan says of callers: who they are, what they are given to bring back, what they may read before they are known,
//! and as whom a server meets them.

use std::rc::Rc;
use std::sync::Arc;

use crate::admin::Access;
use crate::config;
use crate::daemon::authorization::Shows;
use crate::daemon::credentials::certificates;
use crate::edge::metadata;
use crate::model::clock;
use crate::seal::Binder;
use crate::stages::authenticate::{Authenticator, MayVerify, Memory};
use crate::stages::vouch::{Asserting, Vouch};

use super::{Plan, Planned};

impl Plan {
    /// What seals on a route; `None` where its server says `seal = false`.
    pub(super) fn binder(&self, path: &str, server: usize) -> Option<Binder> {
        let server = &self.servers[server];
        server.seal.then(|| Binder::new(self.opaques.clone(), path, server.name.as_str()))
    }

    /// What is told of the routes that take tokens of an issuer, and the keys of assertions: path, place of the route, text.
    pub(super) fn documents(&self) -> Vec<(String, usize, String)> {
        let of = |(at, route): (usize, &Planned)| {
            route.place.metadata.as_ref()?;
            let scopes = route.place.scopes.iter().map(|scope| &**scope);
            let bound = self.auth.takes_bound_tokens_alone();
            let text = metadata::document(&route.place.audience, self.auth.authorization_servers(), scopes, bound);
            Some((metadata::location(&route.path), at, text))
        };
        let mut documents: Vec<_> = self.routes.iter().enumerate().filter_map(of).collect();
        let mut protected = documents.iter().filter(|(_, at, _)| !self.routes[*at].place.anonymous);
        let taken = documents.iter().any(|(path, ..)| path == metadata::ROOT);
        // Of several nobody could say which one the root speaks of.
        if let (Some((_, at, text)), None, false) = (protected.next(), protected.next(), taken) {
            let root = (metadata::ROOT.to_owned(), *at, text.clone());
            documents.push(root);
        }
        // Read by servers, told under the first route that leads to one of those.
        if let Some(at) = self.routes.iter().position(|route| self.servers[route.server].assertion) {
            documents.push((metadata::ASSERTIONS.to_owned(), at, self.asserter.key_set()));
        }
        documents
    }

    /// What a server is shown, on one core.
    pub(super) fn vouch(&self, server: &config::Server, shows: &Shows) -> Vouch {
        let asserting = || {
            let (asserter, name) = (Arc::clone(&self.asserter), server.name.as_str());
            Asserting::new(asserter, &self.public, name, &self.auth.default_roles)
        };
        Vouch::new(shows.on_a_core(), server.assertion.then(asserting))
    }

    /// Who is an operator by this plan.
    pub(in crate::daemon) fn access(plan: &Arc<Self>) -> Access {
        let by = Arc::clone(plan);
        Access {
            authenticator: Box::new(move || by.authenticator(&Memory::for_one())),
            place: plan.operators.clone(),
            roles: Arc::clone(&plan.roles),
            default_roles: plan.auth.default_roles.iter().map(|name| name.as_str().into()).collect(),
            open: plan.open,
            unverified: Arc::clone(&plan.lasting.unverified),
            explains: Plan::explains(plan),
            rules: Plan::rules_in_force(plan),
        }
    }

    /// Who finds out who is calling, on one core.
    pub(super) fn authenticator(&self, memory: &Memory) -> Authenticator {
        let anonymous = self.auth.anonymous.roles.iter().map(|role| role.as_str().into());
        let mut authenticator = Authenticator::without_credentials(anonymous.collect());
        let trust = self.welcome.tls.as_ref().and_then(|tls| tls.clients());
        if let (Some(mtls), Some(trust)) = (&self.auth.mtls, trust) {
            authenticator = authenticator.with_certificates(certificates(mtls, trust.clone()));
        }
        if let Some(keys) = &self.keys {
            authenticator = authenticator.with_keys(Arc::clone(keys));
        }
        let (issuers, oracle) = (self.credentials.issuers(), self.credentials.oracle());
        if issuers.is_empty() && oracle.is_none() {
            return authenticator;
        }
        let unverified = Arc::clone(&self.lasting.unverified);
        let may_verify: MayVerify = Rc::new(move |address| unverified.take(address, clock::now()));
        authenticator.with_tokens(issuers, oracle, memory.clone(), may_verify)
    }
}
