//! Making a call on one endpoint after the other, for as long as nothing has been sent.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::time::{Instant, timeout_at};

use crate::model::{Reason, Refusal, clock};
use crate::net::upstream::{Connection, Endpoint, Failure, ResponseHead, Stage};

use super::abandoned::Room;
use super::call::{self, Call};
use super::head::Outgoing;
use super::{Client, Patience};

/// How a call may be treated.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Making it twice can do no harm.
    pub reads_only: bool,
    /// Where it goes on when the client leaves; `None`: leaving cancels it.
    pub outlives: Option<Room>,
}

/// Sends a request to the first of `candidates` (place in the pool, endpoint, fingerprint) that takes it, and waits
/// for the head of the answer.
///
/// Another endpoint, or the same one over a new connection, is tried only where nothing was sent, or where a kept
/// connection broke before any of the answer came and the call only reads (security, "Repeating").
///
/// # Errors
/// `upstream_unavailable` (nothing was sent), `upstream_reset`, `upstream_bad_response`, `upstream_timeout`.
pub async fn make<'a>(
    client: &Rc<Client>,
    candidates: impl Iterator<Item = (usize, &'a Endpoint, u64)>,
    outgoing: &Outgoing<'_>,
    body: &Bytes,
    patience: Patience,
    manner: &Manner,
) -> Result<(Call, ResponseHead), Refusal> {
    let deadline = clock::timer_now() + patience.deadline;
    let mut last = None;
    for (index, endpoint, fingerprint) in candidates {
        let mut attempt = Attempt { client, index, endpoint, outgoing, body, patience, deadline, manner };
        match attempt.run().await {
            Ok((mut call, head)) => {
                call.answered_by(fingerprint);
                return Ok((call, head));
            }
            Err(refusal) if refusal.reason == Reason::UpstreamUnavailable => {
                tracing::warn!(endpoint = %endpoint.url, reason = %refusal.message, "an endpoint took no request");
                last = Some(refusal);
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Err(last.unwrap_or_else(|| {
        Refusal::new(Reason::UpstreamUnavailable, "the server has no endpoint").retryable(Duration::from_secs(1))
    }))
}

struct Attempt<'a, 'b> {
    client: &'a Rc<Client>,
    index: usize,
    endpoint: &'a Endpoint,
    outgoing: &'a Outgoing<'b>,
    body: &'a Bytes,
    patience: Patience,
    deadline: Instant,
    manner: &'a Manner,
}

impl Attempt<'_, '_> {
    /// One endpoint: over a kept connection first, over a new one where that turns out to be stale.
    async fn run(&mut self) -> Result<(Call, ResponseHead), Refusal> {
        if let Some(kept) = self.client.pool.take(self.index) {
            match self.over(kept).await {
                Err(Some(failure)) if self.may_repeat(&failure) => {}
                Err(Some(failure)) => return Err(call::refusal(&failure, self.manner.reads_only)),
                Err(None) => return Err(call::timed_out(self.manner.reads_only)),
                Ok(answer) => return Ok(answer),
            }
        }
        let connected = timeout_at(self.deadline, self.client.pool.connect(self.index, self.endpoint)).await;
        let fresh = match connected {
            Ok(Ok(connection)) => connection,
            Ok(Err(failure)) => return Err(call::refusal(&failure, true)),
            Err(_) => return Err(call::refusal(&Failure::ConnectTimeout, true)),
        };
        self.over(fresh).await.map_err(|failure| match failure {
            Some(failure) => call::refusal(&failure, self.manner.reads_only),
            None => call::timed_out(self.manner.reads_only),
        })
    }

    /// Sends the request and reads the answer's head; the error `None` is a time-out.
    async fn over(&self, connection: Box<Connection>) -> Result<(Call, ResponseHead), Option<Failure>> {
        let mut call = Call::new(connection, self.client, self.patience, self.deadline, self.manner);
        let endpoint = self.endpoint;
        let write = |out: &mut Vec<u8>| self.outgoing.write(&endpoint.authority, &endpoint.path, out);
        call.connection().queue(write, self.body.clone());
        let by = self.patience.first_byte.map(|bound| clock::timer_now() + bound);
        let by = by.map_or(self.deadline, |by| by.min(self.deadline));
        match timeout_at(by, call.connection().head(&Method::POST)).await {
            Ok(Ok(head)) => Ok((call, head)),
            Ok(Err(failure)) => {
                call.cut();
                Err(Some(failure))
            }
            Err(_) => {
                // Nobody waits for this answer any more, in either era.
                call.cut();
                Err(None)
            }
        }
    }

    fn may_repeat(&self, failure: &Failure) -> bool {
        let unanswered = matches!(failure, Failure::Reset { stage: Stage::Sending | Stage::Waiting, .. });
        failure.nothing_sent() || (self.manner.reads_only && unanswered)
    }
}
