//! The body of a streaming answer: pieces come from the call, pass `respond`, and go on.

use bytes::Bytes;
use tokio::time::{Duration, Instant, timeout_at};

use crate::catalog::Observer;
use crate::model::{Reason, Refusal, clock};
use crate::protocol::message::{Progressive, Seen};
use crate::stages::respond::{Awaited, Events, Expected, Verdict};
use crate::stages::upstream::Call;

/// How long a server may leave its stream open after its answer. It may not say much any more.
const AFTER_ANSWER: Duration = Duration::from_secs(5);

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
    /// What was read before the head could go out.
    begun: Vec<u8>,
    length: Option<u64>,
}

enum Body {
    Events { events: Box<Events>, grace: Option<Instant> },
    Long { progressive: Option<Box<Progressive>>, expected: Box<Expected> },
    Unread,
}

impl Relay {
    pub(super) fn events(call: Call, events: Events) -> Self {
        let body = Body::Events { events: Box::new(events), grace: None };
        Self { call: Some(call), body, begun: Vec::new(), length: None }
    }

    /// A long answer of which `begun` has been read.
    pub(super) fn long(call: Call, expected: Expected, begun: Bytes, length: Option<u64>) -> Result<Self, Refusal> {
        let mut progressive = Box::new(Progressive::new(&expected.limits));
        let reads_only = expected.reads_only();
        progressive.push(&begun).map_err(|fault| malformed(fault, reads_only))?;
        let body = Body::Long { progressive: Some(progressive), expected: Box::new(expected) };
        Ok(Self { call: Some(call), body, begun: begun.to_vec(), length })
    }

    /// An answer that nothing here reads.
    pub(super) fn unread(call: Call, length: Option<u64>) -> Self {
        Self { call: Some(call), body: Body::Unread, begun: Vec::new(), length }
    }

    /// Reads an event stream until its answer has come; it is kept back so long. Returns the revision it names.
    pub(super) async fn until_answered(&mut self, limit: usize, observer: &Observer) -> Result<String, Refusal> {
        let mut out = Vec::new();
        let end = loop {
            let step = self.step(&mut out, observer).await;
            let Body::Events { events, .. } = &self.body else { break Ok(String::new()) };
            match step {
                _ if events.is_answered() => break Ok(events.revision().unwrap_or("").to_owned()),
                Step::More if out.len() <= limit => {}
                Step::More => break Err(bad("more came before the answer than `[http] event` allows")),
                Step::Last => break Err(bad("the stream ended before the answer")),
                Step::Refused(refusal, _) | Step::Cut(refusal) => break Err(refusal),
            }
        };
        self.begun = out;
        end
    }

    /// Appends the next piece to `out`. Dropping the future loses nothing.
    pub async fn next(&mut self, out: &mut Vec<u8>, observer: &Observer) -> Step {
        if !self.begun.is_empty() {
            out.append(&mut self.begun);
            // What has come already leaves with the end of the body, where that has come as well.
            if self.call.as_ref().is_some_and(|call| !call.is_done()) {
                return Step::More;
            }
        }
        self.step(out, observer).await
    }

    /// Whether the body is an event stream, so that silence can be filled.
    pub fn is_events(&self) -> bool {
        matches!(self.body, Body::Events { .. })
    }

    /// Whether it has no end of its own.
    pub fn is_endless(&self) -> bool {
        matches!(&self.body, Body::Events { events, .. } if events.is_endless())
    }

    /// The length of the body, where the server said it and it passes as it is.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The client left. What that means to the call is the matter of its era.
    pub fn client_left(self) {
        drop(self);
    }

    /// Ends the call where it stands.
    pub fn cut(mut self) {
        if let Some(call) = self.call.take() {
            call.cut();
        }
    }

    async fn step(&mut self, out: &mut Vec<u8>, observer: &Observer) -> Step {
        let Some(call) = &mut self.call else { return Step::Last };
        let read = match &self.body {
            Body::Events { grace: Some(until), .. } => {
                let rest = timeout_at(*until, call.chunk()).await;
                rest.unwrap_or(Ok(None))
            }
            _ => call.chunk().await,
        };
        let step = match read {
            Ok(Some(chunk)) => self.body.take(&chunk, out, observer),
            Ok(None) => self.body.end(),
            Err(refusal) => self.body.fail(refusal),
        };
        let done = self.call.as_ref().is_some_and(Call::is_done);
        match step {
            // The end that came with the piece leaves with it, in the same write.
            Step::More if done => {
                let step = self.body.end();
                self.settle(step)
            }
            step => self.settle(step),
        }
    }

    /// Gives the call back, or ends it, once the body is over.
    fn settle(&mut self, step: Step) -> Step {
        match step {
            Step::More => Step::More,
            Step::Last => {
                if let Some(call) = self.call.take() {
                    if call.is_done() { call.finish() } else { call.cut() }
                }
                Step::Last
            }
            over => {
                if let Some(call) = self.call.take() {
                    call.cut();
                }
                over
            }
        }
    }
}

impl Body {
    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>, observer: &Observer) -> Step {
        match self {
            Body::Events { events, grace, .. } => {
                if let Err(refusal) = events.take(chunk, out, observer) {
                    return Step::Refused(refusal, events.awaited());
                }
                if events.is_answered() && grace.is_none() && !events.is_endless() {
                    *grace = Some(clock::timer_now() + AFTER_ANSWER);
                }
            }
            Body::Long { progressive, expected } => match progressive.as_mut().map(|checker| checker.push(chunk)) {
                Some(Err(fault)) => return Step::Cut(malformed(fault, expected.reads_only())),
                _ => out.extend_from_slice(chunk),
            },
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
            Body::Long { progressive, expected } => match progressive.take().map(|checker| checker.finish()) {
                Some(Ok(seen)) => judge_long(expected, &seen),
                Some(Err(fault)) => Step::Cut(malformed(fault, expected.reads_only())),
                None => Step::Last,
            },
            Body::Unread => Step::Last,
        }
    }

    fn fail(&self, refusal: Refusal) -> Step {
        match self {
            Body::Events { events, .. } => Step::Refused(refusal, events.awaited()),
            _ => Step::Cut(refusal),
        }
    }
}

/// A long answer has ended whole: was it what was asked for?
fn judge_long(expected: &mut Expected, seen: &Seen) -> Step {
    let messages = match seen {
        Seen::One(message) => std::slice::from_ref(message),
        Seen::Batch(messages) => messages,
    };
    for message in messages {
        match expected.judge_seen(message) {
            Verdict::Answer => {}
            Verdict::Pass => return Step::Cut(bad("a body that is no answer")),
            Verdict::Stray(why) => return Step::Cut(bad(why)),
        }
    }
    if expected.is_answered() { Step::Last } else { Step::Cut(bad("a batch with answers missing")) }
}

fn bad(why: &str) -> Refusal {
    Refusal::new(Reason::UpstreamBadResponse, format!("the server's answer was refused: {why}")).after_sending(false)
}

fn malformed(fault: impl std::fmt::Display, reads_only: bool) -> Refusal {
    let message = format!("the server's answer was refused: {fault}");
    Refusal::new(Reason::UpstreamBadResponse, message).after_sending(reads_only)
}
