//! The operators' side. It runs on the control runtime, so that a data path at its limit still answers here.

mod api;
mod health;
mod listener;
mod metrics;
mod names;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::model::{Command, Readiness, Status};
use crate::telemetry::Exposition;
use crate::telemetry::log::LogControl;

use listener::{Bounded, Local};
use names::Names;

/// Bytes of what an operator may send.
const LARGEST_BODY: usize = 64 * 1024;

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
    listener: TcpListener,
    admin: Admin,
    over: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_on(Bounded::new(listener), admin, over).await
}

async fn serve_on(
    listener: Bounded,
    admin: Admin,
    over: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let names = Names { hosts: Arc::clone(&admin.hosts) };
    let router = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(self::metrics::page))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/reload", post(api::reload))
        .route("/api/v1/log", get(api::log).put(api::set_log))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(names, our_name))
        .with_state(admin);
    let service = router.into_make_service_with_connect_info::<Local>();
    axum::serve(listener, service).with_graceful_shutdown(over).await
}

async fn our_name(
    State(names): State<Names>,
    ConnectInfo(peer): ConnectInfo<Local>,
    request: Request,
    next: Next,
) -> Response {
    let Some(local) = peer.address else { return StatusCode::FORBIDDEN.into_response() };
    // Operators cannot sign in yet: who can reach us from elsewhere is told how we are, and nothing more.
    let open = ["/healthz", "/readyz", "/metrics"].contains(&request.uri().path());
    if !open && !local.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "this is answered on a loopback address only\n").into_response();
    }
    match names.check(request.headers(), local) {
        Ok(()) => next.run(request).await,
        Err(why) => (StatusCode::FORBIDDEN, why).into_response(),
    }
}
