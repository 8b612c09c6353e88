//! Who shakes hands with the process, and what waits for it.

use std::time::Instant;

use crate::protocol::json::quoted;
use crate::protocol::method::Method;

use super::super::ask::Opening;
use super::super::session::Sessions;
use super::{Call, Traffic};

/// Who has shaken hands with the process.
#[derive(Debug)]
pub(in crate::net::command) enum Handshake {
    /// The client does it itself, or the era has none.
    Theirs,
    /// We do, and so far nobody has asked for it.
    Ours(Opening),
    /// We have sent ours by this number; those who opened a session meanwhile wait for its answer.
    Sent { opening: Opening, number: u64, waiting: Vec<u64> },
    /// It is done, and this was the answer.
    Done { opening: Opening, result: Box<[u8]> },
}

impl Traffic {
    /// Opens a session on a process that is shared: the handshake is ours, and its answer is everybody's.
    pub(super) fn join(&mut self, sessions: &mut Sessions, number: u64) {
        match &mut self.handshake {
            Handshake::Theirs => {}
            Handshake::Ours(_) => {
                self.greet();
                if let Handshake::Sent { waiting, .. } = &mut self.handshake {
                    waiting.push(number);
                }
            }
            Handshake::Sent { waiting, .. } => waiting.push(number),
            Handshake::Done { result, .. } => {
                let result = result.clone();
                self.answer_self(sessions, number, &result);
            }
        }
    }

    /// Shakes hands, where that is ours to do and has not been done.
    pub(in crate::net::command) fn greet(&mut self) {
        if let Handshake::Ours(opening) = &self.handshake {
            let (opening, number) = (opening.clone(), self.numbers.next());
            self.out.extend_from_slice(&opening.line(number));
            self.handshake = Handshake::Sent { opening, number, waiting: Vec::new() };
        }
    }

    /// The handshake is done: those who wait are answered, and what was held back is sent.
    pub(in crate::net::command) fn greeted(&mut self, sessions: &mut Sessions, result: &[u8]) {
        let before = std::mem::replace(&mut self.handshake, Handshake::Theirs);
        let Handshake::Sent { opening, waiting, .. } = before else { return };
        self.handshake = Handshake::Done { opening, result: result.into() };
        self.out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
        for uri in self.subscribed.keys() {
            let (number, uri) = (self.numbers.next(), quoted(uri));
            let again = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"resources/subscribe\",\"params\":{{\"uri\":{uri}}}}}\n"
            );
            self.out.extend_from_slice(again.as_bytes());
            self.own.push(number);
        }
        self.out.append(&mut self.held);
        for number in waiting {
            self.answer_self(sessions, number, result);
        }
    }

    /// Sends a line, or holds it back until hands have been shaken.
    pub(super) fn write(&mut self, line: &[u8]) {
        self.greet();
        match self.handshake {
            Handshake::Sent { .. } => self.held.extend_from_slice(line),
            _ => self.out.extend_from_slice(line),
        }
    }

    /// Bytes that wait to be written.
    pub(in crate::net::command) fn unwritten(&self) -> usize {
        self.out.len() + self.held.len()
    }

    /// Since when the handshake has been waited for.
    pub(in crate::net::command) fn greeting_since(&self) -> Option<Instant> {
        let opens = |call: &&Call| call.method == Method::Initialize;
        self.calls.values().filter(opens).map(|call| call.since).min()
    }
}
