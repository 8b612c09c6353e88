//! One exchange with a command: what the core that asked holds, and what the commands' thread answers through.
//!
//! Parts cross the threads by a channel of their own. How many bytes wait in it is known to both sides: who answers
//! stops reading from a process, or cuts the exchange, where a client does not keep up.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::model::Refusal;

/// What an answer is made of, in this order: a head, pieces, the end; or a refusal instead of the rest.
#[derive(Debug)]
pub(super) enum Part {
    Head(Head),
    Piece(Bytes),
    End,
    Refused(Refusal),
}

/// The head of an answer, as an HTTP server would have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) kind: Kind,
    /// The session that the answer opens.
    pub(super) session: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Json,
    Events,
}

/// What is told of an exchange whose client has left.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) exchange: u64,
    /// Held until the call has ended, where it goes on without its client; `None`: it is called off.
    pub(super) goes_on: Option<GoesOn>,
}

/// Whatever bounds how many calls go on without a client: a call holds one until it has ended.
pub type GoesOn = Box<dyn Any + Send>;

/// How many bytes wait for the client.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: AtomicUsize,
    /// Told when it falls below [`HIGH`], and when nobody waits for it any more.
    pub(super) drained: Notify,
}

/// Above this many waiting bytes a client does not keep up.
pub(super) const HIGH: usize = 1024 * 1024;

/// The end that answers.
#[derive(Clone, Debug)]
pub(super) struct Sink {
    parts: UnboundedSender<Part>,
    queue: Arc<Queue>,
}

impl Sink {
    /// Hands on a part; false where the client has left.
    pub(super) fn send(&self, part: Part) -> bool {
        if let Part::Piece(piece) = &part {
            self.queue.waiting.fetch_add(piece.len(), Ordering::Relaxed);
        }
        self.parts.send(part).is_ok()
    }

    /// Whether the client has left.
    pub(super) fn is_gone(&self) -> bool {
        self.parts.is_closed()
    }

    /// The queue, where its client does not keep up.
    pub(super) fn choked(&self) -> Option<&Arc<Queue>> {
        (!self.parts.is_closed() && self.queue.waiting.load(Ordering::Relaxed) > HIGH).then_some(&self.queue)
    }

    /// Bytes that wait for the client.
    pub(super) fn waiting(&self) -> usize {
        self.queue.waiting.load(Ordering::Relaxed)
    }
}

/// The end that asked. Dropping it before the end means that the client left, and calls the request off; see
/// [`Exchange::let_go`].
#[derive(Debug)]
pub struct Exchange {
    parts: UnboundedReceiver<Part>,
    queue: Arc<Queue>,
    /// A part that came and was not taken.
    ahead: Option<Part>,
    over: bool,
    number: u64,
    lefts: UnboundedSender<Left>,
}

/// An exchange, and the end that answers it.
#[expect(
    clippy::disallowed_methods,
    reason = "what waits in it is counted: above `HIGH` nothing more is read, or it is cut"
)]
pub(super) fn exchange(number: u64, lefts: &UnboundedSender<Left>) -> (Exchange, Sink) {
    let (sender, parts) = unbounded_channel();
    let queue = Arc::new(Queue::default());
    let sink = Sink { parts: sender, queue: Arc::clone(&queue) };
    (Exchange { parts, queue, ahead: None, over: false, number, lefts: lefts.clone() }, sink)
}

impl Exchange {
    /// Status and fields of the answer, as an HTTP server would have given them.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn head(&mut self) -> Result<(StatusCode, HeaderMap, Option<u64>), Refusal> {
        match self.part().await {
            Part::Head(head) => Ok((head.status, head.fields(), self.length(&head))),
            Part::Refused(refusal) => Err(refusal),
            Part::Piece(_) | Part::End => Err(lost()),
        }
    }

    /// The next piece of the body, all of it that has come; `None` at its end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Why the body breaks off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        let first = match self.part().await {
            Part::Piece(piece) => piece,
            Part::End => return Ok(None),
            Part::Refused(refusal) => return Err(refusal),
            Part::Head(_) => return Err(lost()),
        };
        let Some(second) = self.piece_at_hand() else { return Ok(Some(first)) };
        let mut all = BytesMut::with_capacity(first.len() + second.len());
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.piece_at_hand() {
            all.extend_from_slice(&piece);
        }
        Ok(Some(all.freeze()))
    }

    /// Whether the end of the answer is known.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The client has left. The call goes on without it, and holds `goes_on` until it has ended; without that it is
    /// called off.
    pub fn let_go(mut self, goes_on: Option<GoesOn>) {
        self.leave(goes_on);
    }

    fn leave(&mut self, goes_on: Option<GoesOn>) {
        if !std::mem::replace(&mut self.over, true) {
            // Without a thread to answer there is nothing to call off.
            let _ = self.lefts.send(Left { exchange: self.number, goes_on });
        }
    }

    async fn part(&mut self) -> Part {
        let part = match self.ahead.take() {
            Some(part) => part,
            None => self.parts.recv().await.unwrap_or_else(|| Part::Refused(lost())),
        };
        self.taken(&part);
        part
    }

    /// The next part, if it is a piece and has come. An end that has come is seen on the way.
    fn piece_at_hand(&mut self) -> Option<Bytes> {
        if self.ahead.is_none() {
            self.ahead = self.parts.try_recv().ok();
        }
        let part = self.ahead.take()?;
        if let Part::End = &part {
            self.over = true;
        }
        let Part::Piece(piece) = part else {
            self.ahead = Some(part);
            return None;
        };
        self.drain(piece.len());
        Some(piece)
    }

    fn taken(&mut self, part: &Part) {
        match part {
            Part::Piece(piece) => {
                self.drain(piece.len());
                // The end that has come with it is known with it.
                if self.ahead.is_none() {
                    self.ahead = self.parts.try_recv().ok();
                }
                self.over |= matches!(self.ahead, Some(Part::End));
            }
            Part::Head(_) => {}
            Part::End | Part::Refused(_) => self.over = true,
        }
    }

    fn drain(&self, length: usize) {
        let before = self.queue.waiting.fetch_sub(length, Ordering::Relaxed);
        if before > HIGH && before - length <= HIGH {
            self.queue.drained.notify_one();
        }
    }

    /// The length of a whole answer: it comes in one piece, together with its head.
    fn length(&mut self, head: &Head) -> Option<u64> {
        match head.kind {
            Kind::Nothing => Some(0),
            Kind::Events => None,
            Kind::Json => {
                self.ahead = self.parts.try_recv().ok();
                match &self.ahead {
                    Some(Part::Piece(piece)) => Some(piece.len() as u64),
                    _ => None,
                }
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.leave(None);
        self.queue.drained.notify_one();
    }
}

impl Head {
    fn fields(self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        let kind = match self.kind {
            Kind::Nothing => None,
            Kind::Json => Some("application/json"),
            Kind::Events => Some("text/event-stream"),
        };
        if let Some(kind) = kind {
            fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(session) = self.session {
            let text = format!("{session:016x}");
            fields.insert("mcp-session-id", HeaderValue::from_str(&text).expect("hexadecimal digits are visible"));
        }
        fields
    }
}

/// The thread of the commands has ended, which it does with the process alone.
fn lost() -> Refusal {
    Refusal::new(crate::model::Reason::Internal, "the command's driver ended")
}
