//! The collecting of a request's body: in its bound, as the bytes that came, without a copy where it came at once.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::model::{Reason, Refusal, clock};

/// Bytes that are made room for before they have come.
const CREDIBLE: usize = 64 * 1024;

/// Collects a body of at most `limit` bytes, and says how long it was waited for: no time where it came with its head,
/// as small ones do.
///
/// # Errors
/// `too_large`, before reading where the length is announced; `invalid_request` where the body ends early or its
/// framing breaks.
pub(super) async fn collect<B>(mut body: B, limit: usize) -> Result<(Bytes, Duration), Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut collecting = pin!(whole(&mut body, limit));
    if let Poll::Ready(whole) = poll_fn(|cx| Poll::Ready(collecting.as_mut().poll(cx))).await {
        return Ok((whole?, Duration::ZERO));
    }
    let since = clock::now();
    let whole = collecting.await?;
    Ok((whole, clock::now() - since))
}

async fn whole<B>(mut body: B, limit: usize) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(too_large(limit));
    }
    let Some(first) = next(&mut body, limit).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut body, limit).await? else { return Ok(first) };
    // The announced length is the client's word: room is made for what has come, and beyond that only for a little.
    let credible = usize::try_from(announced).unwrap_or(CREDIBLE).min(CREDIBLE);
    let mut whole = BytesMut::with_capacity(credible.max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if whole.len() + bytes.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&bytes);
        piece = next(&mut body, limit).await?;
    }
    Ok(whole.freeze())
}

/// The next piece of data that is not empty; trailers are read and dropped.
async fn next<B>(body: &mut B, limit: usize) -> Result<Option<Bytes>, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await else { return Ok(None) };
        let frame =
            frame.map_err(|_| Refusal::new(Reason::InvalidRequest, "the body ended early or its framing broke"))?;
        match frame.into_data() {
            Ok(data) if data.len() > limit => return Err(too_large(limit)),
            Ok(data) if data.is_empty() => {}
            Ok(data) => return Ok(Some(data)),
            Err(_trailers) => {}
        }
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(Reason::TooLarge, format!("the body is larger than the {limit} bytes that `[http] body` allows"))
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
        collect(Pieces(pieces.iter().copied().collect()), limit)
            .await
            .map(|(bytes, _)| bytes)
            .map_err(|refusal| refusal.reason)
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
    async fn an_announced_length_beyond_the_bound_is_refused_unread() {
        let body = http_body_util::Full::new(Bytes::from_static(b"abcde"));
        assert_eq!(collect(body, 4).await.unwrap_err().reason, Reason::TooLarge);
    }
}
