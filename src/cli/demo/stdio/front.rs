//! What answers lines: those that are whole at once, those that come piece by piece in tasks of their own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::net::client::{Next, Source as _};
use crate::protocol::message::{self, Body, Kind, Limits, Message};
use crate::protocol::sse;
use crate::protocol::stdio::Line;

use super::super::asked::Answered;
use super::super::reply::Failure;
use super::super::site::{Path, Site};
use super::super::stream::Stream;
use super::super::{legacy, modern};
use super::LONGEST;

/// Calls and subscriptions that may run at once.
const MOST_RUNNING: usize = 1000;

/// The server of one client.
pub(super) struct Front {
    site: Arc<Site>,
    /// Names the session, as a client of HTTP would, once there is one.
    session: RefCell<HeaderMap>,
    /// Lines that are to be written.
    out: Rc<Out>,
    tasks: RefCell<JoinSet<()>>,
    /// What runs, by the id of its request as it came.
    running: Rc<RefCell<HashMap<Vec<u8>, AbortHandle>>>,
}

#[derive(Default)]
struct Out {
    lines: RefCell<Vec<u8>>,
    more: Notify,
}

impl Front {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self {
            site,
            session: RefCell::default(),
            out: Rc::default(),
            tasks: RefCell::default(),
            running: Rc::default(),
        }
    }

    /// Returns once a task has something to say.
    pub(super) async fn has_more(&self) {
        self.out.more.notified().await;
    }

    /// What is to be written now, in the place of what was in `out`.
    pub(super) fn fetch(&self, out: &mut Vec<u8>) {
        while self.tasks.borrow_mut().try_join_next().is_some() {}
        out.clear();
        // The buffers change places, so that neither is made anew.
        std::mem::swap(out, &mut self.out.lines.borrow_mut());
    }

    /// What runs is told to come to its end; returns when it has.
    pub(super) async fn end(&self) {
        self.site.stop.send_replace(true);
        let mut tasks = self.tasks.take();
        while tasks.join_next().await.is_some() {}
    }

    /// Takes a line of the client's.
    pub(super) fn take(&self, line: Line<'_>) {
        let Line::Whole(line) = line else {
            return self.out.say(&Failure::request("this line is longer than 1 MiB").text(None));
        };
        match message::read_client(line, &Limits::default()) {
            Ok(Body::One(message)) => self.one(&message, line),
            Ok(Body::Batch(messages)) => {
                match legacy::batch(&self.site, Path::Sample, &self.session.borrow(), &messages, line) {
                    Ok(Answered::Text(text)) => self.out.say(&text),
                    Ok(_) => {}
                    Err(failure) => self.out.say(&failure.text(None)),
                }
            }
            Err(fault) => {
                let code = if fault.is_parse_error() { -32700 } else { -32600 };
                let failure = Failure::new(code, StatusCode::BAD_REQUEST, fault.to_string());
                self.out.say(&failure.text(fault.id.as_ref().map(|id| id.raw(line))));
            }
        }
    }

    fn one(&self, message: &Message, line: &[u8]) {
        if message.method.is_some_and(|method| method.is(line, "notifications/cancelled")) {
            self.cancel(message, line);
        }
        let answered = if message.meta.protocol_version.is_some() {
            modern::answer_line(&self.site, message, line)
        } else {
            let answered = legacy::answer(&self.site, Path::Sample, &self.session.borrow(), message, line);
            answered.map(|(answered, session)| {
                if let Some(session) = session {
                    self.open(&session);
                }
                answered
            })
        };
        // Nothing but a request is ever answered.
        let Some(id) = message.id.filter(|_| message.kind == Kind::Request) else { return };
        let id = id.raw(line);
        match answered {
            Ok(Answered::Text(text)) => self.out.say(&text),
            Ok(Answered::Stream(stream)) => self.run(Some(id), *stream),
            Ok(Answered::Status(status)) => {
                let message = format!("over HTTP the status would be {status}, and nothing else");
                self.out.say(&Failure::new(-32603, status, message).text(Some(id)));
            }
            Err(failure) => self.out.say(&failure.text(Some(id))),
        }
    }

    /// The client has begun anew, or for the first time.
    fn open(&self, id: &str) {
        let mut session = self.session.borrow_mut();
        if let Some(before) = session.get(legacy::SESSION).and_then(|before| before.to_str().ok()) {
            self.site.sessions.end(before);
        }
        session.insert(legacy::SESSION, HeaderValue::from_str(id).expect("a sealed id is URL-safe text"));
        if let Ok(news) = legacy::listen(&self.site, &session) {
            self.run(None, news);
        }
    }

    /// Nothing more is said for a request that is cancelled.
    fn cancel(&self, message: &Message, line: &[u8]) {
        let running = message.fields.request_id.and_then(|id| self.running.borrow_mut().remove(id.raw(line)));
        if let Some(task) = running {
            task.abort();
        }
    }

    fn run(&self, id: Option<&[u8]>, stream: Stream) {
        let mut tasks = self.tasks.borrow_mut();
        if tasks.len() >= MOST_RUNNING {
            let failure = Failure::new(-32603, StatusCode::SERVICE_UNAVAILABLE, "too many calls run already");
            return self.out.say(&failure.text(id));
        }
        let id = id.map(<[u8]>::to_vec);
        let (out, running, stop) = (Rc::clone(&self.out), Rc::clone(&self.running), self.site.stop.subscribe());
        let named = id.clone();
        let task = tasks.spawn_local(async move {
            out.carry(named.as_deref(), stream, stop).await;
            if let Some(id) = named {
                running.borrow_mut().remove(&id);
            }
        });
        if let Some(id) = id {
            self.running.borrow_mut().insert(id, task);
        }
    }
}

impl Out {
    fn say(&self, text: &[u8]) {
        let mut lines = self.lines.borrow_mut();
        lines.extend_from_slice(text);
        lines.push(b'\n');
    }

    /// Says what a stream does, until it ends.
    async fn carry(&self, id: Option<&[u8]>, mut stream: Stream, mut stop: watch::Receiver<bool>) {
        let (mut events, mut piece) = (sse::Reader::new(LONGEST), Vec::new());
        loop {
            let next = tokio::select! {
                biased;
                // A subscription has no result over stdio: the server calls it off (2026-07-28, "Cancellation").
                _ = stop.wait_for(|stop| *stop), if stream.is_endless() => {
                    if let Some(id) = id {
                        self.say(&called_off(id));
                    }
                    Next::Last
                }
                next = stream.next(&mut piece) => next,
            };
            events.push(&piece);
            piece.clear();
            while let Ok(Some(block)) = events.next() {
                if let Some(message) = block.message() {
                    self.say(message);
                }
            }
            self.more.notify_one();
            if next != Next::More {
                return;
            }
        }
    }
}

fn called_off(id: &[u8]) -> Vec<u8> {
    let id = String::from_utf8_lossy(id);
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#).into_bytes()
}
