//! `/api/v1`: what operators ask and order. It answers in the shape of the REST side (security, "Errors").

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use crate::model::{Command, Generation, Status, Undone};

use super::Admin;
use super::answer::{answer, error};
use super::listener::Local;

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
/// The body, in which nothing stands, is waited for: half a request is no order.
pub(super) async fn reload(State(admin): State<Admin>, ConnectInfo(peer): ConnectInfo<Local>, _: Bytes) -> Response {
    let _kept = peer.keep();
    match done(&admin, Command::Reload).await {
        Ok(generation) => answer(StatusCode::OK, &json!({ "generation": shown(generation) })),
        Err(undone) => refusal(&undone, "not_reloaded", ""),
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
    match done(&admin, |answer| Command::LogLevel(level.to_owned(), answer)).await {
        Ok(before) => answer(StatusCode::OK, &json!({ "level": admin.log.level(), "before": before })),
        Err(undone) => refusal(&undone, "not_a_level", "`level` "),
    }
}

/// Gives a command and waits until it has been done. Nobody waits to give one: there is room for it, or there is none.
pub(super) async fn done<T, E: From<Undone>>(
    admin: &Admin,
    command: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Command,
) -> Result<T, E> {
    let (answered, outcome) = oneshot::channel();
    admin.commands.try_send(command(answered)).map_err(|error| match error {
        TrySendError::Full(_) => Undone::Busy,
        TrySendError::Closed(_) => Undone::Draining,
    })?;
    outcome.await.unwrap_or_else(|_| Err(Undone::Draining.into()))
}

/// `code` and `before`, which begins the message, are of what was refused.
pub(super) fn refusal(undone: &Undone, code: &str, before: &str) -> Response {
    let message = undone.to_string();
    match undone {
        Undone::Refused(_) => error(StatusCode::UNPROCESSABLE_ENTITY, code, &format!("{before}{message}"), false),
        Undone::Draining => error(StatusCode::SERVICE_UNAVAILABLE, "draining", &message, true),
        Undone::Busy => error(StatusCode::SERVICE_UNAVAILABLE, "busy", &message, true),
        Undone::Hangs { .. } => error(StatusCode::INTERNAL_SERVER_ERROR, "core_hangs", &message, false),
    }
}

fn shown(generation: Generation) -> Value {
    json!({ "number": generation.number, "since": generation.since })
}
