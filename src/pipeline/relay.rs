//! The body of a streaming answer: pieces come from the call, pass `respond`, and go on.

use bytes::Bytes;
use tokio::time::{Duration, Instant, timeout_at};

use crate::catalog::Observer;
use crate::model::{Reason, Refusal, clock};
use crate::protocol::message::Progressive;
use crate::stages::respond::{self, Awaited, Events, Expected};
use crate::stages::upstream::Call;

use super::stopping;

/// What one step of a relay brought.
#[derive(Debug)]
pub enum Step {
    /// There may be more.
    More,
    /// That was all.
    Last,
    /// The event stream ends with this refusal, which its client is to read as an event.
    Refused(Refusal, Awaited),
    /// The body is at fault and must not look complete.
    Cut(Refusal),
}

/// A streaming answer.
pub struct Relay {
    call: Option<Call>,
    body: Body,
    /// What has passed already and waits to be taken.
    begun: Bytes,
    length: Option<u64>,
}

enum Body {
    Events {
        events: Box<Events>,
        /// How long the server may leave the stream open after its answer.
        after_answer: Duration,
        /// When it has to have ended the stream, once it has answered.
        grace: Option<Instant>,
    },
    /// Checked while it passes; `None` once it has been.
    Long(Option<Box<Long>>),
    Unread,
}

struct Long {
    progressive: Progressive,
    expected: Expected,
}

impl Relay {
    pub(super) fn events(call: Call, events: Events, after_answer: Duration) -> Self {
        let body = Body::Events { events: Box::new(events), after_answer, grace: None };
        Self { call: Some(call), body, begun: Bytes::new(), length: None }
    }

    /// A long answer of which `begun` has been read.
    pub(super) fn long(call: Call, expected: Expected, begun: Bytes, length: Option<u64>) -> Result<Self, Refusal> {
        let mut progressive = Progressive::new(&expected.limits);
        if let Err(fault) = progressive.push(&begun) {
            call.cut();
            return Err(respond::bad(fault, expected.reads_only));
        }
        let body = Body::Long(Some(Box::new(Long { progressive, expected })));
        Ok(Self { call: Some(call), body, begun, length })
    }

    /// An answer that nothing here reads, of which `begun` has come.
    pub(super) fn unread(call: Call, begun: Bytes, length: Option<u64>) -> Self {
        Self { call: Some(call), body: Body::Unread, begun, length }
    }

    /// The endpoint that answers; 0 once the call is over.
    pub(super) fn fingerprint(&self) -> u64 {
        self.call.as_ref().map_or(0, Call::fingerprint)
    }

    /// Reads an event stream until its answer has come, at most `limit` bytes of what passes; it is kept back so long.
    /// Returns the revision that the answer names; none where the client has to come back for the answer.
    pub(super) async fn until_answered(&mut self, limit: usize, observer: &Observer) -> Result<String, Refusal> {
        let mut out = Vec::new();
        loop {
            let step = self.step(&mut out, observer).await;
            let Body::Events { events, .. } = &self.body else { break };
            match step {
                _ if events.is_answered() => break,
                Step::Refused(refusal, _) | Step::Cut(refusal) => return Err(refusal),
                Step::More if out.len() > limit => {
                    self.end_call();
                    return Err(respond::bad("more came before it than `[http] event` allows", false));
                }
                Step::More => {}
                Step::Last => break,
            }
        }
        self.begun = Bytes::from(out);
        let Body::Events { events, .. } = &self.body else { return Ok(String::new()) };
        Ok(events.revision().unwrap_or("").to_owned())
    }

    /// Ends the call, and gives what was kept back of it.
    pub(super) fn kept_back(mut self) -> Bytes {
        self.end_call();
        std::mem::take(&mut self.begun)
    }

    /// Appends the next piece to `out`. Dropping the future loses nothing.
    pub async fn next(&mut self, out: &mut Vec<u8>, observer: &Observer) -> Step {
        let begun = std::mem::take(&mut self.begun);
        out.extend_from_slice(&begun);
        match &self.call {
            // What is there leaves at once; only an end that has come as well is waited for, which takes no time.
            Some(call) if !begun.is_empty() && !call.is_done() => Step::More,
            _ => self.step(out, observer).await,
        }
    }

    /// Whether the body is an event stream, so that silence can be filled.
    pub fn is_events(&self) -> bool {
        matches!(self.body, Body::Events { .. })
    }

    /// Whether an event stream has brought what was asked for.
    pub fn is_answered(&self) -> bool {
        matches!(&self.body, Body::Events { events, .. } if events.is_answered())
    }

    /// Whether it has no end of its own.
    pub fn is_endless(&self) -> bool {
        matches!(&self.body, Body::Events { events, .. } if events.is_endless())
    }

