//! Making a call on a server that is a command.

use std::rc::Rc;

use tokio::time::timeout_at;

use crate::model::{Reason, Refusal, RequestId, clock};
use crate::net::command::{Asked, Handle};
use crate::net::upstream::ResponseHead;
use crate::telemetry::Fault;

use super::call::{Call, Leg};
use super::make::Told;
use super::miss::Miss;
use super::{Client, Manner, Patience};

/// Hands a request to a command, and waits for the head of the answer. What becomes of it is counted by the `meter` of
/// the server. `sent` is true once the command may have seen it, for whoever drops the future.
///
/// # Errors
/// `upstream_unavailable` (nothing was sent), `overloaded`, `session_required`, `session_not_found`, `upstream_reset`,
/// `upstream_bad_response`, `upstream_timeout`.
pub async fn ask(
    client: &Rc<Client>,
    id: RequestId,
    told: Told<'_>,
    handle: &Handle,
    asked: Asked<'_>,
    patience: Patience,
    manner: Manner,
) -> Result<(Call, ResponseHead), Refusal> {
    let deadline = clock::timer_now() + patience.deadline;
    let reads_only = manner.reads_only;
    let late = |bound| Miss::TimedOut(bound).refusal(reads_only);
    let exchange = timeout_at(deadline, handle.ask(asked, &client.numbers)).await.map_err(|_| late("deadline"))??;
    told.sent.set(true);
    let mut call = Call::new(id, Leg::Command(Box::new(exchange)), client, patience, deadline, manner);
    let first_byte = patience.first_byte.map(|bound| clock::timer_now() + bound);
    let by = first_byte.map_or(deadline, |by| by.min(deadline));
    let refusal = match timeout_at(by, call.command_head()).await {
        Ok(Ok(head)) => {
            call.answered_by(handle.fingerprint());
            return Ok((call, head));
        }
        Ok(Err(refusal)) => refusal,
        Err(_) => late(if by < deadline { "first_byte" } else { "deadline" }),
    };
    // Nobody waits for this answer any more, in either era.
    call.cut();
    if let Some(fault) = fault(&refusal) {
        told.meter.failed(fault);
    }
    Err(refusal)
}

/// What a refusal is counted as; `None` where the server is not at fault.
fn fault(refusal: &Refusal) -> Option<Fault> {
    match refusal.reason {
        Reason::UpstreamUnavailable => Some(Fault::Connect),
        Reason::UpstreamReset => Some(Fault::Reset),
        Reason::UpstreamBadResponse => Some(Fault::BadAnswer),
        Reason::UpstreamTimeout => Some(Fault::Timeout),
        _ => None,
    }
}
