//! What a caller is told who has used up a limit.

use std::time::Duration;

use crate::config::LimitKey;
use crate::model::{Limited, Reason, Refusal};

use super::one::{Lack, Limit};
use super::short::Short;

/// The refusal of what lacks.
pub(super) fn of(limit: &Limit, lack: Lack, stands: Limited) -> Refusal {
    let (name, who, wait) = (&limit.name, who(&limit.key), stands.resets);
    let soon = shown(wait);
    let always = "send fewer messages in one batch, or ask whoever runs the gateway for more";
    let message = match lack {
        Lack::Rate(Short::For(_)) => format!("the limit \"{name}\" has nothing left for {who}: try again in {soon}"),
        Lack::Rate(Short::Soon(_)) | Lack::Quota(Short::Soon(_)) => {
            format!("this node has nothing left of the limit \"{name}\" for {who} right now: try again in {soon}")
        }
        Lack::Quota(Short::For(_)) => {
            let unit = if stands.policy.window() == Some(Duration::from_secs(3600)) { "hour" } else { "day" };
            format!("the limit \"{name}\" has nothing left for {who} until the next {unit} (UTC): try again in {soon}")
        }
        Lack::Calls { always: false } => {
            let most = stands.policy.quota();
            format!("the limit \"{name}\" lets {who} have {most} calls at once: wait until one of them has ended")
        }
        Lack::Rate(Short::Always) | Lack::Quota(Short::Always) | Lack::Calls { always: true } => {
            let most = stands.policy.quota();
            format!("this counts for more than the limit \"{name}\" ever has, which is {most}: {always}")
        }
    };
    let refusal = Refusal::new(Reason::RateLimited, message).limited(stands);
    match lack {
        Lack::Rate(Short::Always) | Lack::Quota(Short::Always) | Lack::Calls { always: true } => refusal,
        _ => refusal.retryable(wait),
    }
}

/// Whom a limit counts.
fn who(key: &LimitKey) -> &'static str {
    match key {
        LimitKey::Principal => "this caller",
        LimitKey::ClientIp => "this address",
        LimitKey::Session => "this session",
        LimitKey::Server => "this server",
        LimitKey::Tool => "this tool",
        LimitKey::PrincipalAndTool => "this tool of this caller",
        LimitKey::Global => "all callers together",
        LimitKey::Expression(_) => "what it counts this with",
    }
}

/// A time as people read it; never shorter than it is.
fn shown(wait: Duration) -> String {
    match wait.as_millis() {
        ..1000 => format!("{} ms", wait.as_nanos().div_ceil(1_000_000)),
        _ => format!("{} s", crate::model::whole_seconds(wait)),
    }
}
