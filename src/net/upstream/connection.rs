//! One exchange with a server at a time: queue, (flush), head, then chunks or the whole. Over HTTP/1.1 it has a
//! connection of its own, over HTTP/2 a stream of one that others use as well.
//!
//! Every waiting call can be dropped and called again: what was written and read is kept here, never in the future.
//! Dropping it ends the exchange, which is how an answer nobody wants any more is called off.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use tokio::time::timeout_at;

use super::failure::Failure;
use super::head::ResponseHead;
use super::http1::Http1;
use super::http2::Exchange;
use crate::telemetry::Held;

/// An open connection to a server, or a place on one.
#[derive(Debug)]
pub struct Connection(Kind);

#[derive(Debug)]
enum Kind {
    Http1(Http1),
    Http2(Exchange),
}

/// What [`Connection::whole`] came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Collected {
    /// The whole body.
    Whole(Bytes),
    /// The body is longer than the limit: what has been read of it; [`Connection::chunk`] goes on from there.
    Longer(Bytes),
}

impl Connection {
    pub(super) fn http1(connection: Http1) -> Self {
        Self(Kind::Http1(connection))
    }

    pub(super) fn http2(exchange: Exchange) -> Self {
        Self(Kind::Http2(exchange))
    }

    /// Whether it has served a request before. If so, the server may have closed it in the meantime.
    pub fn reused(&self) -> bool {
        match &self.0 {
            Kind::Http1(connection) => connection.reused(),
            Kind::Http2(exchange) => exchange.reused(),
        }
    }

    /// From here on it is counted, until it is closed.
    pub fn count_as(&mut self, held: Held) {
        match &mut self.0 {
            Kind::Http1(connection) => connection.count_as(held),
            Kind::Http2(exchange) => exchange.count_as(held),
        }
    }

    /// Has it counted otherwise, where it is counted. One that many use works for as long as one of them does.
    pub fn counted(&self, turn: impl FnOnce(&Held)) {
        if let Kind::Http1(connection) = &self.0 {
            connection.counted(turn);
        }
    }

    /// Queues a request: `head` writes request line and fields, with the empty line, into an empty buffer. Nothing is
    /// written before [`Connection::flush`] or [`Connection::head`]. The answer before must have ended.
    pub fn queue(&mut self, head: impl FnOnce(&mut Vec<u8>), body: Bytes) {
        match &mut self.0 {
            Kind::Http1(connection) => connection.queue(head, body),
            Kind::Http2(exchange) => exchange.queue(head, body),
        }
    }

    /// Writes the request. Returns as soon as all is written, or the server has something to say: `head` writes on.
    ///
    /// # Errors
    /// `Reset` if the connection broke. An answer may have come before that; `head` may still be called.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.flush().await,
            Kind::Http2(exchange) => exchange.flush().await,
        }
    }

    /// The head of the final answer to a request of `method`; interim ones are passed over. Writes on meanwhile. It is
    /// handed out once for a request.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub async fn head(&mut self, method: &Method) -> Result<ResponseHead, Failure> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.head(method).await,
            Kind::Http2(exchange) => exchange.head().await,
        }
    }

    /// [`Connection::head`]; `None` if it has not come `by` then.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub async fn head_by(
        &mut self,
        method: &Method,
        by: tokio::time::Instant,
    ) -> Option<Result<ResponseHead, Failure>> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.head_by(method, by).await,
            Kind::Http2(exchange) => timeout_at(by, exchange.head()).await.ok(),
        }
    }

    /// The next piece of the body, all of it that one read brought; `None` at its end.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.chunk().await,
            Kind::Http2(exchange) => exchange.chunk().await,
        }
    }

    /// [`Connection::chunk`]; `None` if it has not come `by` then.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub async fn chunk_by(&mut self, by: tokio::time::Instant) -> Option<Result<Option<Bytes>, Failure>> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.chunk_by(by).await,
            Kind::Http2(exchange) => timeout_at(by, exchange.chunk()).await.ok(),
        }
    }

    /// [`Connection::chunk`] for whoever polls.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.poll_chunk(cx),
            Kind::Http2(exchange) => exchange.poll_chunk(cx),
        }
    }

    /// The whole body if it ends within `limit` bytes.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub async fn whole(&mut self, limit: usize) -> Result<Collected, Failure> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.whole(limit).await,
            Kind::Http2(exchange) => exchange.whole(limit).await,
        }
    }

    /// [`Connection::whole`]; `None` if it has not come `by` then.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub async fn whole_by(&mut self, limit: usize, by: tokio::time::Instant) -> Option<Result<Collected, Failure>> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.whole_by(limit, by).await,
            Kind::Http2(exchange) => timeout_at(by, exchange.whole(limit)).await.ok(),
        }
    }

    /// Whether the answer has been read to its end, and all of it was taken.
    pub fn is_done(&self) -> bool {
        match &self.0 {
            Kind::Http1(connection) => connection.is_done(),
            Kind::Http2(exchange) => exchange.is_done(),
        }
    }

    /// Whether any byte of the request was given to the socket.
    pub fn sent_any(&self) -> bool {
        match &self.0 {
            Kind::Http1(connection) => connection.sent_any(),
            Kind::Http2(exchange) => exchange.sent_any(),
        }
    }

    /// Which endpoint it leads to, as given to [`super::Pool::connect`].
    pub fn endpoint(&self) -> usize {
        match &self.0 {
            Kind::Http1(connection) => connection.endpoint(),
            Kind::Http2(exchange) => exchange.endpoint(),
        }
    }

    /// When the server's certificate runs out, in seconds since 1970; `None` without TLS.
    pub fn certificate_runs_out(&self) -> Option<i64> {
        match &self.0 {
            Kind::Http1(connection) => connection.certificate_runs_out(),
            Kind::Http2(exchange) => exchange.certificate_runs_out(),
        }
    }

    /// How long it may lie idle now, which it is counted as doing; `None` if it must not be used again. A place on a
    /// connection is given up, and the connection stays where it is.
    pub(super) fn keep(&mut self) -> Option<Duration> {
        match &mut self.0 {
            Kind::Http1(connection) => connection.keep(),
            Kind::Http2(_) => None,
        }
    }

    /// Whether it must not be used, having lain idle since `since`.
    pub(super) fn is_stale(&self, since: Instant, now: Instant) -> bool {
        match &self.0 {
            Kind::Http1(connection) => connection.is_stale(since, now),
            Kind::Http2(_) => false,
        }
    }

    pub(super) fn set_reused(&mut self) {
        if let Kind::Http1(connection) = &mut self.0 {
            connection.set_reused();
        }
    }

    /// Returns when the runtime has seen something arrive.
    #[cfg(test)]
    pub(super) async fn heard(&self) {
        if let Kind::Http1(connection) = &self.0 {
            connection.heard().await;
        }
    }

    /// Bytes of the buffers that it holds of its own.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        if let Kind::Http1(connection) = &self.0 { connection.held() } else { 0 }
    }
}
