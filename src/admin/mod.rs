//! The operators' side. It runs on the control runtime, so that a data path at its limit still answers here.

mod health;
mod listener;
mod metrics;
mod names;

#[cfg(test)]
mod tests;

use std::net::TcpListener as StdListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::mpsc;

use crate::model::{Command, Readiness};
use crate::telemetry::Exposition;

use listener::{Bounded, Local};
use names::Names;

/// What the operators' side knows.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Names it answers to beside its address (`[admin] hosts`).
    pub hosts: Arc<[String]>,
    /// Whether traffic may come.
    pub readiness: Arc<Readiness>,
    /// What Prometheus scrapes.
    pub exposition: Exposition,
    /// Where commands go; the daemon executes them.
    pub commands: mpsc::Sender<Command>,
}

/// Serves the operators' side until the runtime ends.
///
/// # Errors
/// What the operating system says of the socket.
pub async fn serve(listener: StdListener, admin: Admin) -> std::io::Result<()> {
    serve_on(Bounded::new(tokio::net::TcpListener::from_std(listener)?), admin).await
}

async fn serve_on(listener: Bounded, admin: Admin) -> std::io::Result<()> {
    let names = Names { hosts: Arc::clone(&admin.hosts) };
    let router = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(self::metrics::page))
        .layer(from_fn_with_state(names, our_name))
        .with_state(admin);
    axum::serve(listener, router.into_make_service_with_connect_info::<Local>()).await
}

async fn our_name(
    State(names): State<Names>,
    ConnectInfo(Local(local)): ConnectInfo<Local>,
    request: Request,
    next: Next,
) -> Response {
    let Some(local) = local else { return StatusCode::FORBIDDEN.into_response() };
    match names.check(request.headers(), local) {
        Ok(()) => next.run(request).await,
        Err(why) => (StatusCode::FORBIDDEN, why).into_response(),
    }
}
