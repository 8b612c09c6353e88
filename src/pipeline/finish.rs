//! One exit: what happened is told once, for every outcome.

use std::rc::Rc;
use std::time::Instant;

use http::StatusCode;

use crate::model::{Blame, Refusal, RequestId, clock};
use crate::protocol::json::Span;
use crate::stages::wellformed::WellFormed;

use super::core::Core;

/// How a request ended.
#[derive(Debug)]
pub enum Ending<'a> {
    /// Answered whole.
    Answered(StatusCode),
    /// Refused by Weir.
    Refused(&'a Refusal),
    /// The answer was cut while it passed.
    Cut(&'a Refusal),
    /// The client left before its answer had ended.
    ClientLeft,
    /// A stream ended because Weir is stopping.
    Drained,
}

/// What is known of a request for the one line that is told of it. Dropped without an ending, it tells that the
/// client went away: that is the one outcome that reaches nobody else.
pub struct Finish {
    core: Rc<Core>,
    id: RequestId,
    begun: Instant,
    route: usize,
    method: String,
    told: bool,
}

impl Finish {
    /// A request begins.
    pub fn begin(core: &Rc<Core>, route: usize) -> Self {
        Self {
            core: Rc::clone(core),
            id: core.ids.next(),
            begun: clock::now(),
            route,
            method: String::new(),
            told: false,
        }
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.id
    }

    pub(super) fn said(&mut self, message: &WellFormed) {
        let shown = |span: Span| String::from_utf8_lossy(span.of(message.bytes())).chars().take(64).collect();
        if tracing::enabled!(tracing::Level::DEBUG) {
            self.method = message.message().and_then(|one| one.method).map(|name| shown(name.span)).unwrap_or_default();
        }
    }

    /// Tells the end of it.
    pub fn end(mut self, ending: &Ending<'_>) {
        self.told = true;
        self.tell(ending);
    }

    fn tell(&self, ending: &Ending<'_>) {
        let route = &self.core.routes[self.route];
        let server = self.core.servers[route.server].name.as_str();
        let (id, path, method) = (self.id, route.path.as_str(), self.method.as_str());
        let ms = (clock::now() - self.begun).as_millis() as u64;
        match ending {
            Ending::Answered(status) => {
                tracing::debug!(%id, route = path, server, method, status = status.as_u16(), ms, "answered");
            }
            Ending::Refused(refusal) | Ending::Cut(refusal) => {
                let reason = refusal.reason.as_str();
                match refusal.reason.blame() {
                    Blame::Client => {
                        tracing::debug!(%id, route = path, server, method, reason, ms, why = %refusal.message, "refused")
                    }
                    _ => {
                        tracing::warn!(%id, route = path, server, method, reason, ms, why = %refusal.message, "failed")
                    }
                }
            }
            Ending::ClientLeft => tracing::debug!(%id, route = path, server, method, ms, "the client left"),
            Ending::Drained => tracing::debug!(%id, route = path, server, method, ms, "ended by draining"),
        }
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        if !self.told {
            self.tell(&Ending::ClientLeft);
        }
    }
}
