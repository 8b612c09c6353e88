//! What messages are held against where nothing is sent: by a configuration alone, or by the plan in force.

use std::sync::Arc;

use crate::admin::Explains;
use crate::catalog::Catalog;
use crate::config::{self, Settings};
use crate::model::{Case, Explanation, Principal};
use crate::pipeline::{self, Door, House, Keying};
use crate::stages::arguments::Checks;
use crate::stages::authorize::Roles;
use crate::stages::limit::Ledger;
use crate::stages::rules::Rules;

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
    let expressions = Arc::new(rules::keys(settings).map_err(|error| error.to_string())?);
    let policy = Policy {
        rules: Rules::new(Arc::new(rules::book(settings).map_err(|error| error.to_string())?)),
        ledger: Arc::new(Ledger::build(&settings.limits, None).asking(|limit| expressions.asks(limit))),
        keying: Keying::new(expressions),
    };
    let house = house(&routes(settings, None), &settings.servers, roles, &settings.auth, catalog, bounds, policy);
    Ok(move |case: &Case| pipeline::explain(&house, case))
}

impl Plan {
    /// Tells it by what is in force, and what was seen of the servers.
    pub(super) fn explains(plan: &Arc<Self>) -> Explains {
        // Who explains does not hold on to what is no longer in force.
        let plan = Arc::downgrade(plan);
        Arc::new(move |case| {
            let plan = plan.upgrade().ok_or("another configuration has just come into force: ask again")?;
            let (roles, catalog) = (Arc::clone(&plan.roles), Arc::clone(&plan.catalog));
            let policy = Policy {
                rules: Rules::new(Arc::clone(&plan.book)),
                ledger: Arc::clone(&plan.ledger),
                keying: Keying::new(Arc::clone(&plan.expressions)),
            };
            pipeline::explain(
                &house(&plan.routes, &plan.servers, roles, &plan.auth, catalog, plan.bounds, policy),
                case,
            )
        })
    }
}

/// What is said of messages beside roles.
struct Policy {
    rules: Rules,
    ledger: Arc<Ledger>,
    keying: Keying,
}

fn house(
    routes: &[Planned],
    servers: &[config::Server],
    roles: Arc<[config::Role]>,
    auth: &config::Auth,
    catalog: Arc<Catalog>,
    bounds: pipeline::Bounds,
    policy: Policy,
) -> House {
    let Policy { rules, ledger, keying } = policy;
    let door = |(number, route): (usize, &Planned)| Door {
        path: route.path.clone(),
        number,
        server: route.server,
        place: route.place.clone(),
        checks: Checks::new(&route.checks),
    };
    let names = || servers.iter().map(|server| server.name.as_str());
    House {
        routes: routes.iter().enumerate().map(door).collect(),
        servers: names().map(str::to_owned).collect(),
        anonymous: Principal::anonymous(auth.anonymous.roles.iter().map(|role| role.as_str().into()).collect()),
        roles: Roles::new(roles, &auth.default_roles, names()),
        rules,
        ledger,
        keying,
        catalog,
        bounds,
    }
}
