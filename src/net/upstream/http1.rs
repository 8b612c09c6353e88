//! One HTTP/1.1 connection to a server, one exchange at a time.
//!
//! Every waiting call can be dropped and called again: what was written and read is kept here, never in the future.
//! Dropping the connection closes it, which is how an answer nobody wants any more is called off.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;

use super::alarm::Alarm;
use super::answer::Answer;
use super::connection::Collected;
use super::failure::{Failure, Stage};
use super::head::ResponseHead;
use super::io::Stream;
use super::pool::Buffers;
use super::write::Outgoing;
use crate::telemetry::Held;

/// An open connection, and the exchange on it.
#[derive(Debug)]
pub(super) struct Http1 {
    stream: Stream,
    buffers: Rc<Buffers>,
    endpoint: usize,
    reused: bool,
    /// As what it is counted.
    held: Option<Held>,
    outgoing: Outgoing,
    answer: Answer,
    /// A head that has come and was not taken.
    head: Option<ResponseHead>,
    /// Body that has come and was not taken.
    body: Vec<u8>,
    alarm: Alarm,
}

impl Http1 {
    pub(super) fn new(mut stream: Stream, buffers: Rc<Buffers>, endpoint: usize) -> Self {
        // The handshake was no request.
        stream.begin();
        Self {
            stream,
            buffers,
            endpoint,
            reused: false,
            held: None,
            outgoing: Outgoing::default(),
            answer: Answer::new(false),
            head: None,
            body: Vec::new(),
            alarm: Alarm::default(),
        }
    }

    /// Whether it has served a request before. If so, the server may have closed it in the meantime.
    pub(super) fn reused(&self) -> bool {
        self.reused
    }

    /// From here on it is counted, until it is closed.
    pub(super) fn count_as(&mut self, held: Held) {
        self.held = Some(held);
    }

    /// Has it counted otherwise, where it is counted.
    pub(super) fn counted(&self, turn: impl FnOnce(&Held)) {
        if let Some(held) = &self.held {
            turn(held);
        }
    }

    /// Queues a request: `head` writes request line and fields, with the empty line, into an empty buffer. Nothing is
    /// written before [`Http1::flush`] or [`Http1::head`]. The answer before must have ended.
    pub(super) fn queue(&mut self, head: impl FnOnce(&mut Vec<u8>), body: Bytes) {
        let mut front = self.buffers.take_front();
        head(&mut front);
        self.outgoing = Outgoing::new(front, body);
        self.answer = Answer::new(false);
        self.head = None;
        self.body = Vec::new();
        self.stream.begin();
    }

