//! One exchange on a connection that others use as well.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response, header};

use super::super::connection::Collected;
use super::super::failure::{Failure, Stage};
use super::super::head::ResponseHead;
use super::super::pool::Buffers;
use super::request;
use super::session::Session;
use crate::telemetry::Held;

/// The most fields of an answer, as over HTTP/1.1.
const MAX_FIELDS: usize = 256;
/// As much of a body as is handed on in one piece.
const PIECE: usize = 64 * 1024;

/// A request and its answer; dropped before its end, it is called off.
#[derive(Debug)]
pub(in super::super) struct Exchange {
    session: Rc<Session>,
    buffers: Rc<Buffers>,
    endpoint: usize,
    reused: bool,
    handle: SendRequest<Bytes>,
    /// A request that was queued and has not been handed to h2.
    queued: Option<Request<()>>,
    /// What of its body has not.
    rest: Bytes,
    sending: Option<SendStream<Bytes>>,
    response: Option<ResponseFuture>,
    body: Option<RecvStream>,
    /// Body that has come and was not taken.
    came: Vec<u8>,
    stage: Stage,
    sent: bool,
    ended: bool,
}

impl Exchange {
    pub(in super::super) fn new(session: Rc<Session>, buffers: Rc<Buffers>, endpoint: usize, reused: bool) -> Self {
        session.enter();
        let handle = session.handle();
        Self {
            session,
            buffers,
            endpoint,
            reused,
            handle,
            queued: None,
            rest: Bytes::new(),
            sending: None,
            response: None,
            body: None,
            came: Vec::new(),
            stage: Stage::Sending,
            sent: false,
            ended: false,
        }
    }

    pub(in super::super) fn reused(&self) -> bool {
        self.reused
    }

    pub(in super::super) fn count_as(&self, held: Held) {
        self.session.count_as(held);
    }

    pub(in super::super) fn queue(&mut self, head: impl FnOnce(&mut Vec<u8>), body: Bytes) {
        let mut front = self.buffers.take_front();
        head(&mut front);
        self.queued = request::of(&front);
        self.buffers.put_front(front);
        self.rest = body;
        (self.sending, self.response, self.body, self.came) = (None, None, None, Vec::new());
        (self.stage, self.sent, self.ended) = (Stage::Sending, false, false);
    }

    pub(in super::super) async fn flush(&mut self) -> Result<(), Failure> {
        poll_fn(|cx| self.poll_send(cx)).await
    }

    pub(in super::super) async fn head(&mut self) -> Result<ResponseHead, Failure> {
        poll_fn(|cx| {
            // The server may answer before it has all of the request, or without wanting it.
            if let Poll::Ready(Err(failure)) = self.poll_send(cx)
                && self.response.is_none()
            {
                return Poll::Ready(Err(failure));
            }
            let Some(response) = &mut self.response else { return Poll::Pending };
            let answered = ready!(Pin::new(response).poll(cx));
            self.response = None;
            Poll::Ready(match answered {
                Ok(response) => self.take_head(response),
                Err(error) => Err(self.failure(error)),
            })
        })
        .await
    }