    /// Weir is stopping: writes what a reader of the stream should still be told, and says how it ends.
    /// `spread` is any number that differs from stream to stream.
    pub fn stop(&self, spread: u64, out: &mut Vec<u8>) -> Step {
        let Body::Events { events, .. } = &self.body else {
            return Step::Cut(stopping::sent(false));
        };
        if events.is_endless() || events.is_answered() || events.is_resumable() {
            events.part(spread, out);
            return Step::Last;
        }
        Step::Refused(stopping::sent(events.reads_only()), events.awaited())
    }

    /// The length of the body, where the server said it and it passes as it is.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The client left. What that means to the call is the matter of its era, for as long as there is something to
    /// wait for.
    pub fn client_left(self) {
        if let Body::Events { events, .. } = &self.body
            && events.is_answered()
        {
            self.cut();
        }
    }

    /// Ends the call where it stands.
    pub fn cut(mut self) {
        self.end_call();
    }

    fn end_call(&mut self) {
        if let Some(call) = self.call.take() {
            call.cut();
        }
    }

    async fn step(&mut self, out: &mut Vec<u8>, observer: &Observer) -> Step {
        let Some(call) = &mut self.call else { return Step::Last };
        let read = match &self.body {
            Body::Events { grace: Some(until), .. } => timeout_at(*until, call.chunk()).await.unwrap_or(Ok(None)),
            _ => call.chunk().await,
        };
        let (done, lost) = (call.is_done(), call.is_lost_when_broken());
        let mut step = match read {
            Ok(Some(chunk)) => self.body.take(&chunk, out, observer),
            Ok(None) => self.body.end(),
            Err(refusal) => self.body.fail(refusal, lost),
        };
        // The end that came with the piece leaves with it, in the same write.
        if matches!(step, Step::More) && done {
            step = self.body.end();
        }
        self.settle(&step);
        step
    }

    /// Gives the call back, or ends it, once the body is over.
    fn settle(&mut self, step: &Step) {
        let over = !matches!(step, Step::More);
        match self.call.take_if(|_| over) {
            Some(call) if matches!(step, Step::Last) && call.is_done() => call.finish(),
            Some(call) => call.cut(),
            None => {}
        }
    }
}

impl Body {
    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>, observer: &Observer) -> Step {
        match self {
            Body::Events { events, after_answer, grace } => {
                if let Err(refusal) = events.take(chunk, out, observer) {
                    return over(events, refusal);
                }
                if events.is_answered() && grace.is_none() {
                    *grace = Some(clock::timer_now() + *after_answer);
                }
            }
            Body::Long(long) => {
                if let Some(Err(refusal)) = long.as_mut().map(|long| long.push(chunk)) {
                    return Step::Cut(refusal);
                }
                out.extend_from_slice(chunk);
            }
            Body::Unread => out.extend_from_slice(chunk),
        }
        Step::More
    }

    fn end(&mut self) -> Step {
        match self {
            Body::Events { events, .. } => match events.end() {
                Ok(()) => Step::Last,
                Err(refusal) => Step::Refused(refusal, events.awaited()),
            },
            Body::Long(long) => match long.take().map(|long| long.end()) {
                Some(Err(refusal)) => Step::Cut(refusal),
                Some(Ok(())) | None => Step::Last,
            },
            Body::Unread => Step::Last,
        }
    }

    fn fail(&self, refusal: Refusal, lost: bool) -> Step {
        match self {
            // To a client that can come back for the rest, a broken connection is no more than one that was closed.
            Body::Events { events, .. }
                if !lost && refusal.reason == Reason::UpstreamReset && events.is_resumable() =>
            {
                Step::Last
            }
            Body::Events { events, .. } => over(events, refusal),
            Body::Long(_) | Body::Unread => Step::Cut(refusal),
        }
    }
}

/// An event stream is over before its end. What has been answered stays answered.
fn over(events: &Events, refusal: Refusal) -> Step {
    if events.is_answered() { Step::Last } else { Step::Refused(refusal, events.awaited()) }
}

impl Long {
    /// Checks the next piece before it passes.
    fn push(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let bad = |why: &dyn std::fmt::Display| respond::bad(why, self.expected.reads_only);
        self.progressive.push(chunk).map_err(|fault| bad(&fault))?;
        match self.expected.may_hold_sealed() && self.progressive.is_brought_back() {
            true => {
                Err(bad(&"what its reader would bring back stands behind its first 64 KiB, where it cannot be sealed"))
            }
            false => Ok(()),
        }
    }

    /// It has ended whole: was it what was asked for?
    fn end(self) -> Result<(), Refusal> {
        let seen = self.progressive.finish().map_err(|fault| respond::bad(fault, self.expected.reads_only))?;
        respond::passed(self.expected, &seen)
    }
}
