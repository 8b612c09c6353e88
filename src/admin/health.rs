//! `/healthz`: the process lives. `/readyz`: traffic may come, or what is missing.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Admin;

pub(super) async fn alive() -> Response {
    json(StatusCode::OK, "{\"status\":\"alive\"}\n".to_owned())
}

pub(super) async fn ready(State(admin): State<Admin>) -> Response {
    match admin.readiness.missing() {
        None => json(StatusCode::OK, "{\"ready\":true}\n".to_owned()),
        Some(missing) => {
            json(StatusCode::SERVICE_UNAVAILABLE, format!("{{\"ready\":false,\"missing\":[\"{missing}\"]}}\n"))
        }
    }
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}
