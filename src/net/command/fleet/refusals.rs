//! What clients are told by a fleet.

use std::time::Duration;

use super::super::traffic::Call;
use crate::model::{Reason, Refusal};

pub(super) fn session_required() -> Refusal {
    Refusal::new(Reason::SessionRequired, "this server needs a session: send initialize first, then its Mcp-Session-Id")
}

pub(super) fn session_not_found() -> Refusal {
    Refusal::new(
        Reason::SessionNotFound,
        "unknown or expired session; send initialize without Mcp-Session-Id to start anew",
    )
}

pub(super) fn unavailable(message: &'static str, wait: Duration) -> Refusal {
    Refusal::new(Reason::UpstreamUnavailable, message).retryable(wait)
}

pub(super) fn full(of: &str) -> Refusal {
    Refusal::new(Reason::Overloaded, format!("too many {of}")).retryable(Duration::from_secs(1))
}

pub(super) fn bad_answer(call: &Call, why: &'static str) -> Refusal {
    Refusal::new(Reason::UpstreamBadResponse, why).after_sending(call.method.only_reads())
}
