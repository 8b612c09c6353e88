//! The stream of one conversation: it takes what is posted, has it walk the flow, and writes whatever comes of it.
//!
//! It reads from a server only when its client takes what there is, so at most one piece of each call waits here, and
//! what is posted meanwhile in the mailbox, which is bounded. A client that does not read at all is cut by
//! `[http] write_stall`.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::task::spawn_local;

use crate::model::{Reason, Refusal, Visitor};
use crate::net::client::{End, Next, Source, Stop};
use crate::pipeline::pair::{Kind, Letter, Mailbox, Posted};
use crate::pipeline::{Core, Ending, Finish, stopping};
use crate::protocol::sse;

use super::super::errors;
use super::Fronts;
use super::walk::{self, Walk, message};

/// Calls that may run at once; answers and notifications have no bound but the mailbox's.
const MOST_CALLS: usize = 128;
/// Above this many bytes a piece goes out before more is asked for.
const PIECE: usize = 256 * 1024;

/// What a client of 2024-11-05 reads.
pub struct Stream {
    fronts: Fronts,
    path: String,
    mailbox: Mailbox,
    /// What is written first.
    begun: Vec<u8>,
    /// The conversation with the server, as a client of streamable HTTP knows it; none before its `initialize`, and
    /// none where the server gives none.
    session: Option<HeaderValue>,
    /// Who speaks, by the last message that opened the conversation.
    speaker: Option<(Visitor, HeaderMap)>,
    walks: Vec<Walk>,
    /// It ends once all has been written.
    over: bool,
    finish: Finish,
}

impl Stream {
    pub(super) fn new(fronts: Fronts, path: String, mailbox: Mailbox, begun: Vec<u8>, finish: Finish) -> Self {
        let (session, speaker, walks) = (None, None, Vec::new());
        Self { fronts, path, mailbox, begun, session, speaker, walks, over: false, finish }
    }

    /// Ready once anything has happened, be there something to write or not: what the stream waits for is then asked
    /// anew.
    fn poll(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Next> {
        if !self.begun.is_empty() {
            out.append(&mut self.begun);
            return Poll::Ready(Next::More);
        }
        if self.over {
            return Poll::Ready(Next::Last);
        }
        let mut happened = false;
        while !self.walks.iter().any(Walk::holds_up)
            && out.len() < PIECE
            && let Poll::Ready(posted) = self.mailbox.poll(cx)
        {
            self.take(posted, out);
            happened = true;
        }
        for at in (0..self.walks.len()).rev() {
            let Poll::Ready(news) = self.walks[at].poll(cx, out) else { continue };
            happened = true;
            self.learn(at, news);
            if out.len() >= PIECE {
                // The others come first the next time.
                self.walks.reverse();
                break;
            }
        }
        if happened { Poll::Ready(Next::More) } else { Poll::Pending }
    }

    /// The core in force, and the place of the route in it.
    fn core(&self) -> Option<(Rc<Core>, usize)> {
        let front = Rc::clone(&self.fronts.borrow());
        let route = front.paths.pair(&self.path)?;
        Some((Rc::clone(&front.core), route))
    }

    fn take(&mut self, posted: Posted, out: &mut Vec<u8>) {
        let letter = match posted {
            Posted::Letter(letter) => letter,
            Posted::Refused(text) => return message(out, &text),
        };
        let Some((core, route)) = self.core() else {
            self.over = true;
            return self.refuse(&letter, &gone(), out);
        };
        let calls = self.walks.iter().filter(|walk| walk.is_call()).count();
        if calls >= MOST_CALLS && matches!(letter.kind, Kind::Request | Kind::Initialize) {
            return self.refuse(&letter, &busy(), out);
        }
        if letter.kind == Kind::Initialize {
            self.session = None;
        }
        if matches!(letter.kind, Kind::Initialize | Kind::Initialized) {
            self.speaker = Some((letter.peer.clone(), letter.headers.clone()));
        }
        self.walks.push(Walk::of(core, route, letter, self.session.clone()));
    }

    /// A message that is not walked has its line as well.
    fn refuse(&self, letter: &Letter, refusal: &Refusal, out: &mut Vec<u8>) {
        let finish = self.begin(letter);
        errors::events(out, refusal, &letter.addressee, finish.id());
        finish.end(&Ending::Refused(refusal, StatusCode::ACCEPTED));
    }

    fn begin(&self, letter: &Letter) -> Finish {
        let (core, route) = self.core().unwrap_or_else(|| self.finish.place());
        Finish::begin(&core, route, letter.peer.clone())
    }

    /// What a walk has brought, beside what was written.
    fn learn(&mut self, at: usize, news: walk::News) {
        if news.session.is_some() {
            self.session = news.session;
        }
        // Its server has forgotten the session: only a new stream has a new one.
        self.over |= news.lost;
        if !news.over {
            return;
        }
        let walk = self.walks.swap_remove(at);
        let hears = walk.kind() == walk::Kind::Hear && news.again;
        if walk.kind() == walk::Kind::Initialized || hears {
            self.hear(hears.then(|| walk.last_event()));
        }
    }

    /// Opens the server's own stream, as a client of streamable HTTP does. `after`: it has ended, after this event.
    fn hear(&mut self, after: Option<Option<Bytes>>) {
        let (Some(session), Some((core, route))) = (&self.session, self.core()) else { return };
        let Some((peer, headers)) = self.speaker.clone() else { return };
        self.walks.retain(|walk| walk.kind() != walk::Kind::Hear);
        self.walks.push(Walk::hear(core, route, peer, headers, session.clone(), after));
    }
}

impl Source for Stream {
    async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        let before = out.len();
        let next = poll_fn(|cx| self.poll(cx, out)).await;
        self.finish.sends(out.len() - before);
        next
    }

    fn keepalive(&self) -> Option<&'static [u8]> {
        Some(sse::COMMENT)
    }

    /// What is under way is waited for, and nothing else.
    fn is_endless(&self) -> bool {
        !self.mailbox.has_some() && !self.walks.iter().any(|walk| walk.kind() != walk::Kind::Hear)
    }

    fn stop(&mut self, out: &mut Vec<u8>) -> Stop {
        let before = out.len();
        for posted in self.mailbox.close() {
            match posted {
                Posted::Letter(letter) => self.refuse(&letter, &stopping::not_sent(), out),
                Posted::Refused(text) => message(out, &text),
            }
        }
        self.walks.drain(..).for_each(|walk| walk.stop(out));
        self.finish.sends(out.len() - before);
        Stop::Whole
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn finished(mut self, end: End) {
        for posted in self.mailbox.close() {
            // Told as one whose client has left.
            if let Posted::Letter(letter) = posted {
                drop(self.begin(&letter));
            }
        }
        self.walks.clear();
        if let (Some(session), Some((core, route)), Some((peer, headers))) =
            (self.session.take(), self.core(), self.speaker.take())
        {
            // Nobody else can end it: its id has never left this stream.
            spawn_local(walk::leave(core, route, peer, headers, session));
        }
        match end {
            End::ClientLeft => self.finish.end(&Ending::ClientLeft),
            End::Drained => self.finish.end(&Ending::Drained(StatusCode::OK)),
            End::Complete | End::Cut => self.finish.end(&Ending::Answered(StatusCode::OK)),
        }
    }
}

fn gone() -> Refusal {
    Refusal::new(Reason::RouteNotFound, "the route of this stream is not there any more")
}

fn busy() -> Refusal {
    let message = "too many calls run on this stream already; wait for one to end";
    Refusal::new(Reason::Overloaded, message).retryable(walk::SOON)
}
