//! `/api/v1`: what operators ask and order. It answers in the shape of the REST side (security, "Errors").

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::model::{Command, Generation, RequestIds, Status, Unchanged, clock};
use crate::telemetry::log::stamp;

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
        return stopping();
    }
    match outcome.await {
        Ok(Ok(generation)) => answer(StatusCode::OK, &json!({ "generation": shown(generation) })),
        Ok(Err(Unchanged(why))) => error(StatusCode::UNPROCESSABLE_ENTITY, "not_reloaded", &why, false),
        Err(_) => stopping(),
    }
}

/// `GET /api/v1/log`: the level from which on is written.
pub(super) async fn log(State(admin): State<Admin>) -> Response {
    answer(StatusCode::OK, &json!({ "level": admin.log.level() }))
}

/// `PUT /api/v1/log` with `{"level":"debug"}`: writes from that level on, until told otherwise or reloaded.
pub(super) async fn set_log(State(admin): State<Admin>, body: String) -> Response {
    let asked: Option<Value> = serde_json::from_str(&body).ok();
    let Some(level) = asked.as_ref().and_then(|asked| asked["level"].as_str()) else {
        let message = "the body is a JSON object with `level`: {\"level\":\"debug\"}";
        return error(StatusCode::BAD_REQUEST, "invalid_body", message, false);
    };
    let (answered, outcome) = oneshot::channel();
    if admin.commands.send(Command::LogLevel(level.to_owned(), answered)).await.is_err() {
        return stopping();
    }
    match outcome.await {
        Ok(Ok(before)) => answer(StatusCode::OK, &json!({ "level": admin.log.level(), "before": before })),
        Ok(Err(Unchanged(why))) => {
            error(StatusCode::UNPROCESSABLE_ENTITY, "not_a_level", &format!("`level` {why}"), false)
        }
        Err(_) => stopping(),
    }
}

fn stopping() -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, "draining", "the daemon is stopping", true)
}

fn shown(generation: Generation) -> Value {
    json!({ "number": generation.number, "since": generation.since })
}

fn error(status: StatusCode, code: &str, message: &str, retryable: bool) -> Response {
    let mut timestamp = String::new();
    stamp(&mut timestamp, clock::unix_time());
    let error = json!({ "code": code, "message": message, "details": {}, "retryable": retryable });
    answer(
        status,
        &json!({ "error": error, "timestamp": timestamp, "requestId": RequestIds::new().next().to_string() }),
    )
}

fn answer(status: StatusCode, value: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{value}\n")).into_response()
}
