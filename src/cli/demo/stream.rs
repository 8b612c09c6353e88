//! Answers that come piece by piece: bursts, slow work, a question to the client, news of notes.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header, response};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use crate::net::client::{End, Next, Source};
use crate::protocol::json::{self, quoted};
use crate::protocol::revision::Era;
use crate::protocol::sse::{self, Block};

use super::question::{self, Question};
use super::reply;
use super::sessions::{Session, Waiting};
use super::site::Site;

/// How long a client may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(300);
const STOPPING: &str = "the sample server is stopping";

/// An event stream.
pub(super) struct Stream {
    work: Work,
    stop: watch::Receiver<bool>,
    /// The end of the session that it belongs to.
    ended: Option<watch::Receiver<bool>>,
    is_endless: bool,
}

/// Whom the answer goes to.
pub(super) struct To {
    pub(super) era: Era,
    pub(super) id: Vec<u8>,
}

/// What is streamed.
pub(super) enum Work {
    /// All of it is there.
    Burst(Vec<u8>),
    Slow(Slow),
    Asking(Asking),
    News(News),
}

/// Work in steps.
pub(super) struct Slow {
    pub(super) to: To,
    pub(super) token: Option<Vec<u8>>,
    pub(super) steps: u64,
    pub(super) done: u64,
    pub(super) delay: Duration,
    pub(super) timer: Pin<Box<Sleep>>,
    pub(super) cancelled: Option<Waiting>,
}

/// A question that was put to the client of a session.
pub(super) struct Asking {
    to: To,
    /// The event that asks, until it has been written.
    event: Vec<u8>,
    waiting: Waiting,
    patience: Pin<Box<Sleep>>,
}

/// News of notes, for those who listen.
pub(super) struct News {
    notes: watch::Receiver<u64>,
    to: Listener,
}

/// Who listens.
pub(super) enum Listener {
    /// `subscriptions/listen`, with the acknowledgement until it has been written.
    Subscription { id: Vec<u8>, first: Vec<u8>, hears_notes: bool },
    /// The GET stream of a session.
    Session(Arc<Session>),
}

impl Stream {
    pub(super) fn new(site: &Site, session: Option<&Arc<Session>>, work: Work) -> Self {
        let is_endless = matches!(&work, Work::News(_));
        Self { work, stop: site.stop.subscribe(), ended: session.map(|session| session.ended()), is_endless }
    }

    /// The head of its answer.
    pub(super) fn head() -> response::Parts {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = StatusCode::OK;
        head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        head
    }
}

impl Asking {
    pub(super) fn new(to: To, number: u64, question: &Question<'_>, waiting: Waiting) -> Self {
        let request = format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"elicitation/create","params":{}}}"#,
            question.params(false)
        );
        Self { to, event: event(request.as_bytes()), waiting, patience: Box::pin(sleep(PATIENCE)) }
    }
}

impl News {
    pub(super) fn new(site: &Site, to: Listener) -> Self {
        Self { notes: site.notes.watch(), to }
    }
}

impl To {
    /// The event with a result of one text.
    fn say(&self, text: &str, is_error: bool) -> Vec<u8> {
        event(&reply::result(self.era, &self.id, &reply::content(&quoted(text), is_error)))
    }
}

impl Source for Stream {
    async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        let stopping = async {
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => true,
                () = over(self.ended.as_mut()) => false,
            }
        };
        match &mut self.work {
            Work::Burst(events) => {
                out.append(events);
                Next::Last
            }
            Work::Slow(slow) => tokio::select! {
                biased;
                stopped = stopping => end(out, stopped.then(|| slow.to.say(STOPPING, true))),
                next = slow.next(out) => next,
            },
            Work::Asking(asking) => tokio::select! {
                biased;
                stopped = stopping => end(out, stopped.then(|| asking.to.say(STOPPING, true))),
                next = asking.next(out) => next,
            },
            Work::News(news) => tokio::select! {
                biased;
                _ = stopping => end(out, news.last()),
                () = news.next(out) => Next::More,
            },
        }
    }

    fn keepalive(&self) -> Option<&'static [u8]> {
        Some(sse::COMMENT)
    }

    fn is_endless(&self) -> bool {
        self.is_endless
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn finished(self, _: End) {}
}

