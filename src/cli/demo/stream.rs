//! Answers that come piece by piece: bursts, slow work, a question to the client, news of notes.

use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, header, response};
use tokio::sync::watch;

use crate::net::client::{End, Next, Source, Stop};
use crate::protocol::json::quoted;
use crate::protocol::revision::Era;
use crate::protocol::sse::{self, Block};

use super::asking::Asking;
use super::news::News;
use super::reply;
use super::sessions::Session;
use super::site::Site;
use super::slow::Slow;

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

impl To {
    /// The event with a result of one text.
    pub(super) fn say(&self, text: &str, is_error: bool) -> Vec<u8> {
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

    fn stop(&mut self, out: &mut Vec<u8>) -> Stop {
        match &mut self.work {
            Work::Burst(events) => out.append(events),
            Work::Slow(slow) => out.extend_from_slice(&slow.to.say(STOPPING, true)),
            Work::Asking(asking) => out.extend_from_slice(&asking.to.say(STOPPING, true)),
            Work::News(news) => out.extend_from_slice(&news.last().unwrap_or_default()),
        }
        Stop::Whole
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn finished(self, _: End) {}
}

/// A JSON-RPC message as an event.
pub(super) fn event(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 8);
    sse::write_block(&mut out, &Block { data: Some(message), ..Block::default() });
    out
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
