//! A call in progress: its connection, its time, and what becomes of it when its client leaves.

use std::rc::Rc;

use bytes::Bytes;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::model::{Refusal, RequestId, clock};
use crate::net::upstream::{Collected, Connection, Failure};

use super::miss::Miss;
use super::{Client, Manner, Patience};

/// A call whose head has been read. Dropping it before its end is what a leaving client means in its era.
#[derive(Debug)]
pub struct Call {
    /// The request that it is made for.
    id: RequestId,
    connection: Option<Box<Connection>>,
    client: Rc<Client>,
    patience: Patience,
    deadline: Instant,
    /// When the server was heard last. Silence counts from here, however often a caller asks anew in the meantime.
    heard: Instant,
    manner: Manner,
    fingerprint: u64,
}

impl Call {
    pub(super) fn new(
        id: RequestId,
        connection: Box<Connection>,
        client: &Rc<Client>,
        patience: Patience,
        deadline: Instant,
        manner: Manner,
    ) -> Self {
        let connection = Some(connection);
        let client = Rc::clone(client);
        Self { id, connection, client, patience, deadline, heard: deadline, manner, fingerprint: 0 }
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a call has its connection until it is finished, cut or dropped")
    }

    /// The head of the answer has come, from this endpoint.
    pub(super) fn answered_by(&mut self, fingerprint: u64) {
        self.fingerprint = fingerprint;
        self.hear();
    }

    /// The endpoint that answers, as sealed ids name it.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The next piece of the answer; `None` at its end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// `upstream_reset`, `upstream_bad_response`, `upstream_timeout`; the call is over.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        let by = self.by();
        let read = timeout_at(by, self.connection().chunk()).await;
        self.settle(read)
    }

    /// The whole answer if it ends within `limit` bytes, else what has come of it.
    ///
    /// # Errors
    /// As [`Call::chunk`].
    pub async fn whole(&mut self, limit: usize) -> Result<Collected, Refusal> {
        if self.patience.idle.is_some() {
            return self.piece_by_piece(limit).await;
        }
        let by = self.by();
        let read = timeout_at(by, self.connection().whole(limit)).await;
        self.settle(read)
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

    /// As [`Call::whole`], with a time for each piece.
    async fn piece_by_piece(&mut self, limit: usize) -> Result<Collected, Refusal> {
        let mut whole = Vec::new();
        while whole.len() <= limit {
            match self.chunk().await? {
                Some(piece) if whole.is_empty() && self.is_done() && piece.len() <= limit => {
                    return Ok(Collected::Whole(piece));
                }
                Some(piece) => whole.extend_from_slice(&piece),
                None => return Ok(Collected::Whole(Bytes::from(whole))),
            }
        }
        Ok(Collected::Longer(Bytes::from(whole)))
    }

    fn by(&self) -> Instant {
        self.patience.idle.map_or(self.deadline, |idle| self.deadline.min(self.heard + idle))
    }

    fn hear(&mut self) {
        if self.patience.idle.is_some() {
            self.heard = clock::timer_now();
        }
    }

    fn settle<T>(&mut self, read: Result<Result<T, Failure>, Elapsed>) -> Result<T, Refusal> {
        let miss = match read {
            Ok(Ok(read)) => {
                self.hear();
                return Ok(read);
            }
            Ok(Err(failure)) => Miss::Broken(failure),
            Err(_) if self.by() < self.deadline => Miss::TimedOut("idle_timeout"),
            Err(_) => Miss::TimedOut("deadline"),
        };
        // There is no answer to wait for any more, with or without a client.
        self.manner.outlives = None;
        Err(miss.refusal(self.manner.reads_only))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if connection.is_done() {
            self.client.pool.give_back(connection);
        } else if let Some(room) = self.manner.outlives.take() {
            self.client.abandoned.adopt(self.id, connection, self.deadline, &room);
        }
    }
}
