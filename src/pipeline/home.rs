//! Which server a message goes to, before any rule is asked: that of its route, unless another one has given it something.
//!
//! Rules may send messages of one path to several servers. A session stays with the server that it was opened with, and
//! what a server gave an authenticated caller to bring back goes to that server: the sealed ids say which one it was.

use crate::model::Principal;
use crate::stages::opening;
use crate::stages::session::Bound;
use crate::stages::wellformed::WellFormed;

use super::core::{Behind, Core, Route};

/// The route to take in the place of `route`, by its place among the core's; `None` where nothing ties the message to a
/// server.
pub(super) fn of(core: &Core, route: &Route, bound: &Bound, principal: &Principal, read: &WellFormed) -> Option<usize> {
    // Nearly every path has one server.
    if route.alternates.is_empty() {
        return None;
    }
    let all = || std::iter::once(route.number).chain(route.alternates.iter().copied());
    if let Some(endpoint) = bound.endpoint() {
        return all().find(|at| core.servers[core.routes[*at].server].has(endpoint));
    }
    let gave = |at: &usize| {
        let binder = core.routes[*at].binder.as_deref();
        let opened = opening::open(binder, principal, read.era(), read.messages(), read.bytes());
        opened.is_ok_and(|opened| opened.is_changed())
    };
    all().find(gave)
}

impl super::core::Server {
    /// Whether a session may have been opened with one of its endpoints.
    fn has(&self, endpoint: u64) -> bool {
        match &self.behind {
            Behind::Endpoints(endpoints) => endpoints.has(endpoint),
            Behind::Command(handle) => handle.fingerprint() == endpoint,
        }
    }
}
