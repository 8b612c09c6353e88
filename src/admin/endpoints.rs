//! Every endpoint of the operators' side, and what it asks of who calls it. The router is made of this table alone, so
//! that none can be added whose permission was forgotten.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};

use crate::model::Permission;

use super::{Admin, api, explain, gate, health, keys, rules};

/// What an endpoint asks of who calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing, as long as `[admin] open` says so; else `manage:system`.
    Nothing,
    /// An operator who has this permission.
    May(Permission),
}

/// One endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// The method, as in a request; with GET goes HEAD.
    pub method: &'static str,
    /// The path, as the router takes it: `{name}` stands for a segment.
    pub path: &'static str,
    /// What it asks.
    pub asks: Asks,
    handler: fn() -> MethodRouter<Admin>,
}

const fn endpoint(
    method: &'static str,
    path: &'static str,
    asks: Asks,
    handler: fn() -> MethodRouter<Admin>,
) -> Endpoint {
    Endpoint { method, path, asks, handler }
}

const MANAGE: Asks = Asks::May(Permission::ManageSystem);

/// All of them.
pub const ENDPOINTS: &[Endpoint] = &[
    endpoint("GET", "/healthz", Asks::Nothing, || get(health::alive)),
    endpoint("GET", "/readyz", Asks::Nothing, || get(health::ready)),
    endpoint("GET", "/metrics", Asks::Nothing, || get(super::metrics::page)),
    endpoint("GET", "/api/v1/status", MANAGE, || get(api::status)),
    endpoint("POST", "/api/v1/reload", MANAGE, || post(api::reload)),
    endpoint("GET", "/api/v1/log", MANAGE, || get(api::log)),
    endpoint("PUT", "/api/v1/log", MANAGE, || put(api::set_log)),
    endpoint("GET", "/api/v1/keys", MANAGE, || get(keys::list)),
    endpoint("POST", "/api/v1/keys", MANAGE, || post(keys::add)),
    endpoint("POST", "/api/v1/keys/revoke", MANAGE, || post(keys::revoke)),
    endpoint("POST", "/api/v1/keys/rotate", MANAGE, || post(keys::rotate)),
    endpoint("GET", "/api/v1/rules", MANAGE, || get(rules::list)),
    endpoint("POST", "/api/v1/rules", MANAGE, || post(rules::add)),
    endpoint("GET", "/api/v1/rules/versions", MANAGE, || get(rules::versions)),
    endpoint("POST", "/api/v1/rules/order", MANAGE, || post(rules::reorder)),
    endpoint("POST", "/api/v1/rules/rollback", MANAGE, || post(rules::roll_back)),
    endpoint("PUT", "/api/v1/rules/{name}", MANAGE, || put(rules::change)),
    endpoint("DELETE", "/api/v1/rules/{name}", MANAGE, || delete(rules::remove)),
    endpoint("POST", "/api/v1/explain", MANAGE, || post(explain::explain)),
    endpoint("POST", "/api/v1/backup", MANAGE, || post(keys::backup)),
];

/// The table, each endpoint behind its gate: before a handler or a body is looked at.
pub(super) fn router(admin: &Admin) -> Router<Admin> {
    ENDPOINTS.iter().fold(Router::new(), |router, endpoint| {
        let gate = from_fn_with_state((admin.clone(), endpoint.asks), gate::check);
        router.route(endpoint.path, (endpoint.handler)().route_layer(gate))
    })
}
