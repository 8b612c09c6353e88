//! One exchange as it advances: each step takes the proof of a stage, so that forgetting one does not compile.

use std::sync::Arc;

use http::HeaderMap;

use crate::model::{Addressee, Principal, RequestId, Visitor};
use crate::protocol::media;
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::arguments::Argued;
use crate::stages::authenticate::Identified;
use crate::stages::authorize::Permitted;
use crate::stages::limit::{Admitted, Called, Tried};
use crate::stages::opening::Opened;
use crate::stages::respond::{self, Memory, Promise};
use crate::stages::rules::{Changes, Ruled};
use crate::stages::session::{Bound, Seal};
use crate::stages::wellformed::{Verb, WellFormed};

use super::core::{Core, Route, Server};
use super::finish::Seen;
use super::home;
use super::lookup::Asking;

/// A request as `edge` hands it over: the route is found, nothing else is.
#[derive(Debug)]
pub struct Arrival<B> {
    /// The place of the route in [`Core::routes`].
    pub route: usize,
    /// The HTTP method.
    pub verb: Verb,
    /// The client's fields.
    pub headers: HeaderMap,
    /// The body, not read yet.
    pub body: B,
}

/// What every step knows.
pub(super) struct Exchange<'a, P> {
    pub(super) core: &'a Core,
    pub(super) route: &'a Route,
    pub(super) verb: Verb,
    pub(super) headers: &'a HeaderMap,
    /// Its id.
    pub(super) id: RequestId,
    /// Where it comes from.
    pub(super) peer: &'a Visitor,
    /// What is told of it in the end.
    pub(super) seen: &'a Seen,
    pub(super) progress: P,
}

/// Nobody has been asked anything.
pub(super) struct Arrived;

/// The caller is known.
pub(super) struct Known {
    identified: Identified,
}

/// The message is read.
pub(super) struct Read<'a> {
    known: Known,
    /// In a place of its own: it is large, and the exchange moves with each step.
    message: &'a mut WellFormed,
}

/// The conversation is found, and with it the server.
pub(super) struct Found<'a> {
    read: Read<'a>,
    bound: Bound,
    /// Something ties it to that server: no rule sends it to another.
    settled: bool,
}

/// The caller may do it.
pub(super) struct Granted<'a> {
    read: Read<'a>,
    bound: Bound,
    settled: bool,
    permitted: Permitted,
}

/// Policy lets it go on.
pub(super) struct Judged<'a> {
    read: Read<'a>,
    bound: Bound,
    permitted: Permitted,
    ruled: Ruled<'a>,
}

/// What it brings back is the caller's own.
pub(super) struct Brought<'a> {
    read: Read<'a>,
    pub(super) bound: Bound,
    permitted: Permitted,
    ruled: Ruled<'a>,
    opened: Opened,
}

/// It asks for nothing that its route refuses: the call may be made.
pub(super) struct Ready<'a> {
    read: Read<'a>,
    pub(super) bound: Bound,
    pub(super) permitted: Permitted,
    ruled: Ruled<'a>,
    pub(super) opened: Opened,
    /// What its answers have to be.
    pub(super) promises: Vec<Promise>,
    _argued: Argued,
}

impl<'a, P> Exchange<'a, P> {
    pub(super) fn server(&self) -> &'a Server {
        &self.core.servers[self.route.server]
    }

    /// Takes the route at that place instead: the same path, with another server.
    fn turn(&mut self, at: usize) {
        self.route = &self.core.routes[at];
        self.seen.turned(at);
    }

    /// Inlined, so that what is large is built where it is to be: it would be moved at each step.
    #[inline(always)]
    fn advance<Q>(self, step: impl FnOnce(P) -> Q) -> Exchange<'a, Q> {
        let Self { core, route, verb, headers, id, peer, seen, progress } = self;
        Exchange { core, route, verb, headers, id, peer, seen, progress: step(progress) }
    }
}

impl<'a> Exchange<'a, Arrived> {
    #[inline(always)]
    pub(super) fn identified(self, identified: Identified, _: Tried) -> Exchange<'a, Known> {
        self.advance(|Arrived| Known { identified })
    }
}

impl<'a> Exchange<'a, Known> {
    pub(super) fn principal(&self) -> &Principal {
        self.progress.identified.principal()
    }