    pub(in super::super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    pub(in super::super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        let read = self.poll_read(cx, PIECE);
        if !self.came.is_empty() {
            return Poll::Ready(Ok(Some(self.take_came())));
        }
        ready!(read)?;
        Poll::Ready(Ok(None))
    }

    pub(in super::super) async fn whole(&mut self, limit: usize) -> Result<Collected, Failure> {
        poll_fn(|cx| {
            let read = self.poll_read(cx, limit.saturating_add(1));
            if self.came.len() > limit {
                return Poll::Ready(Ok(Collected::Longer(self.take_came())));
            }
            ready!(read)?;
            Poll::Ready(Ok(Collected::Whole(self.take_came())))
        })
        .await
    }

    pub(in super::super) fn is_done(&self) -> bool {
        self.ended && self.came.is_empty()
    }

    pub(in super::super) fn sent_any(&self) -> bool {
        self.sent
    }

    pub(in super::super) fn endpoint(&self) -> usize {
        self.endpoint
    }

    pub(in super::super) fn certificate_runs_out(&self) -> Option<i64> {
        self.session.certificate()
    }

    /// Hands the request to h2, as far as the server's windows allow.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.queued.is_some() {
            if let Err(error) = ready!(self.handle.poll_ready(cx)) {
                return Poll::Ready(Err(self.failure(error)));
            }
            let Some(request) = self.queued.take() else { return Poll::Pending };
            match self.handle.send_request(request, self.rest.is_empty()) {
                Ok((response, sending)) => {
                    (self.response, self.sending) = (Some(response), Some(sending));
                    self.sent = true;
                }
                Err(error) => return Poll::Ready(Err(self.failure(error))),
            }
        }
        let Some(sending) = &mut self.sending else {
            return Poll::Ready(Err(Failure::Malformed("there is no request")));
        };
        while !self.rest.is_empty() {
            sending.reserve_capacity(self.rest.len());
            if sending.capacity() == 0 {
                match ready!(sending.poll_capacity(cx)) {
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => return Poll::Ready(Err(self.failure(error))),
                    // The server wants no more of it.
                    None => {
                        self.rest = Bytes::new();
                        break;
                    }
                }
            }
            let piece = self.rest.split_to(sending.capacity().min(self.rest.len()));
            if let Err(error) = sending.send_data(piece, self.rest.is_empty()) {
                return Poll::Ready(Err(self.failure(error)));
            }
        }
        if self.stage == Stage::Sending {
            self.stage = Stage::Waiting;
        }
        Poll::Ready(Ok(()))
    }

    fn take_head(&mut self, response: Response<RecvStream>) -> Result<ResponseHead, Failure> {
        self.stage = Stage::Answering;
        let (parts, body) = response.into_parts();
        if parts.status.as_u16() >= 600 {
            return Err(Failure::Malformed("a status that is not between 100 and 599"));
        }
        if parts.headers.len() > MAX_FIELDS {
            return Err(Failure::TooLarge("more than 256 fields"));
        }
        let mut lengths = parts.headers.get_all(header::CONTENT_LENGTH).iter();
        let length = match (lengths.next(), lengths.next()) {
            (_, Some(_)) => return Err(Failure::Malformed("several lengths")),
            // h2 has read it as well, and holds it against what comes.
            (Some(length), None) => length.to_str().ok().and_then(|length| length.parse().ok()),
            (None, None) => None,
        };
        self.ended = body.is_end_stream();
        let length = if self.ended { Some(0) } else { length };
        self.body = Some(body);
        Ok(ResponseHead { status: parts.status, headers: parts.headers, length })
    }

    /// Reads until the end, or until there are `enough` bytes or more, which is `Pending`.
    fn poll_read(&mut self, cx: &mut Context<'_>, enough: usize) -> Poll<Result<(), Failure>> {
        while !self.ended && self.came.len() < enough {
            let Some(body) = &mut self.body else {
                return Poll::Ready(Err(Failure::Malformed("its body was asked for before its head")));
            };
            match ready!(body.poll_data(cx)) {
                Some(Ok(data)) => {
                    let released = body.flow_control().release_capacity(data.len());
                    self.ended = body.is_end_stream();
                    self.came.extend_from_slice(&data);
                    if let Err(error) = released {
                        return Poll::Ready(Err(self.failure(error)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(self.failure(error))),
                None => self.ended = true,
            }
        }
        if self.ended { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn take_came(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.came))
    }

    /// What an error of h2 means. A stream that the server refuses, or that its GOAWAY leaves out, was not processed
    /// (RFC 9113, 8.7): it may be asked again like one that was never sent.
    fn failure(&self, error: h2::Error) -> Failure {
        let refused = error.is_reset() && error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
        let left_out = error.is_go_away() && error.is_remote();
        if error.is_library() && error.reason() == Some(Reason::PROTOCOL_ERROR) {
            return Failure::Malformed("what RFC 9113 does not allow");
        }
        let sent = self.sent && (self.stage == Stage::Answering || !(refused || left_out));
        let told = error.reason().map(|reason| std::io::Error::other(reason.description()));
        let error = if error.is_io() { error.into_io() } else { told };
        Failure::Reset { sent, stage: self.stage, error }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.session.leave();
    }
}
