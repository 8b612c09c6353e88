//! The operators' side. It runs on the control runtime, so that a data path at its limit still answers here.

mod health;

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::model::Readiness;

/// What the operators' side knows.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Names it answers to beside its address (`[admin] hosts`).
    pub hosts: Arc<[String]>,
    /// Whether traffic may come.
    pub readiness: Arc<Readiness>,
}

/// Serves the operators' side until the runtime ends.
///
/// # Errors
/// What the operating system says of the socket.
pub async fn serve(listener: StdListener, admin: Admin) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let local = listener.local_addr()?;
    let names = Arc::new(Names { hosts: Arc::clone(&admin.hosts), local });
    let router = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .layer(from_fn_with_state(names, our_name))
        .with_state(admin);
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}

#[derive(Debug)]
struct Names {
    hosts: Arc<[String]>,
    local: SocketAddr,
}

/// A `Host` that is not ours is refused here too (security, "HTTP", 2): a page must not read an operator's side by
/// rebinding its name.
async fn our_name(
    State(names): State<Arc<Names>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.and_then(|host| host.parse::<axum::http::uri::Authority>().ok());
    match host {
        Some(host) if names.are(host.host(), peer) => next.run(request).await,
        _ => (StatusCode::FORBIDDEN, "this Host is not one of ours; add the name to `[admin] hosts`\n").into_response(),
    }
}

impl Names {
    fn are(&self, host: &str, peer: SocketAddr) -> bool {
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let address = literal.parse::<std::net::IpAddr>().ok().map(|address| address.to_canonical());
        let near = peer.ip().to_canonical().is_loopback();
        // Behind a wildcard address the kernel does not say here which one was called: a literal cannot be rebound.
        let literal = address.is_some_and(|address| self.local.ip().is_unspecified() || address == self.local.ip());
        let here =
            near && (host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback()));
        literal || here || self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    }
}
