//! One message on its way through the flow, and what comes of it as events of the stream.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Full;
use tokio::time::{sleep, timeout};

use crate::model::{Addressee, Reason, Refusal, Refused, Visitor};
use crate::net::drain::Drain;
use crate::pipeline::pair::{self, Letter};
use crate::pipeline::{Answer, Arrival, Core, Ending, Finish, Relay, Step, flow, stopping};
use crate::protocol::message::{self as messages, Body, Limits, OwnedId};
use crate::protocol::sse::{self, Block};
use crate::stages::session::SESSION_ID;
use crate::stages::wellformed::Verb;

use super::super::{errors, panics};

/// When what has ended or was refused may be tried again.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// How long the end of a session may take.
const LEAVING: Duration = Duration::from_secs(5);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initialize,
    Initialized,
    Request,
    Other,
    /// The server's own stream.
    Hear,
}

/// What came of asking a walk.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The session that its answer names.
    pub(super) session: Option<HeaderValue>,
    /// The server does not know the session any more.
    pub(super) lost: bool,
    pub(super) over: bool,
    /// The server's own stream may be opened once more.
    pub(super) again: bool,
}

pub(super) struct Walk {
    core: Rc<Core>,
    kind: Kind,
    addressee: Addressee,
    in_session: bool,
    state: State,
    /// What it is told by in the end; with the future while that asks.
    finish: Option<Finish>,
    status: StatusCode,
    last_event: Option<Bytes>,
}

enum State {
    /// In the flow, until the head of an answer has come.
    Asking(Pin<Box<dyn Future<Output = Asked>>>),
    /// The next piece of its answer is waited for.
    Telling(Pin<Box<dyn Future<Output = Told>>>, Telling),
    Over,
}

enum Telling {
    Events(sse::Reader),
    /// One message, until all of it is there.
    Whole(Vec<u8>),
}

struct Asked {
    finish: Finish,
    walked: Result<Answer, Refused>,
}

struct Told {
    relay: Box<Relay>,
    piece: Vec<u8>,
    step: Step,
}

impl Walk {
    /// Of what was posted, in this session.
    pub(super) fn of(core: Rc<Core>, route: usize, letter: Letter, session: Option<HeaderValue>) -> Self {
        let Letter { peer, headers, bytes, kind, addressee } = letter;
        let finish = Finish::begin(&core, route, peer).tried();
        let in_session = session.is_some();
        let headers = fields(headers, session);
        let arrival = Arrival { route, verb: Verb::Post, headers, body: Full::new(bytes) };
        let state = State::Asking(Box::pin(ask(Rc::clone(&core), arrival, finish, None)));
        let kind = match kind {
            pair::Kind::Initialize => Kind::Initialize,
            pair::Kind::Initialized => Kind::Initialized,
            pair::Kind::Request => Kind::Request,
            pair::Kind::Other => Kind::Other,
        };
        Self { core, kind, addressee, in_session, state, finish: None, status: StatusCode::OK, last_event: None }
    }

    /// Of the server's own stream. `after`: not at once, and after this event.
    pub(super) fn hear(
        core: Rc<Core>,
        route: usize,
        peer: Visitor,
        headers: HeaderMap,
        session: HeaderValue,
        after: Option<Option<Bytes>>,
    ) -> Self {
        let mut headers = fields(headers, Some(session));
        headers.remove(header::CONTENT_TYPE);
        let (wait, last_event) = (after.is_some().then_some(SOON), after.flatten());
        if let Some(id) = last_event.as_ref().and_then(|id| HeaderValue::from_bytes(id).ok()) {
            headers.insert(LAST_EVENT_ID, id);
        }
        let finish = Finish::begin(&core, route, peer).tried().untold();
        let arrival = Arrival { route, verb: Verb::Get, headers, body: Full::default() };
        let state = State::Asking(Box::pin(ask(Rc::clone(&core), arrival, finish, wait)));
        let (kind, addressee, status) = (Kind::Hear, Addressee::Nobody, StatusCode::OK);
        Self { core, kind, addressee, in_session: true, state, finish: None, status, last_event }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether an answer is waited for.
    pub(super) fn is_call(&self) -> bool {
        matches!(self.kind, Kind::Initialize | Kind::Request)
    }

    /// Whether what was posted later has to wait: for the session that it belongs to, or for a notification or an answer
    /// to arrive before it. Calls run side by side.
    pub(super) fn holds_up(&self) -> bool {
        matches!(self.state, State::Asking(_)) && !matches!(self.kind, Kind::Request | Kind::Hear)
    }

    pub(super) fn last_event(&self) -> Option<Bytes> {
        self.last_event.clone()
    }

    /// Goes on as far as it can, and writes what has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<News> {
        let before = out.len();
        let news = match &mut self.state {
            State::Asking(asking) => {
                let Asked { finish, walked } = ready!(asking.as_mut().poll(cx));
                self.finish = Some(finish);
                match walked {
                    Ok(answer) => self.answered(answer, out),
                    Err(refused) => self.refused(&refused.0, &refused.1, out),
                }
            }
            State::Telling(telling, _) => {
                let told = ready!(telling.as_mut().poll(cx));
                self.told(told, out)
            }
            State::Over => News { over: true, ..News::default() },
        };
        if let Some(finish) = &self.finish {
            finish.sends(out.len() - before);
        }
        if news.over {
            self.state = State::Over;
        }
        Poll::Ready(news)
    }

