//! What a process says: whom each line concerns. See the table in [`super::traffic`].

use http::StatusCode;

use crate::protocol::json::{self, Span, Value};
use crate::protocol::message::{self, Body, Kind, Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::stdio;

use super::key::Key;
use super::session::Sessions;
use super::traffic::{Call, Handshake, Traffic, closed};

/// What follows from a line, beyond what it brought to somebody.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing.
    Fine,
    /// The server would not have these sessions.
    NotOpened(Vec<u64>),
    /// The line is no message.
    Broken(String),
}

impl Traffic {
    /// Takes a line of the server's.
    pub(super) fn hear(&mut self, sessions: &mut Sessions, line: &[u8]) -> Heard {
        match message::read_server(line, &self.limits) {
            Ok(Body::One(one)) => self.one(sessions, &one, line),
            Ok(Body::Batch(all)) => {
                let mut refused = Vec::new();
                for one in &all {
                    if let Heard::NotOpened(sessions) = self.one(sessions, one, line) {
                        refused.extend(sessions);
                    }
                }
                if refused.is_empty() { Heard::Fine } else { Heard::NotOpened(refused) }
            }
            Err(fault) => Heard::Broken(fault.to_string()),
        }
    }

    fn one(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8]) -> Heard {
        match message.kind {
            Kind::Answer | Kind::Error => return self.answer(sessions, message, line),
            Kind::Request => self.asked_by_server(sessions, message, line),
            Kind::Notification => self.notified(sessions, message, line),
        }
        Heard::Fine
    }

    fn answer(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8]) -> Heard {
        let Some(number) = message.id.as_ref().and_then(|id| number(id.raw(line))) else {
            self.strays += 1;
            return Heard::Fine;
        };
        if matches!(&self.handshake, Handshake::Sent { number: ours, .. } if *ours == number) {
            return self.greeting(sessions, message, line);
        }
        if let Some(at) = self.own.iter().position(|own| *own == number) {
            self.own.swap_remove(at);
            return Heard::Fine;
        }
        let Some(call) = self.calls.get(&number) else {
            // Called off, or never asked.
            self.strays += 1;
            return Heard::Fine;
        };
        let refused = call.method == Method::Initialize && message.kind == Kind::Error;
        let status = self.status(message, line);
        let answer = self.addressed(message, line, call);
        let stream = self.streams.get_mut(&call.exchange).filter(|_| refused);
        let opened = stream.and_then(|stream| stream.opens.take());
        if message.kind == Kind::Error && call.method == Method::ResourcesSubscribe {
            // Nobody is told of what the server does not know of.
            let uri = call.uri.clone().unwrap_or_default();
            self.subscribed.remove(&uri);
        }
        self.answered(sessions, number, &answer, status);
        opened.map_or(Heard::Fine, |session| Heard::NotOpened(vec![session]))
    }

    /// The answer to a handshake of ours.
    fn greeting(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8]) -> Heard {
        if let Some(result) = message.result {
            self.greeted(sessions, result.raw(line));
            return Heard::Fine;
        }
        let before = std::mem::replace(&mut self.handshake, Handshake::Theirs);
        let Handshake::Sent { opening, waiting, .. } = before else { return Heard::Fine };
        self.handshake = Handshake::Ours(opening);
        let mut refused = Vec::new();
        for number in waiting {
            let Some(call) = self.calls.get(&number) else { continue };
            let answer = self.addressed(message, line, call);
            let stream = self.streams.get_mut(&call.exchange);
            refused.extend(stream.and_then(|stream| stream.opens.take()));
            self.answered(sessions, number, &answer, StatusCode::OK);
        }
        Heard::NotOpened(refused)
    }

    /// An answer with its caller's own id, and its subscription named as its caller named it.
    fn addressed(&self, message: &Message, line: &[u8], call: &Call) -> Vec<u8> {
        let mut edits = Vec::new();
        edits.extend(message.id.as_ref().map(|id| (id.span(), call.id.raw())));
        let named = message.meta.subscription_id.filter(|_| call.method == Method::Listen);
        edits.extend(named.map(|named| (named.span, call.id.raw())));
        spliced(line, message, &mut edits)
    }

    /// The status of an answer over HTTP (2026-07-28, "Streamable HTTP"). The session era has 200 for all of them.
    fn status(&self, message: &Message, line: &[u8]) -> StatusCode {
        let error = message.error.filter(|_| self.is_modern());
        let code = error.and_then(|error| json::member(line, error.span, "code"));
        match code.map(|code| code.raw(line)) {
            Some(b"-32601") => StatusCode::NOT_FOUND,
            Some(b"-32020" | b"-32021" | b"-32022" | b"-32700" | b"-32600") => StatusCode::BAD_REQUEST,
            Some(b"-32603") => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        }
    }

    fn asked_by_server(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8]) {
        let Some(id) = &message.id else { return };
        let owned = OwnedId::of(id, line);
        if let Some(session) = self.meant()
            && self.asks(owned.clone(), session)
        {
            return self.tell(sessions, session, message.span.of(line), true);
        }
        self.refuse_request(&owned, message.method.is_some_and(|method| method.is(line, "ping")));
    }

    /// Answers a request of the server's here: whoever it is meant for cannot be told.
    fn refuse_request(&mut self, id: &OwnedId, ping: bool) {
        self.out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        self.out.extend_from_slice(id.raw());
        if ping {
            self.out.extend_from_slice(b",\"result\":{}}\n");
            return;
        }
        self.strays += 1;
        let why = match self.is_dedicated() {
            true => "too many requests wait for the client's answer",
            false => "several clients share this process, so that none can be asked",
        };
        self.out.extend_from_slice(b",\"error\":{\"code\":-32601,\"message\":\"");
        self.out.extend_from_slice(why.as_bytes());
        self.out.extend_from_slice(b"\"}}\n");
    }

    fn notified(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8]) {
        let method = message.method.and_then(|name| name.text(line)).unwrap_or_default();
        match &*method {
            "notifications/progress" => self.progress(sessions, message, line),
            "notifications/cancelled" => self.cancelled(sessions, message, line),
            _ if self.is_modern() => self.on_subscription(sessions, message, line, &method),
            "notifications/message" => self.logged(sessions, message, line),
            "notifications/resources/updated" if !self.is_dedicated() => {
                let uri = message.fields.uri.and_then(|uri| uri.text(line)).unwrap_or_default();
                let to = self.subscribed.get(&*uri).cloned().unwrap_or_default();
                to.into_iter().for_each(|session| self.tell(sessions, session, message.span.of(line), false));
            }
            list if list.ends_with("/list_changed") || self.is_dedicated() => {
                let all: Vec<_> = sessions.iter().filter(|(_, one)| one.key == self.key).map(|(of, _)| *of).collect();
                all.into_iter().for_each(|session| self.tell(sessions, session, message.span.of(line), false));
            }
            _ => self.strays += 1,
        }
    }

    /// Progress goes to the call that gave the token. Where the token is a number of ours, the caller's own comes back.
    fn progress(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8]) {
        let Some(token) = message.fields.progress_token else { return self.strays += 1 };
        let raw = token.raw(line);
        let call = if self.is_dedicated() {
            let with = |call: &&Call| call.token.as_deref() == Some(raw);
            self.calls.values().filter(with).max_by_key(|call| call.since)
        } else {
            number(raw).and_then(|number| self.calls.get(&number)).filter(|call| call.token.is_some())
        };
        let Some(call) = call.filter(|call| call.cancelled.is_none()) else { return self.strays += 1 };
        let own = call.token.as_deref().unwrap_or(raw);
        let text = spliced(line, message, &mut vec![(token.span, own)]);
        if let Some(stream) = self.streams.get_mut(&call.exchange) {
            stream.tell(sessions, &text);
        }
    }

    /// The server calls off a request of its own, or ends a subscription (2026-07-28, "Cancellation").
    fn cancelled(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8]) {
        let Some(of) = message.fields.request_id else { return self.strays += 1 };
        if self.is_modern() {
            let number = number(of.raw(line)).filter(|number| self.calls.contains_key(number));
            let Some(number) = number else { return self.strays += 1 };
            let last = closed(&self.calls[&number].id);
            return self.answered(sessions, number, &last, StatusCode::OK);
        }
        let id = OwnedId::read(of, line);
        let Some(at) = self.asked.iter().position(|(asked, _)| Some(asked) == id.as_ref()) else {
            return self.strays += 1;
        };
        let (_, session) = self.asked.swap_remove(at);
        self.tell(sessions, session, message.span.of(line), true);
    }

    /// 2026-07-28: a subscription is named; a log message belongs to the one call that can have asked for it.
    fn on_subscription(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8], method: &str) {
        let named = message.meta.subscription_id;
        let number = match named {
            Some(named) => number(named.raw(line)),
            None if method == "notifications/message" => self.only_logging_call(),
            None => None,
        };
        let Some(call) = number.and_then(|number| self.calls.get(&number)) else { return self.strays += 1 };
        let own: Option<(Span, &[u8])> = named.map(|named: Value| (named.span, call.id.raw()));
        let text = spliced(line, message, &mut own.into_iter().collect());
        if let Some(stream) = self.streams.get_mut(&call.exchange) {
            stream.tell(sessions, &text);
        }
    }

    fn only_logging_call(&self) -> Option<u64> {
        // A call that has ended may log late, and would be heard by another caller.
        let mut calls = self.calls.iter().filter(|_| matches!(self.key, Key::Modern { caller: Some(_) }));
        match (calls.next(), calls.next()) {
            (Some((number, call)), None) if call.logs => Some(*number),
            _ => None,
        }
    }

    fn logged(&mut self, sessions: &mut Sessions, message: &Message, line: &[u8]) {
        match self.meant() {
            Some(session) => self.tell(sessions, session, message.span.of(line), true),
            None => self.strays += 1,
        }
    }

    /// The one session that a message without a name can be meant for, if there is only one.
    fn meant(&self) -> Option<u64> {
        match &self.key {
            Key::Session(session) => Some(*session),
            Key::Opened { caller: Some(_), .. } => self.only_session(),
            Key::Opened { caller: None, .. } | Key::Modern { .. } | Key::Spare => None,
        }
    }

    /// The one session that has calls under way.
    fn only_session(&self) -> Option<u64> {
        let mut sessions = self.calls.values().filter_map(|call| self.streams.get(&call.exchange)?.session());
        let first = sessions.next()?;
        sessions.all(|other| other == first).then_some(first)
    }

    /// Tells a session something that names no call: on the stream of its newest call where it likely belongs to one,
    /// or where nobody listens.
    fn tell(&mut self, sessions: &mut Sessions, session: u64, message: &[u8], of_a_call: bool) {
        let listens = sessions.get(&session).is_some_and(|session| session.is_heard());
        let newest = self
            .calls
            .values()
            .filter(|call| call.cancelled.is_none() && (of_a_call || !listens))
            .filter(|call| self.streams.get(&call.exchange).is_some_and(|stream| stream.session() == Some(session)))
            .max_by_key(|call| call.since)
            .map(|call| call.exchange);
        match newest.and_then(|exchange| self.streams.get_mut(&exchange)).filter(|stream| stream.takes_events()) {
            Some(stream) => stream.tell(sessions, message),
            None => {
                if let Some(session) = sessions.get_mut(&session) {
                    session.tell(message);
                }
            }
        }
    }
}

/// The number that a token is, if it is one of ours.
fn number(token: &[u8]) -> Option<u64> {
    std::str::from_utf8(token).ok()?.parse().ok()
}

/// A message with values of its caller's in the place of ours.
fn spliced(line: &[u8], message: &Message, edits: &mut Vec<(Span, &[u8])>) -> Vec<u8> {
    edits.sort_unstable_by_key(|(span, _)| span.start);
    let mut text = Vec::new();
    stdio::line(line, message.span, edits, &mut text);
    text
}
