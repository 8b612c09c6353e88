//! One line a request, gathered in a buffer of its core.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use tracing::Level;

use crate::model::{Remote, clock};
use crate::telemetry::ended::{Ended, Outcome, Said};

use super::control::Settings;
use super::line::{Line, Style, digits};
use super::writer::Sink;

/// A buffer of this many bytes is handed over: some hundred lines, as waking the writer costs more than writing a line.
const FULL: usize = 31 * 1024;
/// Room for the line that fills it; with it a buffer is as large as the allocator still keeps at hand for a thread.
const LAST: usize = 1024;

/// The access lines of one core.
#[derive(Debug)]
pub struct Access {
    sink: Sink,
    settings: Arc<Settings>,
    buffer: RefCell<String>,
    lines: Cell<u64>,
}

impl Access {
    /// Lines that go to `sink`.
    pub fn new(sink: Sink, settings: Arc<Settings>) -> Self {
        Self { sink, settings, buffer: RefCell::default(), lines: Cell::new(0) }
    }

    /// Lines that nobody reads.
    pub fn nowhere() -> Self {
        Self::new(Sink::nowhere(), Arc::default())
    }

    /// Whether arguments are wanted, so that they have to be kept until the end of a call.
    pub fn wants_arguments(&self) -> bool {
        self.settings.arguments()
    }

    /// A request has ended.
    pub(in crate::telemetry) fn ended(&self, ended: &Ended<'_>) {
        let failed = matches!(ended.outcome, Outcome::Failed | Outcome::Cut);
        let level = if failed { Level::WARN } else { Level::INFO };
        if !self.settings.access() || !self.settings.has(level) {
            return;
        }
        let style = Style { json: self.settings.is_json(), colour: self.sink.is_coloured() };
        let mut buffer = self.buffer.borrow_mut();
        let line = Line::begin(&mut buffer, style, clock::unix_time(), level, ended.outcome.as_str());
        self.fields(line, ended);
        self.lines.set(self.lines.get() + 1);
        if buffer.len() >= FULL {
            self.hand_over(&mut buffer);
        }
    }

    fn fields(&self, mut line: Line<'_>, ended: &Ended<'_>) {
        line.quoted_if_json("id", |out| out.push_str(&ended.id.hex()));
        line.text("route", &ended.route.path);
        line.text("server", &ended.route.server);
        match ended.said {
            Said::Method(_) => line.text("method", ended.method),
            said => line.text("method", said.as_str()),
        }
        if !ended.name.is_empty() {
            line.text("name", ended.name);
        }
        line.text("caller", ended.caller);
        if !ended.issuer.is_empty() {
            line.text("issuer", ended.issuer);
        }
        line.quoted_if_json("peer", |out| address(out, ended.peer));
        line.number("status", ended.status.into());
        if !ended.rule.is_empty() {
            line.text("rule", ended.rule);
        }
        if let Some(reason) = ended.reason {
            line.text("reason", reason.as_str());
        }
        if !ended.limit.is_empty() {
            line.text("limit", ended.limit);
        }
        if !ended.why.is_empty() {
            line.text("why", ended.why);
        }
        line.number("received", ended.received);
        line.number("sent", ended.sent);
        line.milliseconds("ms", ended.total);
        if let Some(server) = ended.server {
            line.milliseconds("server_ms", server);
        }
        if let Some(added) = ended.added {
            line.milliseconds("added_ms", added);
        }
        // Kept by the settings of the request's beginning, written by those of its end.
        if let (Some((bytes, value)), Some(redact)) = (ended.arguments, &*self.settings.redact()) {
            line.json("arguments", &redact.write(bytes, value));
        }
        line.end();
    }

    /// Hands over what has gathered.
    pub fn flush(&self) {
        let mut buffer = self.buffer.borrow_mut();
        if !buffer.is_empty() {
            self.hand_over(&mut buffer);
        }
    }

    fn hand_over(&self, buffer: &mut String) {
        let full = std::mem::replace(buffer, String::with_capacity(FULL + LAST));
        self.sink.write(full.into_bytes(), self.lines.replace(0));
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.flush();
    }
}

/// As the standard library writes it; the usual kind without its machinery.
fn address(out: &mut String, address: Remote) {
    let Remote::Tcp(SocketAddr::V4(v4)) = address else {
        return write!(out, "{address}").expect("a String takes everything");
    };
    for (at, part) in v4.ip().octets().into_iter().enumerate() {
        if at > 0 {
            out.push('.');
        }
        digits(out, part.into(), 1);
    }
    out.push(':');
    digits(out, v4.port().into(), 1);
}
