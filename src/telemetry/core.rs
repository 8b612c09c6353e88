//! The telemetry of one data core.

use std::cell::RefCell;
use std::rc::Rc;

use super::ended::{Ended, Outcome};
use super::meter::RouteMeter;

/// Where a data core tells what happened. It lives as long as its core, over all reloads.
#[derive(Debug)]
pub struct Telemetry {
    routes: RefCell<Vec<Rc<RouteMeter>>>,
    /// For what was refused before a route was found.
    door: Rc<RouteMeter>,
}

impl Telemetry {
    /// The telemetry of a core that has not done anything yet.
    pub fn new() -> Self {
        let door = Rc::new(RouteMeter { path: String::new(), server: String::new() });
        Self { routes: RefCell::default(), door }
    }

    /// The meter of a route: the same one for the same path and server, so that a reload counts on.
    pub fn route(&self, path: &str, server: &str) -> Rc<RouteMeter> {
        let mut routes = self.routes.borrow_mut();
        if let Some(known) = routes.iter().find(|known| known.path == path && known.server == server) {
            return Rc::clone(known);
        }
        let meter = Rc::new(RouteMeter { path: path.to_owned(), server: server.to_owned() });
        routes.push(Rc::clone(&meter));
        meter
    }

    /// The meter of what reaches no route.
    pub fn door(&self) -> &RouteMeter {
        &self.door
    }

    /// A request has ended.
    pub fn ended(&self, ended: &Ended<'_>) {
        let Ended { id, peer, caller, method, name, outcome, status, received, sent, .. } = *ended;
        let (route, server, said, outcome_text) =
            (ended.route.path.as_str(), ended.route.server.as_str(), ended.said.as_str(), outcome.as_str());
        let reason = ended.reason.map_or("", |reason| reason.as_str());
        let (ms, why) = (ended.total.as_millis() as u64, ended.why);
        if outcome == Outcome::Failed || outcome == Outcome::Cut {
            tracing::warn!(%id, %peer, caller, route, server, said, method, name, reason, status, received, sent, ms, why, "{outcome_text}");
        } else {
            tracing::debug!(%id, %peer, caller, route, server, said, method, name, reason, status, received, sent, ms, why, "{outcome_text}");
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}
