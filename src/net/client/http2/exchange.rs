//! One request and its answer, as a future of its connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, response};
use http_body::Body;
use http_body_util::Full;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep};

use crate::model::clock;
use crate::net::drain::{Member, Phase};
use crate::net::guard::check_http2;

use super::super::writer::Fault;
use super::super::{End, Handler, Next, Reply, RequestBody, Source, Stop, TurnedAway};
use super::body::{Reading, StreamBody};
use super::outlet::Outlet;
use super::serve::Connection;
use super::unsaid;

/// What a field of a request costs beside its bytes.
const FIELD: usize = 96;

/// What became of the handler.
enum Handled<S> {
    Reply(Reply<S>),
    /// It is not waited for any more, and this is the answer.
    Refuse(u16),
    Left,
}

/// Serves one request of a connection.
pub(super) async fn exchange<IO, H>(
    connection: &Connection<'_, IO, H>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
) where
    IO: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let (_open, member) = (connection.opens(), connection.drain.enter());
    let mut outlet = Outlet::new(connection, respond);
    let (mut head, mut body) = request.into_parts();
    let unsaid = unsaid::is_unsaid(&head, &body);
    let mut checked = check_http2(&mut head, unsaid || body.is_end_stream(), connection.limits.head);
    if checked.is_ok() && unsaid && !Box::pin(unsaid::ends(connection, &mut body, &mut outlet, &member)).await {
        checked = check_http2(&mut head, false, connection.limits.head);
    }
    if let Err(refused) = checked {
        tracing::debug!(peer = %connection.peer.remote, why = refused.why, "refused by the head guard");
        let turned = TurnedAway { status: refused.status, why: refused.why };
        connection.handler.turned_away(&connection.peer, turned);
        return outlet.refuse(refused.status);
    }
    let reading = Rc::new(Reading::new(connection.purse.share(), body.is_end_stream()));
    if !reading.share.take(cost(&head.headers)) {
        // Nothing of it was processed, so that its client may ask again.
        return outlet.reset(Reason::REFUSED_STREAM);
    }
    if !body.is_end_stream() && head.headers.get(header::EXPECT).is_some_and(is_continue) {
        outlet.invite();
    }
    let answers_head = head.method == Method::HEAD;
    let length = length(&head.headers);
    let body = RequestBody::of_stream(StreamBody::new(body, Rc::clone(&reading), length));
    match handled(connection, Request::from_parts(head, body), &reading, &mut outlet, &member).await {
        Handled::Reply(Reply::Whole(response)) => whole(response, &mut outlet, answers_head).await,
        Handled::Reply(Reply::Stream(head, source)) => {
            // A stream may last; what its request took does not.
            drop(reading);
            let running = Running(Some(source));
            Relay { connection, member: &member, outlet, running, left: None }.run(head, answers_head).await;
        }
        Handled::Refuse(status) => outlet.refuse(status),
        Handled::Left => {}
    }
}

fn cost(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum()
}

fn is_continue(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"100-continue")
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Lets the handler work for as long as it is worth it. Its future is large and an answer may last: it is boxed, so that
/// only the answer is held then.
async fn handled<IO, H>(
    connection: &Connection<'_, IO, H>,
    request: Request<RequestBody>,
    reading: &Reading,
    outlet: &mut Outlet<'_, IO, H>,
    member: &Member<'_>,
) -> Handled<H::Stream>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let limits = connection.limits;
    let mut handling = Box::pin(connection.handler.handle(request, connection.peer.clone(), member.drain()));
    let mut tick = pin!(sleep(limits.tick()));
    poll_fn(|cx| {
        // It is woken when stopping goes on.
        member.poll_phase(cx);
        if let Poll::Ready(reply) = handling.as_mut().poll(cx) {
            return Poll::Ready(Handled::Reply(reply));
        }
        if outlet.poll_left(cx).is_ready() {
            return Poll::Ready(Handled::Left);
        }
        if reading.overdrawn.get() {
            return refuse(reading, 503, "the requests of its connection take too much memory");
        }
        while !reading.clock.is_over() && tick.as_mut().poll(cx).is_ready() {
            if reading.clock.is_too_slow(clock::now(), limits) {
                return refuse(reading, 408, "its body comes too slowly");
            }
            tick.as_mut().reset(clock::timer_now() + limits.tick());
        }
        Poll::Pending
    })
    .await
}

/// The handler is not waited for any more; what outlives it learns why.
fn refuse<S>(reading: &Reading, status: u16, why: &'static str) -> Poll<Handled<S>> {
    reading.turned.set(Some(TurnedAway { status, why }));
    Poll::Ready(Handled::Refuse(status))
}

/// Sends an answer of one piece. A client that has gone, or does not read, has had its chance.
async fn whole<IO, H>(response: Response<Full<Bytes>>, outlet: &mut Outlet<'_, IO, H>, answers_head: bool)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let (head, mut body) = response.into_parts();
    let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
    let bytes = frame.and_then(|Ok(frame)| frame.into_data().ok()).unwrap_or_default();
    let bodiless = is_bodiless(head.status);
    let length = (!bodiless).then_some(bytes.len() as u64);
    let ends = bodiless || answers_head || bytes.is_empty();
    if outlet.open(head, length, ends).is_ok() && !ends {
        let _ = outlet.send(bytes, true).await;
    }
}

fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// A source that is told of its end, whatever that is.
struct Running<S: Source>(Option<S>);

