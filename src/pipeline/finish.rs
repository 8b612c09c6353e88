//! One exit: what happened is told once, for every outcome.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Instant;

use http::StatusCode;

use crate::model::{Blame, Refusal, RequestId, clock};
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
    method: Shown,
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
            method: Shown::of(b""),
            told: false,
        }
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.id
    }

    pub(super) fn said(&mut self, message: &WellFormed) {
        if let Some(name) = message.message().and_then(|one| one.method) {
            self.method = Shown::of(name.raw(message.bytes()));
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
        let (id, path, method) = (self.id, route.path.as_str(), &*self.method.text());
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

/// The beginning of a method's name, for the log. It is copied into place: a share of the body would keep all of it
/// for as long as a stream lasts.
struct Shown {
    bytes: [u8; Self::MOST],
    length: u8,
}

impl Shown {
    const MOST: usize = 47;

    /// Of a JSON string, as it is written.
    fn of(token: &[u8]) -> Self {
        let name = token.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(token);
        let length = name.len().min(Self::MOST);
        let mut shown = Self { bytes: [0; Self::MOST], length: length as u8 };
        shown.bytes[..length].copy_from_slice(&name[..length]);
        shown
    }

    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes[..usize::from(self.length)])
    }
}