impl Slow {
    async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        tokio::select! {
            // No more is said of a cancelled call ("Cancellation").
            true = told(self.cancelled.as_mut()) => return Next::Last,
            () = self.timer.as_mut() => {}
        }
        self.done += 1;
        let Self { to, token, steps, done, .. } = self;
        if let Some(token) = token {
            out.extend_from_slice(&progress(token, *done, *steps, &format!("step {done} of {steps}")));
        }
        if done == steps {
            out.extend_from_slice(&to.say(&format!("did {steps} steps"), false));
            return Next::Last;
        }
        self.timer.set(sleep(self.delay));
        Next::More
    }
}

impl Asking {
    async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        if !self.event.is_empty() {
            out.append(&mut self.event);
            return Next::More;
        }
        let said = tokio::select! {
            told = &mut self.waiting.told => told.ok(),
            () = self.patience.as_mut() => None,
        };
        let text = said.map_or_else(|| "nobody answered in time".to_owned(), |said| question::heard(&said));
        out.extend_from_slice(&self.to.say(&text, false));
        Next::Last
    }
}

impl News {
    async fn next(&mut self, out: &mut Vec<u8>) {
        if let Listener::Subscription { first, .. } = &mut self.to
            && !first.is_empty()
        {
            out.append(first);
            return;
        }
        loop {
            if self.notes.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some(meta) = self.to.meta() {
                out.extend_from_slice(&event(
                    format!(
                        r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{{meta}"uri":"demo://notes"}}}}"#
                    )
                    .as_bytes(),
                ));
                return;
            }
        }
    }

    /// The graceful end of a subscription ("Graceful Closure"); a GET stream just ends.
    fn last(&self) -> Option<Vec<u8>> {
        let Listener::Subscription { id, .. } = &self.to else { return None };
        let id = String::from_utf8_lossy(id);
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","_meta":{{"io.modelcontextprotocol/subscriptionId":{id},"io.modelcontextprotocol/serverInfo":{}}}}}}}"#,
            reply::INFO
        );
        Some(event(text.as_bytes()))
    }
}

impl Listener {
    /// What goes into `params` before the rest; `None` where the news is not wanted.
    fn meta(&self) -> Option<String> {
        match self {
            Self::Subscription { hears_notes: false, .. } => None,
            Self::Subscription { id, .. } => {
                let id = String::from_utf8_lossy(id);
                Some(format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"#))
            }
            Self::Session(session) => session.subscribed.load(std::sync::atomic::Ordering::Relaxed).then(String::new),
        }
    }
}

/// A JSON-RPC message as an event.
pub(super) fn event(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 8);
    sse::write_block(&mut out, &Block { data: Some(message), ..Block::default() });
    out
}

/// The event that tells how far the work has come; `token` as it came.
pub(super) fn progress(token: &[u8], done: u64, total: u64, text: &str) -> Vec<u8> {
    let token = String::from_utf8_lossy(token);
    let text = json::quoted(text);
    event(
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{done},"total":{total},"message":{text}}}}}"#
        )
        .as_bytes(),
    )
}

fn end(out: &mut Vec<u8>, last: Option<Vec<u8>>) -> Next {
    out.extend_from_slice(&last.unwrap_or_default());
    Next::Last
}

/// When the session has ended; never without one.
async fn over(ended: Option<&mut watch::Receiver<bool>>) {
    match ended {
        Some(ended) => _ = ended.wait_for(|ended| *ended).await,
        None => std::future::pending().await,
    }
}

/// When whoever waits was told; never where nobody does.
async fn told(waiting: Option<&mut Waiting>) -> bool {
    match waiting {
        Some(waiting) => (&mut waiting.told).await.is_ok(),
        None => std::future::pending().await,
    }
}
