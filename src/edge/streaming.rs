//! A streaming answer as the connection writes it.

use std::pin::pin;
use std::rc::Rc;

use http::StatusCode;

use crate::model::{Refusal, RequestId};
use crate::net::client::{End, Next, Source, Stop};
use crate::pipeline::{Core, Ending, Finish, Relay, Step};
use crate::protocol::sse::{self, Block};
use crate::stages::respond::Awaited;

use super::{errors, panics};

/// The body of a streaming answer, and the telling of its end.
pub struct Streaming {
    core: Rc<Core>,
    relay: Box<Relay>,
    finish: Finish,
    status: StatusCode,
    fault: Option<Refusal>,
}

impl Streaming {
    pub(super) fn new(core: Rc<Core>, relay: Box<Relay>, finish: Finish, status: StatusCode) -> Self {
        Self { core, relay, finish, status, fault: None }
    }
}

impl Source for Streaming {
    async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        let before = out.len();
        let Some(step) = panics::caught(pin!(self.relay.next(out, &self.core.observer))).await else {
            self.fault = Some(panics::refusal());
            return Next::Cut;
        };
        self.finish.sends(out.len() - before);
        match step {
            Step::More => Next::More,
            Step::Last => Next::Last,
            Step::Cut(refusal) => {
                self.fault = Some(refusal);
                Next::Cut
            }
            Step::Refused(refusal, awaited) => {
                write_errors(out, &refusal, &awaited, self.finish.id());
                self.fault = Some(refusal);
                Next::Last
            }
        }
    }

    fn keepalive(&self) -> Option<&'static [u8]> {
        self.relay.is_events().then_some(sse::COMMENT)
    }

    fn is_endless(&self) -> bool {
        self.relay.is_endless()
    }

    fn stop(&mut self, out: &mut Vec<u8>) -> Stop {
        let before = out.len();
        let stop = match self.relay.stop(self.finish.id().count(), out) {
            Step::More | Step::Last => Stop::Whole,
            Step::Refused(refusal, awaited) => {
                write_errors(out, &refusal, &awaited, self.finish.id());
                self.fault = Some(refusal);
                Stop::Whole
            }
            Step::Cut(refusal) => {
                self.fault = Some(refusal);
                Stop::Cut
            }
        };
        self.finish.sends(out.len() - before);
        stop
    }

    fn length(&self) -> Option<u64> {
        self.relay.length()
    }

    fn finished(self, end: End) {
        let Self { relay, finish, status, fault, .. } = self;
        match (&fault, end) {
            (Some(refusal), End::Cut) => finish.end(&Ending::Cut(refusal)),
            (Some(refusal), _) => finish.end(&Ending::Refused(refusal, status)),
            (None, End::ClientLeft) => finish.end(&Ending::ClientLeft),
            (None, End::Drained) => finish.end(&Ending::Drained(status)),
            (None, End::Complete | End::Cut) => finish.end(&Ending::Answered(status)),
        }
        match end {
            End::ClientLeft => relay.client_left(),
            End::Complete | End::Cut | End::Drained => relay.cut(),
        }
    }
}

/// The status has gone out: those who still wait are told by an event.
fn write_errors(out: &mut Vec<u8>, refusal: &Refusal, awaited: &Awaited, request: RequestId) {
    let ids = match awaited {
        Awaited::Request(id) => std::slice::from_ref(id),
        Awaited::Batch(ids) => ids,
        Awaited::Any | Awaited::None => &[],
    };
    for id in ids {
        let error = errors::error(refusal, Some(id.raw()), request);
        sse::write_block(out, &Block { data: Some(error.as_bytes()), ..Block::default() });
    }
}
