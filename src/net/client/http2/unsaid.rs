//! Requests whose method has no body, and whose head does not say that none follows: the end may come in a frame of its
//! own.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use h2::RecvStream;
use http::{header, request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::net::drain::{Member, Phase};
use crate::net::guard::has_no_body;

use super::outlet::Outlet;
use super::serve::Connection;

/// Whether what follows this head decides if it was sound.
pub(super) fn is_unsaid(head: &request::Parts, body: &RecvStream) -> bool {
    !body.is_end_stream()
        && has_no_body(head.method.as_str().as_bytes())
        && !head.headers.contains_key(header::CONTENT_LENGTH)
}

/// Waits for what follows, as long as for a head: true if that is the end.
pub(super) async fn ends<IO, H>(
    connection: &Connection<'_, IO, H>,
    body: &mut RecvStream,
    outlet: &mut Outlet<'_, IO, H>,
    member: &Member<'_>,
) -> bool
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut late = pin!(sleep(connection.limits.head_timeout));
    poll_fn(|cx| {
        if outlet.poll_left(cx).is_ready() {
            return Poll::Ready(false);
        }
        while let Poll::Ready(data) = body.poll_data(cx) {
            match data {
                Some(Ok(data)) if data.is_empty() => {}
                data => return Poll::Ready(data.is_none()),
            }
        }
        let over = member.poll_phase(cx) == Phase::Cutting || late.as_mut().poll(cx).is_ready();
        if over { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
}
