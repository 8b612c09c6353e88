//! The routes of one core: one for each path, and behind them one for each further server that rules send its messages to.

use std::rc::Rc;

use crate::pipeline::Route;
use crate::stages::arguments::Checks;

use super::{Kept, Plan, Planned};

impl Plan {
    /// Those of a core, in the order of the paths.
    pub(super) fn routes_of(&self, kept: &Kept) -> Vec<Route> {
        let mut routes: Vec<_> = self
            .routes
            .iter()
            .enumerate()
            .map(|(number, route)| self.route(kept, number, route, route.server))
            .collect();
        for (number, planned) in self.routes.iter().enumerate() {
            let others = self.book.targets().filter(|server| *server != planned.server);
            let others: Vec<_> = others.map(|server| self.route(kept, number, planned, server)).collect();
            routes[number].alternates = (routes.len()..routes.len() + others.len()).collect();
            routes.extend(others);
        }
        routes
    }

    fn route(&self, kept: &Kept, number: usize, planned: &Planned, server: usize) -> Route {
        Route {
            path: planned.path.clone(),
            server,
            number,
            alternates: Box::default(),
            binder: self.binder(&planned.path, server).map(Rc::new),
            place: planned.place.clone(),
            abandoned: Rc::new(planned.abandoned.clone()),
            checks: Checks::new(&planned.checks).map(Rc::new),
            meter: kept.telemetry.route(&planned.path, self.servers[server].name.as_str()),
        }
    }
}