    #[inline(always)]
    pub(super) fn read(self, message: &'a mut WellFormed) -> Exchange<'a, Read<'a>> {
        self.advance(|known| Read { known, message })
    }
}

impl<'a> Exchange<'a, Read<'a>> {
    pub(super) fn message(&self) -> &WellFormed {
        self.progress.message
    }

    pub(super) fn into_message(self) -> &'a WellFormed {
        self.progress.message
    }

    pub(super) fn principal(&self) -> &Principal {
        self.progress.known.identified.principal()
    }

    pub(super) fn seal(&self) -> Seal<'_> {
        seal(self, self.principal())
    }

    #[inline(always)]
    pub(super) fn bound(mut self, bound: Bound, _: Called) -> Exchange<'a, Found<'a>> {
        let Read { known, message } = &self.progress;
        let home = home::of(self.core, self.route, &bound, known.identified.principal(), message);
        if let Some(at) = home {
            self.turn(at);
        }
        self.advance(|read| Found { read, bound, settled: home.is_some() })
    }
}

impl<'a> Exchange<'a, Found<'a>> {
    pub(super) fn message(&self) -> &WellFormed {
        self.progress.read.message
    }

    pub(super) fn principal(&self) -> &Principal {
        self.progress.read.known.identified.principal()
    }

    #[inline(always)]
    pub(super) fn permitted(self, permitted: Permitted) -> Exchange<'a, Granted<'a>> {
        self.advance(|Found { read, bound, settled }| Granted { read, bound, settled, permitted })
    }
}

impl<'a> Exchange<'a, Granted<'a>> {
    pub(super) fn message(&self) -> &WellFormed {
        self.progress.read.message
    }

    pub(super) fn principal(&self) -> &Principal {
        self.progress.read.known.identified.principal()
    }

    /// As one that wants to know of its tool.
    pub(super) fn asking(&self) -> Asking<'_> {
        asking(self, self.message(), self.principal(), &self.progress.bound)
    }

    /// Whether something ties it to its server.
    pub(super) fn is_settled(&self) -> bool {
        self.progress.settled
    }

    /// By the route at that place, whose server the caller may ask as well.
    #[inline(always)]
    pub(super) fn sent_to(mut self, at: usize, permitted: Permitted) -> Self {
        self.turn(at);
        self.advance(|granted| Granted { permitted, ..granted })
    }

    #[inline(always)]
    pub(super) fn judged(self, ruled: Ruled<'a>) -> Exchange<'a, Judged<'a>> {
        self.advance(|Granted { read, bound, permitted, .. }| Judged { read, bound, permitted, ruled })
    }
}

impl<'a> Exchange<'a, Judged<'a>> {
    pub(super) fn message(&self) -> &WellFormed {
        self.progress.read.message
    }

    pub(super) fn principal(&self) -> &Principal {
        self.progress.read.known.identified.principal()
    }

    /// The conversation.
    pub(super) fn found(&self) -> &Bound {
        &self.progress.bound
    }

    /// What rules change.
    pub(super) fn changes(&self) -> Option<&Changes<'a>> {
        self.progress.ruled.changes()
    }

    /// `None` where what was opened cannot be read in its place.
    #[inline(always)]
    pub(super) fn opened(self, mut opened: Opened, _: Admitted) -> Option<Exchange<'a, Brought<'a>>> {
        if let Some(bytes) = opened.take_bytes() {
            self.progress.read.message.respell(bytes, self.core.bounds.depth)?;
        }
        Some(self.advance(|Judged { read, bound, permitted, ruled }| Brought { read, bound, permitted, ruled, opened }))
    }
}

