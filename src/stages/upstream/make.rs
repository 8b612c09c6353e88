//! Making a call on one endpoint after the other, for as long as nothing has been sent.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use http::Method;
use tokio::time::{Instant, timeout_at};

use crate::model::{Reason, Refusal, clock};
use crate::net::upstream::{Connection, Endpoint, Failure, ResponseHead};
use crate::telemetry::ServerMeter;

use super::call::{Call, Leg};
use super::head::Outgoing;
use super::miss::Miss;
use super::{Client, Manner, Patience};

/// Where it is told how a call fares while it is made.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Counts connections, and what breaks.
    pub meter: &'a Rc<ServerMeter>,
    /// Whether anything of the request may have reached a server.
    pub sent: &'a Cell<bool>,
}

/// Sends a request to the first of `candidates` (place in the pool, endpoint, fingerprint) that takes it, and waits
/// for the head of the answer. What becomes of it is counted by the `meter` of the server.
///
/// Another endpoint, or the same one over a new connection, is tried only where nothing was sent; the same one over a
/// new connection also where a kept connection broke before any of the answer came and the call only reads (security,
/// "Repeating"). `sent` is kept true for as long as a server may have seen any of it, for whoever drops the future.
///
/// # Errors
/// `upstream_unavailable` (nothing was sent), `upstream_reset`, `upstream_bad_response`, `upstream_timeout`.
pub async fn make<'a>(
    client: &Rc<Client>,
    told: Told<'a>,
    candidates: impl Iterator<Item = (usize, &'a Endpoint, u64)>,
    outgoing: &Outgoing<'_>,
    body: &Bytes,
    patience: Patience,
    manner: Manner,
) -> Result<(Call, ResponseHead), Refusal> {
    let Told { meter, sent } = told;
    let deadline = clock::timer_now() + patience.deadline;
    let mut refused = None;
    for (index, endpoint, fingerprint) in candidates {
        let attempt =
            Attempt { client, meter, index, endpoint, outgoing, body, patience, deadline, manner: &manner, sent };
        let miss = match pin!(attempt.run()).await {
            Ok((mut call, head)) => {
                call.answered_by(fingerprint);
                return Ok((call, head));
            }
            Err(miss) => miss,
        };
        refused = Some(miss.refusal(manner.reads_only));
        if !miss.nothing_sent() {
            break;
        }
        tracing::warn!(id = %outgoing.id, endpoint = %endpoint.url, reason = %miss, "an endpoint took no request");
    }
    Err(refused.unwrap_or_else(|| Refusal::new(Reason::UpstreamUnavailable, "the server has no endpoint")))
}

struct Attempt<'a, 'b> {
    client: &'a Rc<Client>,
    meter: &'a Rc<ServerMeter>,
    index: usize,
    endpoint: &'a Endpoint,
    outgoing: &'a Outgoing<'b>,
    body: &'a Bytes,
    patience: Patience,
    deadline: Instant,
    manner: &'a Manner,
    sent: &'a Cell<bool>,
}

impl Attempt<'_, '_> {
    /// One endpoint: over a kept connection first, over a new one where that turns out to be stale.
    async fn run(&self) -> Result<(Call, ResponseHead), Miss> {
        let mut kept = self.client.pool.take_at(self.index, clock::recent());
        loop {
            let was_kept = kept.is_some();
            if was_kept {
                self.meter.reused();
            }
            let connection = match kept.take() {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            self.sent.set(true);
            let outcome = pin!(self.over(connection)).await.inspect_err(|miss| self.meter.failed(miss.fault()));
            self.sent.set(!matches!(&outcome, Err(miss) if miss.nothing_sent()));
            match outcome {
                Err(miss) if was_kept && self.may_repeat(&miss) => {}
                outcome => return outcome,
            }
        }
    }

    /// Opens a connection. That is rare and takes a large future, which not every call should carry: hence the box.
    async fn connect(&self) -> Result<Box<Connection>, Miss> {
        let connecting = Box::pin(self.client.pool.connect(self.index, self.endpoint));
        let connected = timeout_at(self.deadline, connecting).await;
        let connected = connected.unwrap_or(Err(Failure::ConnectTimeout)).map_err(Miss::Broken);
        let mut connection = connected.inspect_err(|miss| self.meter.failed(miss.fault()))?;
        connection.count_as(self.meter.opened());
        Ok(connection)
    }

    /// Whether a kept connection that failed so may be replaced by a new one.
    fn may_repeat(&self, miss: &Miss) -> bool {
        miss.nothing_sent() || self.manner.reads_only && miss.is_unanswered()
    }

    /// Sends the request and reads the answer's head.
    async fn over(&self, connection: Box<Connection>) -> Result<(Call, ResponseHead), Miss> {
        let (id, manner) = (self.outgoing.id, self.manner.clone());
        let mut call = Call::new(id, Leg::Http(connection), self.client, self.patience, self.deadline, manner);
        let endpoint = self.endpoint;
        let write = |out: &mut Vec<u8>| self.outgoing.write(&endpoint.authority, &endpoint.path, out);
        let Leg::Http(connection) = call.leg() else { unreachable!("it was made of a connection") };
        connection.queue(write, self.body.clone());
        let first_byte = self.patience.first_byte.map(|bound| clock::timer_now() + bound);
        let by = first_byte.map_or(self.deadline, |by| by.min(self.deadline));
        // How to read the answer depends on the method in one way only: one to HEAD, which is never sent, has no body.
        let miss = match connection.head_by(&Method::POST, by).await {
            Some(Ok(head)) => return Ok((call, head)),
            Some(Err(failure)) => Miss::Broken(failure),
            None => Miss::TimedOut(if by < self.deadline { "first_byte" } else { "deadline" }),
        };
        // Nobody waits for this answer any more, in either era.
        call.cut();
        Err(miss)
    }
}
