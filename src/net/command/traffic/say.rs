//! What clients say: requests, notifications, answers to the server, and that a call is off.

use std::time::Instant;

use crate::protocol::json::Span;
use crate::protocol::message::OwnedId;
use crate::protocol::method::Method;
use crate::protocol::stdio;

use super::super::ask::{Request, Said};
use super::super::key::Key;
use super::super::session::Sessions;
use super::super::stream::Stream;
use super::{Call, Handshake, Traffic};

impl Traffic {
    /// Takes messages of a client. `stream` answers them where they hold requests; the exchange is named so.
    pub(in crate::net::command) fn say(
        &mut self,
        sessions: &mut Sessions,
        said: Vec<Said>,
        exchange: u64,
        stream: Option<Stream>,
        session: Option<u64>,
        now: Instant,
    ) {
        if let Some(stream) = stream {
            self.streams.insert(exchange, stream);
        }
        for said in said {
            match said {
                Said::Request(request) => self.request(sessions, request, exchange, session, now),
                Said::Notification(Method::Initialized, _) if !matches!(self.handshake, Handshake::Theirs) => {}
                Said::Notification(_, line) => self.write(&line),
                Said::Cancel { of, line, at } => self.cancel(&of, &line, at, session, now),
                Said::Answer(id, line) => {
                    // Only the session that was asked can answer.
                    let asked = self.asked.iter().position(|(asked, by)| *asked == id && Some(*by) == session);
                    if let Some(at) = asked {
                        self.asked.swap_remove(at);
                        self.write(&line);
                    }
                }
            }
        }
    }

    fn request(
        &mut self,
        sessions: &mut Sessions,
        request: Request,
        exchange: u64,
        session: Option<u64>,
        now: Instant,
    ) {
        let Request { number, id, token, method, line, logs, uri, .. } = request;
        let call = Call { id, token, method, uri: uri.clone(), exchange, logs, since: now, cancelled: None };
        self.calls.insert(number, call);
        if method == Method::Initialize && !matches!(self.handshake, Handshake::Theirs) {
            return self.join(sessions, number);
        }
        if let (Some(session), Some(uri), false) = (session, uri, self.is_dedicated()) {
            let sends = match method {
                Method::ResourcesSubscribe => self.subscribe(uri, session),
                _ => self.unsubscribe(&uri, session),
            };
            if !sends {
                // The server knows already.
                return self.answer_self(sessions, number, b"{}");
            }
        }
        if method == Method::SetLevel && matches!(self.key, Key::Opened { .. }) {
            // One level for all would be the last one's; what is logged is for nobody in particular here.
            return self.answer_self(sessions, number, b"{}");
        }
        self.write(&line);
    }

    fn subscribe(&mut self, uri: String, session: u64) -> bool {
        let subscribed = self.subscribed.entry(uri).or_default();
        let first = subscribed.is_empty();
        if !subscribed.contains(&session) {
            subscribed.push(session);
        }
        first
    }

    pub(super) fn unsubscribe(&mut self, uri: &str, session: u64) -> bool {
        let Some(subscribed) = self.subscribed.get_mut(uri) else { return true };
        subscribed.retain(|other| *other != session);
        let last = subscribed.is_empty();
        if last {
            self.subscribed.remove(uri);
        }
        last
    }

    fn cancel(&mut self, of: &OwnedId, line: &[u8], at: Span, session: Option<u64>, now: Instant) {
        let streams = &self.streams;
        let meant = self.calls.iter_mut().find(|(_, call)| {
            call.id == *of
                && call.cancelled.is_none()
                && streams.get(&call.exchange).is_some_and(|stream| stream.session() == session)
        });
        let Some((number, call)) = meant else { return };
        call.cancelled = Some(now);
        let number = number.to_string();
        let all = Span { start: 0, end: line.len() as u32 - 1 };
        let mut mapped = Vec::new();
        stdio::line(line, all, &[(at, number.as_bytes())], &mut mapped);
        mapped.push(b'\n');
        self.write(&mapped);
    }
}
