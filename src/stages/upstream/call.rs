//! A call in progress: its connection, its time, and what becomes of it when its client leaves.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::model::{Reason, Refusal, clock};
use crate::net::upstream::{Collected, Connection, Failure};

use super::abandoned::Room;
use super::make::Manner;
use super::{Client, Patience};

/// A call whose head has been read. Dropping it before its end is what a leaving client means in its era.
#[derive(Debug)]
pub struct Call {
    connection: Option<Box<Connection>>,
    client: Rc<Client>,
    patience: Patience,
    deadline: Instant,
    reads_only: bool,
    /// Where the call goes on when the client leaves; `None` cancels it by closing the connection.
    outlives: Option<Room>,
    fingerprint: u64,
}

impl Call {
    pub(super) fn new(
        connection: Box<Connection>,
        client: &Rc<Client>,
        patience: Patience,
        deadline: Instant,
        manner: &Manner,
    ) -> Self {
        Self {
            connection: Some(connection),
            client: Rc::clone(client),
            patience,
            deadline,
            reads_only: manner.reads_only,
            outlives: manner.outlives.clone(),
            fingerprint: 0,
        }
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a call has its connection until it is finished or dropped")
    }

    pub(super) fn answered_by(&mut self, fingerprint: u64) {
        self.fingerprint = fingerprint;
    }

    /// The endpoint that answers, as sealed ids name it.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The next piece of the answer; `None` at its end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// `upstream_reset`, `upstream_bad_response`, `upstream_timeout`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        let (by, reads_only) = (self.by(self.patience.idle), self.reads_only);
        within(by, reads_only, self.connection().chunk()).await
    }

    /// The whole answer if it ends within `limit` bytes, else what has come of it.
    ///
    /// # Errors
    /// As [`Call::chunk`].
    pub async fn whole(&mut self, limit: usize) -> Result<Collected, Refusal> {
        let (by, reads_only) = (self.by(self.patience.idle), self.reads_only);
        within(by, reads_only, self.connection().whole(limit)).await
    }

    /// The answer has been read as far as it is wanted: the connection is kept if it can be.
    pub fn finish(mut self) {
        if let Some(connection) = self.connection.take() {
            self.client.pool.give_back(connection);
        }
    }

    /// Ends the call at once: the server sees its connection close.
    pub fn cut(mut self) {
        self.connection = None;
    }

    /// Whether the answer has been read to its end.
    pub fn is_done(&self) -> bool {
        self.connection.as_ref().is_none_or(|connection| connection.is_done())
    }

    fn by(&self, bound: Option<Duration>) -> Instant {
        bound.map_or(self.deadline, |bound| self.deadline.min(clock::timer_now() + bound))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if let Some(room) = self.outlives.take().filter(|_| !connection.is_done()) {
            self.client.abandoned.adopt(connection, self.deadline, &room);
        }
    }
}

async fn within<T>(
    by: Instant,
    reads_only: bool,
    read: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Refusal> {
    match timeout_at(by, read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(failure)) => Err(refusal(&failure, reads_only)),
        Err(_) => Err(timed_out(reads_only)),
    }
}

/// What a failed exchange means to the caller.
pub(super) fn refusal(failure: &Failure, reads_only: bool) -> Refusal {
    if failure.nothing_sent() {
        return Refusal::new(Reason::UpstreamUnavailable, failure.to_string()).retryable(Duration::from_secs(1));
    }
    let reason = match failure {
        Failure::Malformed(_) | Failure::TooLarge(_) => Reason::UpstreamBadResponse,
        _ => Reason::UpstreamReset,
    };
    Refusal::new(reason, failure.to_string()).after_sending(reads_only)
}

pub(super) fn timed_out(reads_only: bool) -> Refusal {
    Refusal::new(Reason::UpstreamTimeout, "the server took longer than first_byte, idle_timeout or deadline allow")
        .after_sending(reads_only)
}