    /// Weir is stopping, and it is not waited for any more.
    pub(super) fn stop(mut self, out: &mut Vec<u8>) {
        let refusal = stopping::sent(false);
        let finish = self.finish.take();
        if self.is_call() && !matches!(self.state, State::Over) {
            let id = finish.as_ref().map_or_else(|| self.core.ids.next(), Finish::id);
            errors::events(out, &refusal, &self.addressee, id);
        }
        if let Some(finish) = finish {
            finish.end(&Ending::Refused(&refusal, self.status));
        }
    }

    fn answered(&mut self, answer: Answer, out: &mut Vec<u8>) -> News {
        let head = match &answer {
            Answer::Whole(head, _) | Answer::Stream(head, _) => head,
        };
        self.status = head.status;
        let mut news = News { session: head.headers.get(SESSION_ID).cloned(), ..News::default() };
        news.lost = self.in_session && self.status == StatusCode::NOT_FOUND;
        match answer {
            Answer::Whole(_, bytes) => {
                self.whole(&bytes, out);
                news.over = true;
            }
            // Of what the server says to a GET nothing but events is for its client.
            Answer::Stream(_, relay) if self.kind == Kind::Hear && !relay.is_events() => {
                relay.cut();
                news.over = true;
            }
            Answer::Stream(_, relay) => {
                let limit = self.core.bounds.event;
                let telling = match relay.is_events() {
                    true => Telling::Events(sse::Reader::new(limit)),
                    false => Telling::Whole(Vec::new()),
                };
                if let Some(finish) = self.finish.as_ref().filter(|_| self.kind != Kind::Hear) {
                    finish.streams();
                }
                self.state = State::Telling(Box::pin(tell(Rc::clone(&self.core), relay)), telling);
            }
        }
        news
    }

    /// An answer in one piece.
    fn whole(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.is_call() {
            match self.status.is_success() || self.is_error(bytes) {
                true => message(out, bytes),
                // The status is all that the server has said, and this transport has none.
                false => return self.fail(&status(self.status), out),
            }
        }
        self.end(&Ending::Answered(self.status));
    }

    /// Whether this is the error that answers the call.
    fn is_error(&self, bytes: &[u8]) -> bool {
        let limits = Limits { depth: self.core.bounds.depth, ..Limits::default() };
        let Addressee::Request { id, .. } = &self.addressee else { return false };
        match messages::read_server(bytes, &limits) {
            Ok(Body::One(message)) if message.method.is_none() => {
                message.id.as_ref().is_some_and(|named| OwnedId::of(named, bytes) == *id)
            }
            _ => false,
        }
    }

    fn refused(&mut self, refusal: &Refusal, addressee: &Addressee, out: &mut Vec<u8>) -> News {
        let lost = refusal.reason == Reason::SessionNotFound;
        let again = refusal.retryable && !lost;
        if let Some(finish) = self.finish.take() {
            if self.is_call() {
                errors::events(out, refusal, addressee, finish.id());
            }
            finish.end(&Ending::Refused(refusal, StatusCode::ACCEPTED));
        }
        News { lost, again, over: true, ..News::default() }
    }

