//! The collecting of a request's body: in its bound, as the bytes that came, without a copy where it came at once.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::model::{Reason, Refusal, clock};
use crate::protocol::message::{Glimpsed, Limits};

use super::rest;

/// Bytes that are made room for before they have come.
const CREDIBLE: usize = 64 * 1024;

/// The bounds of a body.
pub(super) struct Bounds {
    /// How many bytes it may have.
    pub(super) bytes: usize,
    /// Those of the message in it.
    pub(super) limits: Limits,
    /// The client sends it only once it is told to go on (RFC 9110, 10.1.1).
    pub(super) asks_first: bool,
}

/// Why a body was not held, and what was seen of it. Boxed: it is rare.
pub(super) type Missed = Box<(Refusal, Glimpsed)>;

/// Collects a body, and tells how long it was waited for: no time where it came with its head, as small ones do.
///
/// # Errors
/// `too_large`, once the rest was looked through as far as that goes; `invalid_request` where the body ends early or its
/// framing breaks.
pub(super) async fn collect<B>(mut body: B, bounds: &Bounds, awaited: &Cell<Duration>) -> Result<Bytes, Missed>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut collecting = pin!(whole(&mut body, bounds));
    if let Poll::Ready(whole) = poll_fn(|cx| Poll::Ready(collecting.as_mut().poll(cx))).await {
        return whole;
    }
    let since = clock::now();
    let whole = collecting.await;
    awaited.set(clock::now() - since);
    whole
}

async fn whole<B>(body: &mut B, bounds: &Bounds) -> Result<Bytes, Missed>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > bounds.bytes as u64 {
        return Err(too_large(body, bounds, Vec::new()).await);
    }
    let Some(first) = next(body).await.map_err(broken)? else { return Ok(Bytes::new()) };
    if first.len() > bounds.bytes {
        return Err(too_large(body, bounds, vec![first]).await);
    }
    let Some(second) = next(body).await.map_err(broken)? else { return Ok(first) };
    // The announced length is the client's word: room is made for what has come, and beyond that only for a little.
    // Once so much is there it is made for the rest as well, once: a page that nothing was written to takes no memory.
    let announced = usize::try_from(announced).unwrap_or(bounds.bytes).min(bounds.bytes);
    let mut whole = BytesMut::with_capacity(announced.min(CREDIBLE).max(first.len()));
    whole.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if whole.len() + bytes.len() > bounds.bytes {
            return Err(too_large(body, bounds, vec![whole.freeze(), bytes]).await);
        }
        if whole.len() + bytes.len() > whole.capacity() {
            whole.reserve(announced.saturating_sub(whole.len()).max(bytes.len()));
        }
        whole.extend_from_slice(&bytes);
        piece = next(body).await.map_err(broken)?;
    }
    Ok(whole.freeze())
}

/// The next piece of data that is not empty; trailers are read and dropped.
pub(super) async fn next<B>(body: &mut B) -> Result<Option<Bytes>, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await else { return Ok(None) };
        match frame?.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => return Ok(Some(data)),
            Err(_trailers) => {}
        }
    }
}

fn broken<E>(_: E) -> Missed {
    let refusal = Refusal::new(Reason::InvalidRequest, "the body ended early or its framing broke");
    Box::new((refusal, Glimpsed::Nothing))
}

/// Refuses a body of which `begun` has been read. Its rest is read elsewhere, by a future that is boxed: no body that is
/// held carries the room for it.
async fn too_large<B>(body: &mut B, bounds: &Bounds, begun: Vec<Bytes>) -> Missed
where
    B: Body<Data = Bytes> + Unpin,
{
    let glimpsed = match bounds.asks_first && begun.is_empty() {
        // Looking would make it send.
        true => Glimpsed::Nothing,
        false => Box::pin(rest::looked_through(body, begun, &bounds.limits)).await,
    };
    let limit = bounds.bytes;
    let message = format!("the body is larger than the {limit} bytes that `[http] body` allows");
    Box::new((Refusal::new(Reason::TooLarge, message), glimpsed))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::task::Context;

    use http_body::Frame;

    use super::*;

    /// A body of given pieces, with unknown length.
    struct Pieces(VecDeque<&'static [u8]>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(Bytes::from_static(piece)))))
        }
    }

    async fn collected(pieces: &[&'static [u8]], limit: usize) -> Result<Bytes, Reason> {
        let bounds = Bounds { bytes: limit, limits: Limits::default(), asks_first: false };
        let pieces = Pieces(pieces.iter().copied().collect());
        collect(pieces, &bounds, &Cell::default()).await.map_err(|missed| missed.0.reason)
    }

    #[tokio::test]
    async fn any_pieces_are_the_same_bytes_and_the_bound_is_exact() {
        assert_eq!(collected(&[], 4).await.unwrap(), "");
        assert_eq!(collected(&[b"abcd"], 4).await.unwrap(), "abcd");
        assert_eq!(collected(&[b"a", b"", b"bc", b"d"], 4).await.unwrap(), "abcd");
        assert_eq!(collected(&[b"a", b"bc", b"de"], 4).await, Err(Reason::TooLarge));
        assert_eq!(collected(&[b"abcde"], 4).await, Err(Reason::TooLarge));
    }

    #[tokio::test]
    async fn who_asks_before_sending_too_much_is_not_made_to_send() {
        let body = http_body_util::Full::new(Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"x"}"#));
        for asks_first in [true, false] {
            let bounds = Bounds { bytes: 4, limits: Limits::default(), asks_first };
            let mut body = body.clone();
            let (refusal, glimpsed) = *collect(&mut body, &bounds, &Cell::default()).await.unwrap_err();
            assert_eq!(refusal.reason, Reason::TooLarge);
            assert_eq!(body.is_end_stream(), !asks_first, "read");
            assert_eq!(glimpsed == Glimpsed::Nothing, asks_first || !body.is_end_stream(), "{glimpsed:?}");
        }
    }
}