impl<'a> Exchange<'a, Brought<'a>> {
    pub(super) fn message(&self) -> &WellFormed {
        self.progress.read.message
    }

    pub(super) fn principal(&self) -> &Principal {
        self.progress.read.known.identified.principal()
    }

    pub(super) fn addressee(&self) -> Addressee {
        self.message().addressee()
    }

    /// As one that wants to know of its tool.
    pub(super) fn asking(&self) -> Asking<'_> {
        asking(self, self.message(), self.principal(), &self.progress.bound)
    }

    /// What rules change.
    pub(super) fn changes(&self) -> Option<&Changes<'a>> {
        self.progress.ruled.changes()
    }

    /// Where what its calls are promised is remembered.
    pub(super) fn memory(&self) -> Memory {
        memory(self, &self.progress.bound)
    }

    /// Whether rules change arguments of it.
    pub(super) fn changes_arguments(&self) -> bool {
        self.changes().is_some_and(|changes| !changes.arguments.is_empty())
    }

    /// Has another body from now on; `None` where that cannot be read.
    pub(super) fn amend(&mut self, bytes: Vec<u8>) -> Option<()> {
        self.progress.read.message.respell(bytes, self.core.bounds.depth)
    }

    /// `promises`: what its answers have to be.
    #[inline(always)]
    pub(super) fn argued(self, argued: Argued, promises: Vec<Promise>) -> Exchange<'a, Ready<'a>> {
        self.advance(|brought| {
            let Brought { read, bound, permitted, ruled, opened } = brought;
            Ready { read, bound, permitted, ruled, opened, promises, _argued: argued }
        })
    }
}

impl<'a> Exchange<'a, Ready<'a>> {
    /// Where what its calls are promised is remembered.
    pub(super) fn memory(&self) -> Memory {
        memory(self, &self.progress.bound)
    }

    /// What rules change.
    pub(super) fn changes(&self) -> Option<&Changes<'a>> {
        self.progress.ruled.changes()
    }

    pub(super) fn message(&self) -> &WellFormed {
        self.progress.read.message
    }

    pub(super) fn seal(&self) -> Seal<'_> {
        seal(self, self.progress.read.known.identified.principal())
    }

    pub(super) fn principal(&self) -> &Principal {
        self.progress.read.known.identified.principal()
    }

    pub(super) fn addressee(&self) -> Addressee {
        self.message().addressee()
    }

    /// The event that the client has seen last (2025-11-25, "Resumability and Redelivery").
    pub(super) fn last_event(&self) -> Option<&str> {
        self.headers.get("last-event-id").and_then(|id| id.to_str().ok())
    }

    /// Whether the client takes an event stream. All have to say so, and many do not: one that says nothing does.
    pub(super) fn takes_events(&self) -> bool {
        let mut accepts = self.headers.get_all(http::header::ACCEPT).iter().peekable();
        let takes = |range: &str| ["text/event-stream", "text/*", "*/*"].contains(&media::essence(range));
        accepts.peek().is_none()
            || accepts.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(takes)
    }

    /// Whether making the call twice can do no harm.
    pub(super) fn reads_only(&self) -> bool {
        self.verb == Verb::Get || self.message().method().is_some_and(Method::only_reads)
    }

    /// Whether its answer may hold what has to be sealed, so that it has to come readable.
    pub(super) fn may_hold_sealed(&self) -> bool {
        let message = self.message();
        let becomes_task = message.message().is_some_and(|message| message.fields.task.is_some());
        let seals = self.route.binder.is_some() && !self.principal().is_anonymous();
        seals && respond::may_hold_sealed(message.method(), message.era(), becomes_task)
    }

    /// Whether its answers have to be something that is promised.
    pub(super) fn is_promised(&self) -> bool {
        self.progress.promises.iter().any(Promise::binds)
    }

    /// Whether its answer is a stream without an end of its own: a session's (legacy), or a subscription's (modern).
    pub(super) fn listens(&self) -> bool {
        let subscribes = || self.message().era() == Era::Modern && self.message().method() == Some(Method::Listen);
        self.verb == Verb::Get || subscribes()
    }
}

fn seal<'a, P>(exchange: &'a Exchange<'_, P>, principal: &'a Principal) -> Seal<'a> {
    Seal { sealer: &exchange.core.sealer, route: &exchange.route.path, principal }
}

fn asking<'a, P>(
    exchange: &'a Exchange<'_, P>,
    message: &'a WellFormed,
    principal: &'a Principal,
    bound: &'a Bound,
) -> Asking<'a> {
    let Exchange { core, route, headers, id, .. } = *exchange;
    Asking { core, route, headers, id, message, principal, bound }
}

fn memory<P>(exchange: &Exchange<'_, P>, bound: &Bound) -> Memory {
    let all = &exchange.core.remembered;
    let session = bound.endpoint().zip(bound.upstream_id()).map(|(endpoint, id)| all.session(endpoint, id));
    Memory { all: Arc::clone(all), source: all.source(&exchange.server().name), session }
}