    fn told(&mut self, told: Told, out: &mut Vec<u8>) -> News {
        let Told { relay, piece, step } = told;
        let State::Telling(_, telling) = &mut self.state else { return News::default() };
        let limit = self.core.bounds.event;
        let fits = match telling {
            Telling::Events(reader) => {
                reader.push(&piece);
                forward(reader, &mut self.last_event, out)
            }
            Telling::Whole(whole) => {
                whole.extend_from_slice(&piece);
                whole.len() <= limit
            }
        };
        if !fits {
            relay.cut();
            self.fail(&too_long(), out);
            return News { over: true, ..News::default() };
        }
        let again = self.kind == Kind::Hear;
        match step {
            Step::More => {
                let telling = std::mem::replace(telling, Telling::Whole(Vec::new()));
                self.state = State::Telling(Box::pin(tell(Rc::clone(&self.core), relay)), telling);
                return News::default();
            }
            Step::Last => {
                if let Telling::Whole(whole) = telling {
                    message(out, whole);
                } else if self.is_call() && !relay.is_answered() {
                    self.fail(&unanswered(), out);
                }
                self.end(&Ending::Answered(self.status));
            }
            Step::Refused(refusal, _) | Step::Cut(refusal) => self.fail(&refusal, out),
        }
        News { over: true, again, ..News::default() }
    }

    /// It comes to nothing.
    fn fail(&mut self, refusal: &Refusal, out: &mut Vec<u8>) {
        let Some(finish) = self.finish.take() else { return };
        if self.is_call() {
            errors::events(out, refusal, &self.addressee, finish.id());
        }
        finish.end(&Ending::Refused(refusal, self.status));
    }

    fn end(&mut self, ending: &Ending<'_>) {
        if let Some(finish) = self.finish.take() {
            finish.end(ending);
        }
    }
}

/// Ends the session of a stream that has ended.
pub(super) async fn leave(core: Rc<Core>, route: usize, peer: Visitor, headers: HeaderMap, session: HeaderValue) {
    let mut headers = fields(headers, Some(session));
    headers.remove(header::CONTENT_TYPE);
    let finish = Finish::begin(&core, route, peer).tried().untold();
    let arrival = Arrival { route, verb: Verb::Delete, headers, body: Full::default() };
    // A server that does not answer keeps the session until it is idle.
    let _ = timeout(LEAVING, ask(core, arrival, finish, None)).await;
}

/// Writes an event with a message.
pub(super) fn message(out: &mut Vec<u8>, text: &[u8]) {
    sse::write_block(out, &Block { event: Some(b"message"), data: Some(text), ..Block::default() });
}

/// Hands on the messages of a server's stream; ids and times to come back are for a client that can come back. False
/// where one is longer than the bound.
fn forward(reader: &mut sse::Reader, last_event: &mut Option<Bytes>, out: &mut Vec<u8>) -> bool {
    loop {
        match reader.next() {
            Ok(Some(block)) => {
                if let Some(id) = block.id {
                    *last_event = (!id.is_empty()).then(|| Bytes::copy_from_slice(id));
                }
                if let Some(text) = block.message() {
                    message(out, text);
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

async fn ask(core: Rc<Core>, arrival: Arrival<Full<Bytes>>, finish: Finish, wait: Option<Duration>) -> Asked {
    if let Some(wait) = wait {
        sleep(wait).await;
    }
    // The stream itself says when it is not waited for any more.
    let drain = Drain::default();
    let walked = panics::caught(pin!(flow::run(&core, arrival, &finish, &drain))).await;
    Asked { finish, walked: walked.unwrap_or_else(|| Err(Box::new((panics::refusal(), Addressee::Nobody)))) }
}

async fn tell(core: Rc<Core>, mut relay: Box<Relay>) -> Told {
    let mut piece = Vec::new();
    let step = panics::caught(pin!(relay.next(&mut piece, &core.observer))).await;
    Told { relay, piece, step: step.unwrap_or_else(|| Step::Cut(panics::refusal())) }
}

/// The fields of a message of streamable HTTP, from those of a POST.
fn fields(mut headers: HeaderMap, session: Option<HeaderValue>) -> HeaderMap {
    for name in [header::ACCEPT_ENCODING, header::EXPECT, LAST_EVENT_ID, SESSION_ID] {
        headers.remove(name);
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    if let Some(session) = session {
        headers.insert(SESSION_ID, session);
    }
    headers
}

fn status(status: StatusCode) -> Refusal {
    let message = format!("the server answered with HTTP status {}", status.as_u16());
    Refusal::new(Reason::UpstreamBadResponse, message).after_sending(false)
}

fn too_long() -> Refusal {
    let message = "the server's answer is longer than `[http] event` allows on this transport";
    Refusal::new(Reason::UpstreamBadResponse, message).after_sending(false)
}

fn unanswered() -> Refusal {
    let message =
        "the server ended its stream before the answer, to be asked for it again later, which 2024-11-05 cannot";
    Refusal::new(Reason::UpstreamBadResponse, message).after_sending(false)
}
