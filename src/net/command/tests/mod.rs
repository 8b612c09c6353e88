//! A process's traffic, spoken to as its clients and its server would, without any process.

mod concerns;
mod ids;
mod resuming;

use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::ask::{Numbers, Opening, Said};
use super::exchange::{Exchange, Left, exchange};
use super::hear::Heard;
use super::key::Key;
use super::session::{Session, Sessions};
use super::stream::Stream;
use super::traffic::Traffic;
use crate::model::clock;
use crate::protocol::message::{self, Body, Limits};

/// One process and those who speak to it.
struct Stage {
    traffic: Traffic,
    sessions: Sessions,
    numbers: Numbers,
    lefts: (tokio::sync::mpsc::UnboundedSender<Left>, UnboundedReceiver<Left>),
    exchanges: u64,
}

impl Stage {
    #[expect(clippy::disallowed_methods, reason = "a test leaves a few exchanges")]
    fn new(key: Key) -> Self {
        Self {
            traffic: Traffic::new(key, Limits::default(), Rc::new(Numbers::of_nobody())),
            sessions: Sessions::new(),
            numbers: Numbers::of_core(1),
            lefts: unbounded_channel(),
            exchanges: 1000,
        }
    }

    /// The process of one session, which is number 1.
    fn dedicated() -> Self {
        let mut stage = Self::new(Key::Session(1));
        stage.opens(1);
        stage
    }

    /// A process that is shared by the sessions of `caller`, or by all.
    fn shared(caller: Option<&str>) -> Self {
        let opening = Opening { revision: "2025-11-25".into(), capabilities: "{}".into() };
        Self::new(Key::Opened { caller: caller.map(str::to_owned), opening })
    }

    fn modern(caller: Option<&str>) -> Self {
        Self::new(Key::Modern { caller: caller.map(str::to_owned) })
    }

    fn opens(&mut self, session: u64) {
        let mut opened = Session::new(self.traffic.key.clone(), clock::now());
        opened.speaks("2025-06-18");
        self.sessions.insert(session, opened);
    }

    /// A client says something; what it is answered through, where it asked for something.
    fn says(&mut self, session: Option<u64>, text: &str) -> Exchange {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let body = message::read_client(&bytes, &Limits::default()).expect("a sound message");
        let messages = match body {
            Body::One(one) => vec![one],
            Body::Batch(all) => all,
        };
        let shared = !self.traffic.is_dedicated();
        let said: Vec<_> = messages.iter().filter_map(|one| Said::of(one, &bytes, shared, &self.numbers)).collect();
        let requests = said.iter().filter(|said| matches!(said, Said::Request(_))).count();
        self.exchanges += 1;
        let (exchange, sink) = exchange(self.exchanges, &self.lefts.0);
        let now = clock::now();
        let place = session.map(|session| (session, self.sessions.get_mut(&session).expect("it is open").stream()));
        let stream = (requests > 0).then(|| Stream::new(sink, place, requests, true, now));
        self.traffic.say(&mut self.sessions, said, self.exchanges, stream, session, now);
        exchange
    }

    /// What the process was sent since it was asked last, as lines.
    fn sent(&mut self) -> Vec<String> {
        let out = std::mem::take(&mut self.traffic.out);
        String::from_utf8(out).expect("text").lines().map(str::to_owned).collect()
    }

    /// The server writes a line.
    fn hears(&mut self, line: &str) -> Heard {
        self.traffic.hear(&mut self.sessions, line.as_bytes())
    }

    /// The handshake of a shared process, answered.
    fn greeted(&mut self) {
        self.traffic.greet();
        let line = self.sent().remove(0);
        let id = number_of(&line);
        self.hears(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"2025-11-25","x":1}}}}"#));
        assert_eq!(self.sent(), [r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#]);
    }

    /// Who listens to a session.
    fn listens(&mut self, session: u64, after: Option<u32>) -> Exchange {
        self.exchanges += 1;
        let (exchange, sink) = exchange(self.exchanges, &self.lefts.0);
        self.sessions.get_mut(&session).expect("it is open").listen(self.exchanges, sink, after);
        exchange
    }
}

/// The id of a line, which is a number of ours.
fn number_of(line: &str) -> u64 {
    let rest = &line[line.find("\"id\":").expect("it has an id") + 5..];
    rest.split([',', '}']).next().unwrap().parse().expect("a number")
}

/// What has come of an answer: its status and its text, and whether it has ended.
fn came(exchange: &mut Exchange) -> (Option<u16>, String, bool) {
    let waker = std::task::Waker::noop();
    let mut cx = std::task::Context::from_waker(waker);
    let mut status = None;
    let mut text = String::new();
    let head = std::pin::pin!(exchange.head()).as_mut().poll(&mut cx);
    if let std::task::Poll::Ready(head) = head {
        status = Some(head.map_or(0, |(status, ..)| status.as_u16()));
        text = more(exchange);
    }
    (status, text, exchange.is_over())
}

/// What else has come.
fn more(exchange: &mut Exchange) -> String {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut text = String::new();
    while !exchange.is_over() {
        match std::pin::pin!(exchange.chunk()).as_mut().poll(&mut cx) {
            std::task::Poll::Ready(Ok(Some(piece))) => text.push_str(std::str::from_utf8(&piece).expect("text")),
            std::task::Poll::Ready(Ok(None)) | std::task::Poll::Pending => break,
            std::task::Poll::Ready(Err(refusal)) => {
                text.push_str(refusal.reason.as_str());
                break;
            }
        }
    }
    text
}

use std::future::Future as _;
