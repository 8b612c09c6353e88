//! The operators' side. It runs on the control runtime, so that a data path at its limit still answers here.

mod access;
mod answer;
mod api;
mod endpoints;
mod explain;
mod gate;
mod health;
mod keys;
mod listener;
mod metrics;
mod names;
mod rules;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::sync::{mpsc, watch};

use crate::model::{Command, Readiness, Refusal, Status};
use crate::net::listen::Acceptor;
use crate::seal::OperatorKey;
use crate::telemetry::log::LogControl;
use crate::telemetry::{Exposition, Observed};

use listener::{Bounded, Came, Local};
use names::Names;

pub use access::{Access, Explains, RulesInForce};
pub use endpoints::{Asks, ENDPOINTS, Endpoint};
pub use explain::{explanation_document, read_case};
pub use keys::key_document;
pub use rules::{free_name, rules_document, versions_document};

/// Bytes of what an operator may send.
const LARGEST_BODY: usize = 64 * 1024;

/// What the operators' side knows.
#[derive(Clone)]
pub struct Admin {
    /// Names it answers to beside its address (`[admin] hosts`).
    pub hosts: Arc<[String]>,
    /// What is shown on loopback; `None` where there is none, and nobody can show it.
    pub key: Option<Arc<OperatorKey>>,
    /// Who else is an operator, by the configuration in force.
    pub access: watch::Receiver<Arc<Access>>,
    /// Whether traffic may come.
    pub readiness: Arc<Readiness>,
    /// What Prometheus scrapes.
    pub exposition: Exposition,
    /// Where refusals are counted.
    pub observed: Observed,
    /// Where commands go; the daemon executes them.
    pub commands: mpsc::Sender<Command>,
    /// Where the daemon stands.
    pub status: watch::Receiver<Status>,
    /// The hand on the log; it is only read here.
    pub log: LogControl,
}

/// Serves the operators' side until `over`; then it accepts no more, and answers what it was asked.
///
/// # Errors
/// What the operating system says of the socket.
pub async fn serve(
    acceptor: Acceptor,
    admin: Admin,
    over: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_on(Bounded::new(acceptor), admin, over).await
}

async fn serve_on(
    listener: Bounded,
    admin: Admin,
    over: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = endpoints::router(&admin)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(admin.clone(), our_name))
        .with_state(admin);
    let service = router.into_make_service_with_connect_info::<Local>();
    axum::serve(listener, service).with_graceful_shutdown(over).await
}

/// Turns away who calls us by another name, as a page does that has rebound its own.
async fn our_name(
    State(admin): State<Admin>,
    ConnectInfo(peer): ConnectInfo<Local>,
    request: Request,
    next: Next,
) -> Response {
    let local = match peer.came {
        Came::Unix { .. } => None,
        Came::Tcp(local) => Some(local),
    };
    match (Names { hosts: Arc::clone(&admin.hosts) }).check(request.headers(), local) {
        Ok(()) => next.run(request).await,
        Err((reason, why)) => gate::turned_away(&admin.observed, &request, &peer, Refusal::new(reason, why)),
    }
}