    /// Writes the request. Returns as soon as all is written, or the server has something to say: `head` writes on.
    ///
    /// # Errors
    /// `Reset` if the connection broke. An answer may have come before that; `head` may still be called.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        poll_fn(|cx| {
            if self.poll_send(cx).is_pending() {
                return self.stream.poll_readable(cx).map(Ok);
            }
            Poll::Ready(if self.outgoing.is_broken() { Err(self.reset(None)) } else { Ok(()) })
        })
        .await
    }

    /// The head of the final answer to a request of `method`; interim ones are passed over. Writes on meanwhile. It is
    /// handed out once for a request.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub(super) async fn head(&mut self, method: &Method) -> Result<ResponseHead, Failure> {
        self.expect(method);
        poll_fn(|cx| self.poll_head(cx)).await
    }

    /// [`Http1::head`], if it comes `by` then.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub(super) async fn head_by(
        &mut self,
        method: &Method,
        by: tokio::time::Instant,
    ) -> Option<Result<ResponseHead, Failure>> {
        self.expect(method);
        poll_fn(|cx| match self.poll_head(cx) {
            Poll::Pending => self.alarm.poll(by, cx).map(|()| None),
            came => came.map(Some),
        })
        .await
    }

    /// What is to come answers a request of `method`.
    fn expect(&mut self, method: &Method) {
        if !self.answer.has_begun() {
            self.answer = Answer::new(method == Method::HEAD);
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        loop {
            if let Some(head) = self.head.take() {
                return Poll::Ready(Ok(head));
            }
            ready!(self.poll_step(cx))?;
        }
    }

    /// The next piece of the body, all of it that one read brought; `None` at its end.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// [`Http1::chunk`], if it comes `by` then.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub(super) async fn chunk_by(&mut self, by: tokio::time::Instant) -> Option<Result<Option<Bytes>, Failure>> {
        poll_fn(|cx| match self.poll_chunk(cx) {
            Poll::Pending => self.alarm.poll(by, cx).map(|()| None),
            came => came.map(Some),
        })
        .await
    }

    /// [`Http1::chunk`] for whoever polls.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            if !self.body.is_empty() {
                return Poll::Ready(Ok(Some(self.take_body())));
            }
            if self.answer.is_done() {
                return Poll::Ready(Ok(None));
            }
            ready!(self.poll_step(cx))?;
        }
    }

    /// The whole body if it ends within `limit` bytes.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Collected, Failure> {
        poll_fn(|cx| self.poll_whole(limit, cx)).await
    }

    /// [`Http1::whole`], if it comes `by` then.
    ///
    /// # Errors
    /// `Reset`, `Malformed`, `TooLarge`.
    pub(super) async fn whole_by(
        &mut self,
        limit: usize,
        by: tokio::time::Instant,
    ) -> Option<Result<Collected, Failure>> {
        poll_fn(|cx| match self.poll_whole(limit, cx) {
            Poll::Pending => self.alarm.poll(by, cx).map(|()| None),
            came => came.map(Some),
        })
        .await
    }

    fn poll_whole(&mut self, limit: usize, cx: &mut Context<'_>) -> Poll<Result<Collected, Failure>> {
        loop {
            let left = self.answer.left().map(|left| usize::try_from(left).unwrap_or(usize::MAX));
            if self.body.len().saturating_add(left.unwrap_or(0)) > limit {
                return Poll::Ready(Ok(Collected::Longer(self.take_body())));
            }
            if self.answer.is_done() {
                return Poll::Ready(Ok(Collected::Whole(self.take_body())));
            }
            if let Some(left) = left {
                self.body.reserve_exact(left);
            }
            ready!(self.poll_step(cx))?;
        }
    }

    /// Whether the answer has been read to its end, and all of it was taken.
    pub(super) fn is_done(&self) -> bool {
        self.answer.is_done() && self.body.is_empty()
    }

    /// Whether any byte of the request was given to the socket.
    pub(super) fn sent_any(&self) -> bool {
        self.stream.wrote()
    }

    /// Which endpoint it leads to, as given to [`super::Pool::connect`].
    pub(super) fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// When the server's certificate runs out, in seconds since 1970; `None` without TLS.
    pub(super) fn certificate_runs_out(&self) -> Option<i64> {
        self.stream.certificate_runs_out()
    }

    /// How long it may lie idle now, which it is counted as doing; `None` if it must not be used again.
    pub(super) fn keep(&mut self) -> Option<Duration> {
        let idle = self.answer.keep().filter(|_| self.outgoing.is_done() && self.body.is_empty())?;
        if self.stream.holds_more() {
            return None;
        }
        self.counted(Held::rests);
        Some(idle)
    }

    /// Whether it must not be used, having lain idle since `since`.
    pub(super) fn is_stale(&self, since: Instant, now: Instant) -> bool {
        /// Below this, the runtime will have looked at the socket about as lately as we could.
        const TRUSTED: Duration = Duration::from_millis(100);
        self.stream.is_stale(now.saturating_duration_since(since) > TRUSTED)
    }

    pub(super) fn set_reused(&mut self) {
        self.reused = true;
        self.counted(Held::works);
    }

    /// Returns when the runtime has seen something arrive.
    #[cfg(test)]
    pub(super) async fn heard(&self) {
        poll_fn(|cx| self.stream.poll_readable(cx)).await;
    }

    /// Bytes of the buffers that it holds of its own.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.body.capacity() + self.outgoing.held() + self.answer.held()
    }

    /// Writes what can be written.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(front) = ready!(self.outgoing.poll(&mut self.stream, cx)) {
            self.buffers.put_front(front);
        }
        Poll::Ready(())
    }

    /// Writes what can be written, then reads once into `head` and `body`.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // A broken write is told of only if there is no answer to be read: the server may have refused and closed.
        let _ = self.poll_send(cx);
        let step = ready!(self.poll_read(cx));
        if step.is_err() {
            self.answer.give_up();
        }
        Poll::Ready(step)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.answer.is_given_up() {
            return Poll::Ready(Err(Failure::Malformed("it was given up before")));
        }
        let buffers = Rc::clone(&self.buffers);
        let mut scratch = buffers.scratch();
        let read = match ready!(self.stream.poll_read(cx, &mut scratch)) {
            Ok(0) if self.answer.close() => return Poll::Ready(Ok(())),
            Ok(0) => return Poll::Ready(Err(self.reset(None))),
            Ok(read) => read,
            Err(error) => return Poll::Ready(Err(self.reset(Some(error)))),
        };
        let fed = self.answer.feed(&mut scratch[..read])?;
        self.head = fed.head.or(self.head.take());
        self.body.extend_from_slice(&scratch[fed.payload]);
        Poll::Ready(Ok(()))
    }

    fn take_body(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.body))
    }

    /// The connection is gone. An error of the write is the nearer cause than the end that was read after it.
    fn reset(&mut self, error: Option<std::io::Error>) -> Failure {
        let stage = match (self.answer.has_begun(), self.outgoing.is_done()) {
            (true, _) => Stage::Answering,
            (false, true) => Stage::Waiting,
            (false, false) => Stage::Sending,
        };
        Failure::Reset { sent: self.sent_any(), stage, error: self.outgoing.take_error().or(error) }
    }
}