impl<S: Source> Running<S> {
    fn source(&mut self) -> &mut S {
        self.0.as_mut().expect("a source runs until it is finished")
    }

    fn finish(mut self, end: End) {
        if let Some(source) = self.0.take() {
            source.finished(end);
        }
    }
}

impl<S: Source> Drop for Running<S> {
    fn drop(&mut self) {
        if let Some(source) = self.0.take() {
            source.finished(End::ClientLeft);
        }
    }
}

/// What happened while a stream waited.
enum Event {
    Piece(Next),
    Left,
    Silent,
    /// Weir is stopping, and this stream is not waited for.
    Stopping,
}

/// An answer that comes piece by piece.
struct Relay<'a, IO, H: Handler> {
    connection: &'a Connection<'a, IO, H>,
    member: &'a Member<'a>,
    outlet: Outlet<'a, IO, H>,
    running: Running<H::Stream>,
    /// The bytes of body still to come, where their number is known.
    left: Option<u64>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin, H: Handler> Relay<'_, IO, H> {
    async fn run(mut self, head: response::Parts, answers_head: bool) {
        let length = self.running.source().length();
        if answers_head || is_bodiless(head.status) {
            let length = length.filter(|_| !is_bodiless(head.status));
            let sent = self.outlet.open(head, length, true);
            return self.running.finish(sent.map_or(End::ClientLeft, |()| End::Complete));
        }
        self.left = length;
        let end = self.relay(head).await;
        match end {
            End::Cut if self.outlet.is_fresh() => self.outlet.refuse(502),
            End::Cut => self.outlet.reset(Reason::INTERNAL_ERROR),
            End::Complete | End::Drained | End::ClientLeft => {}
        }
        self.running.finish(end);
    }

    async fn relay(&mut self, head: response::Parts) -> End {
        let mut head = Some(head);
        let keepalive = self.connection.limits.keepalive;
        let mut silence = pin!(sleep(keepalive));
        loop {
            let mut piece = Vec::new();
            let event = self.wait(&mut piece, &mut head, silence.as_mut()).await;
            let (bytes, last) = match event {
                Event::Left => return End::ClientLeft,
                Event::Piece(Next::Cut) => return End::Cut,
                Event::Piece(next) => (Bytes::from(piece), next == Next::Last),
                Event::Silent => (Bytes::from_static(self.running.source().keepalive().unwrap_or_default()), false),
                Event::Stopping => match self.running.source().stop(&mut piece) {
                    Stop::Whole => (Bytes::from(piece), true),
                    Stop::Cut => return End::Cut,
                },
            };
            let (length, nothing) = (self.left, bytes.is_empty());
            let sent = match self.count(bytes.len(), last).and_then(|()| self.open(&mut head, length)) {
                Ok(()) => self.outlet.send(bytes, last).await,
                Err(fault) => Err(fault),
            };
            match (sent, event) {
                (Err(Fault::Gone), _) => return End::ClientLeft,
                (Err(Fault::Length), _) => return End::Cut,
                (Ok(()), Event::Piece(Next::Last)) => return End::Complete,
                (Ok(()), Event::Stopping) => return End::Drained,
                // Something came of which nothing was for the client, who still hears nothing.
                (Ok(()), Event::Piece(_)) if nothing => {}
                (Ok(()), _) => silence.as_mut().reset(clock::timer_now() + keepalive),
            }
        }
    }

    fn open(&mut self, head: &mut Option<response::Parts>, length: Option<u64>) -> Result<(), Fault> {
        head.take().map_or(Ok(()), |head| self.outlet.open(head, length, false))
    }

    /// A body that says more than its head, or less, is cut.
    fn count(&mut self, bytes: usize, last: bool) -> Result<(), Fault> {
        let Some(left) = self.left else { return Ok(()) };
        let left = left.checked_sub(bytes as u64).ok_or(Fault::Length)?;
        self.left = Some(left);
        if last && left > 0 { Err(Fault::Length) } else { Ok(()) }
    }

    /// Waits for whatever comes first. The head is not kept back for a first piece that is not there yet.
    async fn wait(
        &mut self,
        piece: &mut Vec<u8>,
        head: &mut Option<response::Parts>,
        mut silence: Pin<&mut Sleep>,
    ) -> Event {
        let Self { member, outlet, running, left, .. } = self;
        let source = running.source();
        // What has an end of its own is waited for until the time for that is over.
        let last = if source.is_endless() { Phase::Draining } else { Phase::Cutting };
        // A comment would count as bytes of a body whose length is known.
        let fills = source.keepalive().is_some() && left.is_none();
        let mut next = pin!(source.next(piece));
        let mut turn = |cx: &mut Context<'_>| {
            if let Poll::Ready(next) = next.as_mut().poll(cx) {
                return Poll::Ready(Event::Piece(next));
            }
            if let Some(head) = head.take()
                && outlet.open(head, *left, false).is_err()
            {
                return Poll::Ready(Event::Left);
            }
            if outlet.poll_left(cx).is_ready() {
                return Poll::Ready(Event::Left);
            }
            if member.poll_phase(cx) >= last {
                return Poll::Ready(Event::Stopping);
            }
            match fills && silence.as_mut().poll(cx).is_ready() {
                true => Poll::Ready(Event::Silent),
                false => Poll::Pending,
            }
        };
        poll_fn(|cx| turn(cx)).await
    }
}
