//! `/healthz`: the process lives. `/readyz`: traffic may come, or what is missing; and whose tokens cannot be verified,
//! or that the store is away.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Admin;

pub(super) async fn alive() -> Response {
    json(StatusCode::OK, "{\"status\":\"alive\"}\n".to_owned())
}

pub(super) async fn ready(State(admin): State<Admin>) -> Response {
    match admin.readiness.missing() {
        None => {
            let issuers = admin.readiness.without_keys();
            let store = if admin.readiness.lacks_store() { ",\"store\":\"away\"" } else { "" };
            let lacks = match issuers.is_empty() {
                true => String::new(),
                false => format!(",\"issuers_without_keys\":{}", serde_json::Value::from(issuers)),
            };
            json(StatusCode::OK, format!("{{\"ready\":true{lacks}{store}}}\n"))
        }
        Some(missing) => {
            json(StatusCode::SERVICE_UNAVAILABLE, format!("{{\"ready\":false,\"missing\":[\"{missing}\"]}}\n"))
        }
    }
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}
