//! The loop that writes a streaming answer straight to the socket: one write for all that one read brought.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BytesMut;
use http::{Version, response};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::model::clock;
use crate::net::drain::{Member, Phase};
use crate::net::socket::Socket;

use super::canned::Farewell;
use super::head::Framing;
use super::whole::is_bodiless;
use super::writer::{Fault, Writer};
use super::{End, Limits, Next, Source, Stop};

/// What a client may send ahead while an answer is streamed to it; who sends more is cut.
const MOST_AHEAD: usize = 64 * 1024;

/// A streaming answer that has not been written yet.
pub(super) struct Answer<S> {
    pub(super) head: response::Parts,
    pub(super) source: S,
    pub(super) asked: Asked,
    /// To be written in front of it.
    pub(super) before: &'static [u8],
}

/// What of the request shapes its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) version: Version,
    /// `HEAD`: the answer has no body, whatever its head says.
    pub(super) head_only: bool,
    /// The connection ends with this answer.
    pub(super) close: bool,
}

/// What becomes of the connection.
pub(super) enum Outcome {
    Continue,
    Over(Farewell),
}

/// What happened while a stream waited.
enum Event {
    Piece(Next),
    Left,
    Silent,
    /// Weir is stopping, and this stream is not waited for.
    Stopping,
}

impl<S: Source> Answer<S> {
    /// Writes head and body to their end. What comes in meanwhile is added to `ahead`.
    pub(super) async fn write(
        mut self,
        io: &mut Socket,
        ahead: &mut BytesMut,
        limits: &Limits,
        member: &Member<'_>,
    ) -> Outcome {
        let framing = self.framing();
        let close = self.asked.close || framing == Framing::UntilClose || member.is_leaving();
        let mut writer = Writer::new(io, framing, limits.write_stall, self.before);
        writer.head(&self.head, close);
        let end = self.relay(&mut writer, ahead, limits, member).await;
        self.source.finished(end);
        match end {
            End::Complete if !close => Outcome::Continue,
            End::Complete | End::Drained => Outcome::Over(Farewell::Linger),
            End::ClientLeft => Outcome::Over(Farewell::Reset),
            End::Cut if writer.is_fresh() => Outcome::Over(Farewell::TurnAway(502)),
            // Only a reset tells this end from a proper one.
            End::Cut if framing == Framing::UntilClose => Outcome::Over(Farewell::Reset),
            End::Cut => Outcome::Over(Farewell::Close),
        }
    }

    fn framing(&self) -> Framing {
        let bodiless = is_bodiless(self.head.status);
        match self.source.length() {
            _ if bodiless || self.asked.head_only => Framing::None,
            Some(length) => Framing::Length(length),
            None if self.asked.version == Version::HTTP_11 => Framing::Chunked,
            None => Framing::UntilClose,
        }
    }

    async fn relay(
        &mut self,
        writer: &mut Writer<'_>,
        ahead: &mut BytesMut,
        limits: &Limits,
        member: &Member<'_>,
    ) -> End {
        if writer.framing() == Framing::None {
            return writer.flush().await.map_or(End::ClientLeft, |()| End::Complete);
        }
        let mut silence = pin!(sleep(limits.keepalive));
        loop {
            let mut piece = Vec::new();
            let event = self.wait(&mut piece, writer, ahead, silence.as_mut(), member).await;
            let sent = match event {
                Event::Left => return End::ClientLeft,
                Event::Piece(Next::Cut) => return End::Cut,
                Event::Piece(next) => writer.piece(&piece, next == Next::Last).await,
                Event::Silent => writer.piece(self.source.keepalive().unwrap_or_default(), false).await,
                Event::Stopping => match self.source.stop(&mut piece) {
                    Stop::Whole => writer.piece(&piece, true).await,
                    Stop::Cut => return End::Cut,
                },
            };
            match (sent, event) {
                (Err(Fault::Gone), _) => return End::ClientLeft,
                (Err(Fault::Length), _) => return End::Cut,
                (Ok(()), Event::Piece(Next::Last)) => return End::Complete,
                (Ok(()), Event::Stopping) => return End::Drained,
                // Something came of which nothing was for the client, who still hears nothing.
                (Ok(()), Event::Piece(_)) if piece.is_empty() => {}
                (Ok(()), _) => silence.as_mut().reset(clock::timer_now() + limits.keepalive),
            }
        }
    }

    /// Waits for whatever comes first. The head is not kept back for a first piece that is not there yet.
    async fn wait(
        &mut self,
        piece: &mut Vec<u8>,
        writer: &mut Writer<'_>,
        ahead: &mut BytesMut,
        mut silence: Pin<&mut Sleep>,
        member: &Member<'_>,
    ) -> Event {
        // What has an end of its own is waited for until the time for that is over.
        let last = if self.source.is_endless() { Phase::Draining } else { Phase::Cutting };
        // A comment would count as bytes of a body whose length is known.
        let fills = self.source.keepalive().is_some() && !matches!(writer.framing(), Framing::Length(_));
        let mut next = pin!(self.source.next(piece));
        if let Poll::Ready(next) = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
            return Event::Piece(next);
        }
        if writer.flush().await.is_err() {
            return Event::Left;
        }
        poll_fn(|cx| {
            if let Poll::Ready(next) = next.as_mut().poll(cx) {
                return Poll::Ready(Event::Piece(next));
            }
            if has_left(writer.io(), ahead, cx) {
                return Poll::Ready(Event::Left);
            }
            if member.poll_phase(cx) >= last {
                return Poll::Ready(Event::Stopping);
            }
            match fills && silence.as_mut().poll(cx).is_ready() {
                true => Poll::Ready(Event::Silent),
                false => Poll::Pending,
            }
        })
        .await
    }
}

/// Whether the client has gone (or floods us). What it sends ahead is kept for the next request.
fn has_left(io: &mut Socket, ahead: &mut BytesMut, cx: &mut Context<'_>) -> bool {
    let mut bytes = [0; 1024];
    loop {
        let mut read = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *io).poll_read(cx, &mut read) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !read.filled().is_empty() => ahead.extend_from_slice(read.filled()),
            Poll::Ready(_) => return true,
        }
        if ahead.len() > MOST_AHEAD {
            return true;
        }
    }
}
