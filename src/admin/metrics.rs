//! `/metrics`: the page that was folded last. Asking for it touches no core.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Admin;

/// The text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn page(State(admin): State<Admin>) -> Response {
    ([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-store")], admin.exposition.render()).into_response()
}
