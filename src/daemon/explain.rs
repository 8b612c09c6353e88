//! What messages are held against where nothing is sent: by a configuration alone, or by the plan in force.

use std::sync::Arc;

use crate::admin::Explains;
use crate::catalog::Catalog;
use crate::config::{self, Settings};
use crate::model::{Case, Explanation, Principal};
use crate::pipeline::{self, Door, House};
use crate::stages::authorize::Roles;
use crate::stages::rules::{Book, Rules};

use super::bounds::bounds;
use super::plan::{Plan, Planned, routes};
use super::rules;

/// What tells the way of messages by this configuration, in which no server has been seen yet.
///
/// # Errors
/// The rules cannot be compiled. Of a message: there is no such route, it has to be said which one is meant, or a header is
/// none.
pub fn explains(settings: &Settings) -> Result<impl Fn(&Case) -> Result<Explanation, String>, String> {
    let catalog = Arc::new(Catalog::new(settings.servers.len()));
    let (roles, bounds) = (settings.roles.clone().into(), bounds(&settings.http));
    let rules = Rules::new(Arc::new(rules::book(settings).map_err(|error| error.to_string())?));
    let house = house(&routes(settings, None), &settings.servers, roles, &settings.auth, catalog, bounds, rules);
    Ok(move |case: &Case| pipeline::explain(&house, case))
}

impl Plan {
    /// Tells it by what is in force, and what was seen of the servers.
    pub(super) fn explains(plan: &Arc<Self>) -> Explains {
        // Who explains does not hold on to what is no longer in force.
        let plan = Arc::downgrade(plan);
        Arc::new(move |case| {
            let plan = plan.upgrade().ok_or("another configuration has just come into force: ask again")?;
            plan.explain(Arc::clone(&plan.book), case)
        })
    }

    /// Tells it by what is in force, but for the rules.
    pub(super) fn explain(&self, book: Arc<Book>, case: &Case) -> Result<Explanation, String> {
        let (roles, catalog, rules) = (Arc::clone(&self.roles), Arc::clone(&self.catalog), Rules::new(book));
        let house = house(&self.routes, &self.servers, roles, &self.auth, catalog, self.bounds, rules);
        pipeline::explain(&house, case)
    }
}

fn house(
    routes: &[Planned],
    servers: &[config::Server],
    roles: Arc<[config::Role]>,
    auth: &config::Auth,
    catalog: Arc<Catalog>,
    bounds: pipeline::Bounds,
    rules: Rules,
) -> House {
    let door = |(number, route): (usize, &Planned)| Door {
        path: route.path.clone(),
        number,
        server: route.server,
        place: route.place.clone(),
    };
    let names = || servers.iter().map(|server| server.name.as_str());
    House {
        routes: routes.iter().enumerate().map(door).collect(),
        servers: names().map(str::to_owned).collect(),
        anonymous: Principal::anonymous(auth.anonymous.roles.iter().map(|role| role.as_str().into()).collect()),
        roles: Roles::new(roles, &auth.default_roles, names()),
        rules,
        catalog,
        bounds,
    }
}
