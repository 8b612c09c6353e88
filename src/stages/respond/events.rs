//! An answer as an event stream: our framing around the server's bytes, message by message.

use crate::catalog::Observer;
use crate::model::{Reason, Refusal, RequestId};
use crate::protocol::message::{self, Body, Message};
use crate::protocol::revision::Era;
use crate::protocol::sse::{self, Block};

use super::expected::{Awaited, Expected, Said, Verdict};
use super::promised::Broken;
use super::unseen::Shown;
use super::whole::{changed, revision};
use super::{bad, parting};

/// Reads a server's event stream and writes what of it passes.
#[derive(Debug)]
pub struct Events {
    /// The request that it answers.
    id: RequestId,
    reader: sse::Reader,
    expected: Expected,
    /// The stream carried event ids, so that a client can come back for the rest (2025-11-25, polling).
    resumable: bool,
    revision: Option<String>,
    strays: u64,
}

impl Events {
    /// A stream for the request `id`, whose lines and events hold at most `limit` bytes.
    pub fn new(id: RequestId, expected: Expected, limit: usize) -> Self {
        let reader = sse::Reader::new(limit);
        Self { id, reader, expected, resumable: false, revision: None, strays: 0 }
    }

    /// Takes what came and appends what passes to `out`.
    ///
    /// # Errors
    /// `upstream_bad_response` for a line or an event beyond the limit, and for an answer that breaks what was promised
    /// of it; the stream is over.
    pub fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>, observer: &Observer) -> Result<(), Refusal> {
        self.reader.push(chunk);
        // Nearly all of it passes: room for it once, instead of with each event.
        out.reserve(chunk.len());
        loop {
            match self.reader.next() {
                Ok(Some(block)) => {
                    self.resumable |= block.id.is_some_and(|id| !id.is_empty());
                    let mut verdicts = Verdicts {
                        id: self.id,
                        expected: &mut self.expected,
                        revision: &mut self.revision,
                        observer,
                        strays: &mut self.strays,
                    };
                    if let Err(why) = verdicts.block(&block, out) {
                        return Err(bad(why, self.expected.reads_only));
                    }
                }
                Ok(None) => return Ok(()),
                Err(overlong) => return Err(bad(overlong, self.expected.reads_only)),
            }
        }
    }

    /// Whether the awaited answer has come.
    pub fn is_answered(&self) -> bool {
        self.expected.is_answered()
    }

    /// The revision that the answer to `initialize` named.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// Messages that were dropped.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// Whether the stream has no end of its own: a session's, or a subscription's.
    pub fn is_endless(&self) -> bool {
        self.expected.is_endless()
    }

    /// Whom an error would be addressed to that ends the stream: those who still wait.
    pub fn awaited(&self) -> Awaited {
        if self.is_answered() { Awaited::None } else { self.expected.awaited.clone() }
    }

    /// Whether the client can come back for what is missing (2025-11-25, "Resumability"): it has an event id.
    pub fn is_resumable(&self) -> bool {
        self.resumable && self.expected.era == Era::Legacy
    }

    /// Whether making the call twice can do no harm.
    pub fn reads_only(&self) -> bool {
        self.expected.reads_only
    }

    /// Weir is stopping, and the stream ends before its server has ended it: appends what its client should be told.
    /// `spread` is any number that differs from stream to stream.
    pub fn part(&self, spread: u64, out: &mut Vec<u8>) {
        match (self.expected.era, &self.awaited()) {
            (Era::Modern, Awaited::Request(id)) => parting::closed(id, out),
            (Era::Legacy, _) if !self.is_answered() => parting::come_back(spread, out),
            _ => {}
        }
    }

    /// The server's stream has ended.
    ///
    /// # Errors
    /// `upstream_reset` where an answer is still awaited and the client has no event id to come back with.
    pub fn end(&self) -> Result<(), Refusal> {
        if !self.expected.awaits() || self.is_resumable() {
            return Ok(());
        }
        let refusal = Refusal::new(Reason::UpstreamReset, "the server ended the stream before its answer");
        Err(refusal.after_sending(self.expected.reads_only))
    }
}

