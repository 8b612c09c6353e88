//! `/api/v1`: what operators ask and order. It answers in the shape of the REST side (security, "Errors").

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::model::{Command, Generation, Status, Unchanged};

use super::Admin;

/// `GET /api/v1/status`: where the daemon stands.
pub(super) async fn status(State(admin): State<Admin>) -> Response {
    let Status { generation, reload } = admin.status.borrow().clone();
    let missing = admin.readiness.missing();
    let reload =
        reload.map(|attempt| json!({ "at": attempt.at, "ok": attempt.refused.is_none(), "refused": attempt.refused }));
    answer(
        StatusCode::OK,
        &json!({
            "version": env!("CARGO_PKG_VERSION"),
            "generation": shown(generation),
            "reload": reload,
            "ready": missing.is_none(),
            "missing": missing.into_iter().collect::<Vec<_>>(),
        }),
    )
}

/// `POST /api/v1/reload`: reads the configuration anew. 200 with the generation in force, or 422 and nothing was changed.
pub(super) async fn reload(State(admin): State<Admin>) -> Response {
    let (answered, outcome) = oneshot::channel();
    if admin.commands.send(Command::Reload(answered)).await.is_err() {
        return error(StatusCode::SERVICE_UNAVAILABLE, "draining", "the daemon is stopping", true);
    }
    match outcome.await {
        Ok(Ok(generation)) => answer(StatusCode::OK, &json!({ "generation": shown(generation) })),
        Ok(Err(Unchanged(why))) => error(StatusCode::UNPROCESSABLE_ENTITY, "not_reloaded", &why, false),
        Err(_) => error(StatusCode::SERVICE_UNAVAILABLE, "draining", "the daemon is stopping", true),
    }
}

fn shown(generation: Generation) -> Value {
    json!({ "number": generation.number, "since": generation.since })
}

fn error(status: StatusCode, code: &str, message: &str, retryable: bool) -> Response {
    answer(status, &json!({ "error": { "code": code, "message": message, "details": {}, "retryable": retryable } }))
}

fn answer(status: StatusCode, value: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{value}\n")).into_response()
}
