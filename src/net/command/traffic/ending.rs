//! How calls, streams and sessions end before their answers: clients leave, time is over, the process is gone.

use std::time::{Duration, Instant};

use http::StatusCode;

use crate::model::{Reason, Refusal};
use crate::protocol::json::quoted;
use crate::protocol::message::OwnedId;
use crate::protocol::method::Method;

use super::super::exchange::GoesOn;
use super::super::session::Sessions;
use super::{Call, Handshake, Traffic};

/// How long an answer may still come after its call was called off.
const AFTER_CANCEL: Duration = Duration::from_secs(5);

impl Traffic {
    /// The client of an exchange has left.
    pub(in crate::net::command) fn left(&mut self, exchange: u64, goes_on: Option<GoesOn>) {
        if self.streams.get_mut(&exchange).is_some_and(|stream| !stream.goes_on(goes_on)) {
            self.call_off(exchange);
        }
    }

    /// Calls off what an exchange has asked for: nobody waits for it any more.
    pub(super) fn call_off(&mut self, exchange: u64) {
        self.streams.remove(&exchange);
        let of_it = self.calls.iter().filter(|(_, call)| call.exchange == exchange);
        let numbers: Vec<_> = of_it.map(|(number, _)| *number).collect();
        for number in numbers {
            // No `initialize` may be called off (2025-11-25, "Cancellation").
            if self.calls.remove(&number).is_some_and(|call| call.method == Method::Initialize) {
                continue;
            }
            let line = format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{number},\
                 \"reason\":\"the client left\"}}}}\n"
            );
            self.write(line.as_bytes());
        }
    }

    /// A session is over: nothing is meant for it any more.
    pub(in crate::net::command) fn forget(&mut self, session: u64) {
        let gone: Vec<_> =
            self.streams.iter().filter(|(_, stream)| stream.session() == Some(session)).map(|(of, _)| *of).collect();
        for exchange in gone {
            self.call_off(exchange);
        }
        self.asked.retain(|(_, by)| *by != session);
        let uris: Vec<_> = self.subscribed.keys().cloned().collect();
        for uri in uris {
            if self.subscribed[&uri].contains(&session) && self.unsubscribe(&uri, session) {
                let (number, quoted) = (self.numbers.next(), quoted(&uri));
                self.own.push(number);
                let line = format!(
                    "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"resources/unsubscribe\",\
                     \"params\":{{\"uri\":{quoted}}}}}\n"
                );
                self.write(line.as_bytes());
            }
        }
    }

    /// Time has passed: streams that have been silent since `silent` begin, what goes on without a client since before
    /// `deadline` is called off, and what was called off is given up.
    pub(in crate::net::command) fn tick(
        &mut self,
        sessions: &mut Sessions,
        now: Instant,
        silent: Instant,
        deadline: Instant,
    ) {
        for stream in self.streams.values_mut() {
            stream.wait(sessions, silent);
        }
        let forsaken = self.streams.iter().filter(|(_, stream)| stream.is_forsaken(deadline));
        let forsaken: Vec<_> = forsaken.map(|(exchange, _)| *exchange).collect();
        forsaken.into_iter().for_each(|exchange| self.call_off(exchange));
        let is_late = |call: &Call| call.cancelled.is_some_and(|since| now - since >= AFTER_CANCEL);
        let late: Vec<_> = self.calls.iter().filter(|(_, call)| is_late(call)).map(|(number, _)| *number).collect();
        for number in late {
            let Some(call) = self.calls.remove(&number) else { continue };
            if let Some(mut stream) = self.streams.remove(&call.exchange) {
                stream.end(sessions);
            }
        }
    }

    /// Cuts the streams of clients that do not keep up, where others share the process and must not wait for them.
    pub(in crate::net::command) fn cut_slow(&mut self, most: usize) {
        if self.is_dedicated() {
            return;
        }
        let slow = self.streams.iter_mut().filter(|(_, stream)| stream.waiting() > most);
        let slow: Vec<_> = slow.map(|(exchange, stream)| (*exchange, stream.refuse(slow_reader()))).collect();
        for (exchange, ()) in slow {
            self.call_off(exchange);
        }
    }

    /// The process is gone: everything that waits is refused.
    pub(in crate::net::command) fn fail(&mut self, refusal: &dyn Fn(&Call) -> Refusal, sessions: &mut Sessions) {
        self.refuse_calls(refusal, sessions);
        self.streams.clear();
        self.asked.clear();
        self.own.clear();
        self.held.clear();
        self.out.clear();
        let before = std::mem::replace(&mut self.handshake, Handshake::Theirs);
        self.handshake = match before {
            Handshake::Theirs => Handshake::Theirs,
            Handshake::Ours(opening) | Handshake::Sent { opening, .. } | Handshake::Done { opening, .. } => {
                Handshake::Ours(opening)
            }
        };
    }

    /// Refuses everything that waits for an answer.
    pub(in crate::net::command) fn refuse_calls(
        &mut self,
        refusal: &dyn Fn(&Call) -> Refusal,
        sessions: &mut Sessions,
    ) {
        let (calls, modern) = (std::mem::take(&mut self.calls), self.is_modern());
        for call in calls.into_values() {
            let Some(mut stream) = self.streams.remove(&call.exchange) else { continue };
            match call.method {
                // It ends as its server would have ended it.
                Method::Listen if modern => {
                    stream.answer(sessions, &closed(&call.id), StatusCode::OK);
                }
                _ => stream.refuse(refusal(&call)),
            }
        }
    }
}

/// The end of a subscription, as its server would give it (2026-07-28, "Subscriptions", "Graceful Closure").
pub(in crate::net::command) fn closed(id: &OwnedId) -> Vec<u8> {
    let id = String::from_utf8_lossy(id.raw());
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"resultType\":\"complete\",\
         \"_meta\":{{\"io.modelcontextprotocol/subscriptionId\":{id}}}}}}}"
    )
    .into_bytes()
}

fn slow_reader() -> Refusal {
    let message = "the client reads more slowly than the server writes, and others share the server's process";
    Refusal::new(Reason::Overloaded, message).after_sending(false)
}

/// What a caller is told whose call was under way.
pub(in crate::net::command) fn reset(call: &Call, why: String) -> Refusal {
    Refusal::new(Reason::UpstreamReset, why).after_sending(call.method.only_reads())
}