/// The parts of [`Events`] beside its reader, which lends out the block.
struct Verdicts<'a> {
    id: RequestId,
    expected: &'a mut Expected,
    revision: &'a mut Option<String>,
    observer: &'a Observer,
    strays: &'a mut u64,
}

impl Verdicts<'_> {
    /// The error is why the stream ends here.
    fn block(&mut self, block: &Block<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let judged = match (block.message(), block.data) {
            (Some(text), _) => match self.judge(text) {
                Ok(judged) => judged,
                Err(broken) => {
                    // Whoever comes back comes back for what is behind it. It is told to who waits, on a session's own
                    // stream as well.
                    without_data(block, out);
                    if matches!(self.expected.awaited, Awaited::Any) {
                        self.expected.awaited = Awaited::Request(broken.id);
                    }
                    return Err(broken.why);
                }
            },
            (None, Some(data)) => self.foreign(data).map(|()| Shown::All),
            (None, None) => Ok(Shown::All),
        };
        match judged {
            Ok(Shown::All) => sse::write_block(out, block),
            Ok(Shown::Less(changed)) => sse::write_block(out, &Block { data: Some(&changed), ..*block }),
            Ok(Shown::Nothing) => without_data(block, out),
            Err(why) => {
                *self.strays += 1;
                // Once a stream: a server must not be able to fill the log.
                if *self.strays == 1 {
                    tracing::warn!(id = %self.id, why, "a message of a server was dropped, and others like it will be");
                }
                without_data(block, out);
            }
        }
        Ok(())
    }

    /// Whether a message passes, and what of it; the outer error is of an answer that breaks its promise.
    fn judge(&mut self, text: &[u8]) -> Result<Result<Shown, String>, Broken> {
        match self.expected.read(self.observer, text) {
            Ok(body) => {
                self.expected.hear(self.observer, &body, text);
                // Before it counts as the answer: it is none, and the error takes its place.
                self.expected.keeps_promises(&body, text)?;
                Ok(self.judge_body(&body, text))
            }
            Err(fault) => Ok(Err(fault.to_string())),
        }
    }

    fn judge_body(&mut self, body: &Body, text: &[u8]) -> Result<Shown, String> {
        // First: an answer that cannot be cut for its reader is none, and still awaited.
        let shown = self.expected.show(body, text)?;
        match body {
            Body::One(message) => match self.expected.judge(Said::of(message, text)) {
                Verdict::Pass => Ok(shown),
                Verdict::Stray(why) => Err(why.to_owned()),
                Verdict::Answer => Ok(self.answer(message, text).map_or(shown, Shown::Less)),
            },
            Body::Batch(messages) => self.expected.judge_batch(messages, text).map(|()| shown).map_err(str::to_owned),
        }
    }

    /// An event of another type than `message` is none to the specification, and passes: unless it holds what a client
    /// that does not look at the type would take for one.
    fn foreign(&self, data: &[u8]) -> Result<(), String> {
        match message::read_server(data, &self.expected.limits) {
            _ if self.expected.is_redacted() => {
                Err("an event of a foreign type, where answers are redacted".to_owned())
            }
            Ok(_) => Err("a message in an event of a foreign type".to_owned()),
            Err(_) => Ok(()),
        }
    }

    fn answer(&mut self, message: &Message, text: &[u8]) -> Option<Vec<u8>> {
        self.expected.teach(self.observer, text, message);
        *self.revision = revision(self.expected, message, text);
        changed(self.expected, message, text)
    }
}

/// What is dropped leaves its id, which still counts: a client that comes back must not be sent what came before it again.
/// It is written as an event without data, which carries nothing (2025-11-25, "Sending Messages", 6).
fn without_data(block: &Block<'_>, out: &mut Vec<u8>) {
    if block.id.is_some() || block.retry.is_some() {
        sse::write_block(out, &Block { data: Some(b""), event: None, ..*block });
    }
}
