//! Answers of the REST side, in its one shape (security, "Errors").

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::model::{RequestIds, clock};
use crate::telemetry::log::stamp;

/// A document.
pub(super) fn answer(status: StatusCode, value: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{value}\n")).into_response()
}

/// An error without details.
pub(super) fn error(status: StatusCode, code: &str, message: &str, retryable: bool) -> Response {
    detailed(status, code, message, &json!({}), retryable)
}

/// An error.
pub(super) fn detailed(status: StatusCode, code: &str, message: &str, details: &Value, retryable: bool) -> Response {
    let mut timestamp = String::new();
    stamp(&mut timestamp, clock::unix_time());
    let error = json!({ "code": code, "message": message, "details": details, "retryable": retryable });
    answer(
        status,
        &json!({ "error": error, "timestamp": timestamp, "requestId": RequestIds::new().next().to_string() }),
    )
}
