//! The rest of a body that is too large: read away as far as that costs little, so that the connection lives on, and
//! looked through for whom the refusal has to be told. A caller that is not named in it would wait for ever.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::time::timeout_at;

use crate::model::clock;
use crate::protocol::message::{Glimpse, Glimpsed, Limits};

use super::body::next;

/// How much of it is read away. Most SDKs write the id last, so that it is not found in less than the whole.
const MOST: usize = 16 * 1024 * 1024;
/// How long that may take.
const LONGEST: Duration = Duration::from_secs(10);
/// How much is looked at where more than `MOST` is announced, so that the connection is lost anyway: an id that is not
/// there comes behind the arguments, at the end.
const BEGINNING: usize = 64 * 1024;

/// Reads the rest of a body of which `begun` has come, to its end or to a bound, and tells what it was.
pub(super) async fn looked_through<B>(body: &mut B, begun: Vec<Bytes>, limits: &Limits) -> Glimpsed
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut glimpse = Glimpse::new(limits);
    // Nothing of it is held while the rest is waited for.
    begun.into_iter().for_each(|piece| glimpse.push(&piece));
    within(LONGEST, body, glimpse).await
}

async fn within<B>(longest: Duration, body: &mut B, mut glimpse: Glimpse) -> Glimpsed
where
    B: Body<Data = Bytes> + Unpin,
{
    let is_hopeless = body.size_hint().lower() > MOST as u64;
    let mut left = if is_hopeless { BEGINNING } else { MOST };
    let reading = async {
        while !(is_hopeless && glimpse.has_request()) {
            let Ok(piece) = next(body).await else { return false };
            let Some(piece) = piece else { return true };
            glimpse.push(&piece);
            if piece.len() > left {
                return false;
            }
            left -= piece.len();
        }
        false
    };
    match timeout_at(clock::timer_now() + longest, reading).await {
        Ok(true) => glimpse.ended(),
        Ok(false) | Err(_) => glimpse.cut_off(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::{Frame, SizeHint};

    use super::*;

    const FIRST: &[u8] = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"text":""#;
    const LAST: &[u8] = br#"{"method":"tools/call","params":{"text":""#;
    const PIECE: usize = 64 * 1024;

    type Polled = Poll<Option<Result<Frame<Bytes>, &'static str>>>;

    /// A body that announces a length, sends its pieces, and then ends, breaks, or keeps silent.
    struct Sent {
        announced: u64,
        pieces: VecDeque<Bytes>,
        end: fn() -> Polled,
    }

    impl Sent {
        /// `begin`, so many bytes of text, `end`.
        fn text(begin: &'static [u8], text: usize, end: &'static [u8]) -> Self {
            let filler = Bytes::from(vec![b'x'; PIECE]);
            let mut pieces = VecDeque::from([Bytes::from_static(begin)]);
            pieces.extend(std::iter::repeat_n(filler, text / PIECE));
            pieces.push_back(Bytes::from_static(end));
            Self { announced: 0, pieces, end: || Poll::Ready(None) }
        }

        fn announcing(self, announced: usize) -> Self {
            Self { announced: announced as u64, ..self }
        }

        /// What was seen of it, and how many bytes were left unread.
        async fn seen(mut self, begun: &[&'static [u8]]) -> (Glimpsed, usize) {
            let begun = begun.iter().map(|piece| Bytes::from_static(piece)).collect();
            let glimpsed = looked_through(&mut self, begun, &Limits::default()).await;
            (glimpsed, self.pieces.iter().map(Bytes::len).sum())
        }
    }

    impl Body for Sent {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Polled {
            match self.pieces.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None => (self.end)(),
            }
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(self.announced);
            hint
        }
    }

    fn id(glimpsed: &Glimpsed) -> Option<&[u8]> {
        match glimpsed {
            Glimpsed::Request { id, .. } => Some(id.raw()),
            _ => None,
        }
    }

    #[tokio::test]
    async fn the_id_is_found_behind_what_was_too_large() {
        let (seen, left) = Sent::text(LAST, 5 * MOST / 6, br#""},"jsonrpc":"2.0","id":"a"}"#).seen(&[]).await;
        assert_eq!((id(&seen), left), (Some(&br#""a""#[..]), 0));
        // What has been read of it before counts.
        let (seen, left) = Sent::text(b"xx", PIECE, br#""},"jsonrpc":"2.0","id":8}"#).seen(&[LAST, b"yy"]).await;
        assert_eq!((id(&seen), left), (Some(&b"8"[..]), 0));
    }

    #[tokio::test]
    async fn reading_ends_at_its_bounds() {
        let (seen, left) = Sent::text(FIRST, 2 * MOST, br#""}}"#).seen(&[]).await;
        assert_eq!(id(&seen), Some(&b"7"[..]));
        assert!(left.abs_diff(MOST) <= PIECE, "{left}");
        let (seen, left) = Sent::text(FIRST, 2 * PIECE, br#""}}"#).announcing(MOST + 1).seen(&[]).await;
        assert_eq!((id(&seen), left), (Some(&b"7"[..]), 2 * PIECE + 3), "no more is read than is needed");
        let (seen, left) = Sent::text(LAST, 2 * MOST, br#""},"id":7}"#).announcing(MOST + 1).seen(&[]).await;
        assert_eq!((id(&seen), left), (None, 2 * MOST - PIECE + 10));
    }

    #[tokio::test]
    async fn a_body_that_breaks_or_stops_is_told_by_its_beginning() {
        let ends: [fn() -> Polled; 2] = [|| Poll::Ready(Some(Err("broken"))), || Poll::Pending];
        for end in ends {
            for (begin, expected) in [(FIRST, Some(&b"7"[..])), (LAST, None)] {
                let mut body = Sent { end, ..Sent::text(begin, PIECE, b"") };
                let seen = within(Duration::from_millis(20), &mut body, Glimpse::new(&Limits::default())).await;
                assert_eq!(id(&seen), expected);
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_message_is_read_away_all_the_same() {
        let (seen, left) = Sent::text(b"]", PIECE, FIRST).seen(&[]).await;
        assert_eq!((seen, left), (Glimpsed::Nothing, 0));
    }
}
