//! A call in progress: its connection, its time, and what becomes of it when its client leaves.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::model::{Refusal, RequestId, clock};
use crate::net::command::Exchange;
use crate::net::upstream::{Collected, Connection, Failure, ResponseHead};

use super::miss::Miss;
use super::{Client, Manner, Patience};

/// A call whose head has been read. Dropping it before its end is what a leaving client means in its era.
#[derive(Debug)]
pub struct Call {
    /// The request that it is made for.
    id: RequestId,
    leg: Option<Leg>,
    client: Rc<Client>,
    /// Between two reads.
    idle: Option<Duration>,
    deadline: Instant,
    /// When the server was heard last. Silence counts from here, however often a caller asks anew in the meantime.
    heard: Instant,
    manner: Manner,
    fingerprint: u64,
}

/// What carries a call.
#[derive(Debug)]
pub(super) enum Leg {
    /// A connection to an endpoint.
    Http(Box<Connection>),
    /// An exchange with a command.
    Command(Box<Exchange>),
}

impl Call {
    pub(super) fn new(
        id: RequestId,
        leg: Leg,
        client: &Rc<Client>,
        patience: Patience,
        deadline: Instant,
        manner: Manner,
    ) -> Self {
        let (leg, client, idle) = (Some(leg), Rc::clone(client), patience.idle);
        Self { id, leg, client, idle, deadline, heard: deadline, manner, fingerprint: 0 }
    }

    pub(super) fn leg(&mut self) -> &mut Leg {
        self.leg.as_mut().expect("a call has its leg until it is finished, cut or dropped")
    }

    /// The head of a command's answer, as an HTTP server would have given it.
    pub(super) async fn command_head(&mut self) -> Result<ResponseHead, Refusal> {
        let Leg::Command(exchange) = self.leg() else { unreachable!("it was made of an exchange with a command") };
        let (status, headers, length) = exchange.head().await?;
        Ok(ResponseHead { status, headers, length })
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
        match self.leg() {
            Leg::Http(connection) => {
                let read = connection.chunk_by(by).await;
                self.settle(read.map(|read| read.map_err(Fault::Http)))
            }
            Leg::Command(exchange) => {
                let read = timeout_at(by, exchange.chunk()).await.ok();
                self.settle(read.map(|read| read.map_err(Fault::Command)))
            }
        }
    }

    /// The whole answer if it ends within `limit` bytes, else what has come of it.
    ///
    /// # Errors
    /// As [`Call::chunk`].
    pub async fn whole(&mut self, limit: usize) -> Result<Collected, Refusal> {
        if self.idle.is_some() {
            return self.piece_by_piece(limit).await;
        }
        let by = self.by();
        let Leg::Http(connection) = self.leg() else { return self.piece_by_piece(limit).await };
        let read = connection.whole_by(limit, by).await;
        self.settle(read.map(|read| read.map_err(Fault::Http)))
    }

    /// The answer has been read as far as it is wanted: the connection is kept if it can be.
    pub fn finish(mut self) {
        if let Some(Leg::Http(connection)) = self.leg.take() {
            // The end of the answer has been noted just now.
            self.client.pool.give_back_at(connection, clock::recent());
        }
    }

    /// Ends the call at once: the server sees its connection close, or is told that the call is called off.
    pub fn cut(mut self) {
        self.leg = None;
    }

    /// Whether an answer that broke off is lost, whatever event ids it carried: the process that made it has ended.
    pub fn is_lost_when_broken(&self) -> bool {
        matches!(self.leg, Some(Leg::Command(_)))
    }

    /// Whether the answer has been read to its end.
    pub fn is_done(&self) -> bool {
        self.leg.as_ref().is_none_or(Leg::is_done)
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
        self.idle.map_or(self.deadline, |idle| self.deadline.min(self.heard + idle))
    }

    fn hear(&mut self) {
        if self.idle.is_some() {
            self.heard = clock::timer_now();
        }
    }

    fn settle<T>(&mut self, read: Option<Result<T, Fault>>) -> Result<T, Refusal> {
        let miss = match read {
            Some(Ok(read)) => {
                self.hear();
                return Ok(read);
            }
            Some(Err(Fault::Command(refusal))) => {
                self.manner.outlives = None;
                return Err(refusal);
            }
            Some(Err(Fault::Http(failure))) => Miss::Broken(failure),
            None if self.by() < self.deadline => Miss::TimedOut("idle_timeout"),
            None => Miss::TimedOut("deadline"),
        };
        // There is no answer to wait for any more, with or without a client.
        self.manner.outlives = None;
        Err(miss.refusal(self.manner.reads_only))
    }
}

/// Why reading failed.
enum Fault {
    Http(Failure),
    Command(Refusal),
}

impl Leg {
    fn is_done(&self) -> bool {
        match self {
            Self::Http(connection) => connection.is_done(),
            Self::Command(exchange) => exchange.is_over(),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let outlives = self.manner.outlives.take();
        match self.leg.take() {
            Some(Leg::Http(connection)) if connection.is_done() => self.client.pool.give_back(connection),
            Some(Leg::Http(connection)) => {
                if let Some(room) = outlives {
                    self.client.abandoned.adopt(self.id, connection, self.deadline, &room);
                }
            }
            // Without room it is called off, as it is where leaving means that.
            Some(Leg::Command(exchange)) if !exchange.is_over() => {
                exchange.let_go(outlives.and_then(|room| room.hold(self.id)));
            }
            Some(Leg::Command(_)) | None => {}
        }
    }
}
