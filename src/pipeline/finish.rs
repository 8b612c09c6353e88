//! One exit: what happened is told once, for every outcome.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::model::{Limited, Principal, Refusal, RequestId, Visitor, clock};
use crate::net::client::{Fate, TurnedAway};
use crate::protocol::json::Value;
use crate::stages::limit::Taken;
use crate::stages::rules::expression::Budget;
use crate::stages::wellformed::{Verb, WellFormed};
use crate::telemetry::trace::Trace;
use crate::telemetry::{Ended, Outcome, RouteMeter, Said, Telemetry};

use super::core::Core;
use super::shown::Shown;

/// How a request ended.
#[derive(Debug)]
pub enum Ending<'a> {
    /// Answered whole.
    Answered(StatusCode),
    /// Refused by Weir; the client saw this status.
    Refused(&'a Refusal, StatusCode),
    /// The answer was cut while it passed.
    Cut(&'a Refusal),
    /// The client left before its answer had ended.
    ClientLeft,
    /// A stream ended because Weir is stopping.
    Drained(StatusCode),
    /// Turned away below MCP, while its body was read.
    TurnedAway(TurnedAway),
}

/// What is known of a request for the one time that it is told. Dropped without an ending, it tells that the client
/// went away, or was turned away below: those are the outcomes that reach nobody else.
pub struct Finish {
    core: Rc<Core>,
    id: RequestId,
    peer: Visitor,
    route: usize,
    begun: Instant,
    seen: Seen,
    /// What becomes of it below; `None` where there is no connection.
    fate: Option<Fate>,
    told: Cell<bool>,
}

/// What its walk has come to know.
pub(super) struct Seen {
    said: Cell<Said>,
    caller: OnceCell<Principal>,
    method: Cell<Shown<47>>,
    name: Cell<Shown<63>>,
    received: Cell<u64>,
    sent: Cell<u64>,
    /// The body, and where in it the arguments of a call are; only where they are wanted.
    arguments: RefCell<Option<(Bytes, Value)>>,
    keeps_arguments: bool,
    /// The place of the route that it takes, where that is not the one that it came by.
    turned: Cell<Option<usize>>,
    /// The place of the rule that has decided.
    rule: Cell<Option<usize>>,
    /// The trace that it belongs to, once its head was looked at.
    trace: OnceCell<Trace>,
    /// How long its body was waited for.
    awaited: Cell<Duration>,
    /// The server is asked.
    asked: Cell<Option<Instant>>,
    /// Its answer has come: the whole, or the head of a stream.
    came: Cell<Option<Instant>>,
    /// The answer, or the head of its stream, is handed to the connection.
    handed: Cell<Option<Instant>>,
    /// What limits have given it, for as long as it lasts.
    taken: RefCell<Taken>,
    /// Its address was counted where it came in.
    tried: Cell<bool>,
    /// The steps that are left to expressions.
    steps: Cell<u32>,
}

impl Finish {
    /// A request begins.
    pub fn begin(core: &Rc<Core>, route: usize, peer: Visitor) -> Self {
        Self::new(core, route, peer, None)
    }

    /// The same, of a request on a connection.
    pub fn on_connection(core: &Rc<Core>, route: usize, peer: Visitor, fate: Fate) -> Self {
        Self::new(core, route, peer, Some(fate))
    }

    /// Made in its place: it is large, and to move it would cost on every request.
    #[inline]
    fn new(core: &Rc<Core>, route: usize, peer: Visitor, fate: Option<Fate>) -> Self {
        let (id, begun, keeps_arguments) = (core.ids.next(), clock::now(), core.telemetry.wants_arguments());
        let core = Rc::clone(core);
        let seen = Seen {
            said: Cell::new(Said::Unread),
            caller: OnceCell::new(),
            method: Cell::default(),
            name: Cell::default(),
            received: Cell::default(),
            sent: Cell::default(),
            arguments: RefCell::default(),
            turned: Cell::default(),
            rule: Cell::default(),
            trace: OnceCell::new(),
            keeps_arguments,
            awaited: Cell::default(),
            asked: Cell::default(),
            came: Cell::default(),
            handed: Cell::default(),
            taken: RefCell::default(),
            tried: Cell::default(),
            steps: Cell::new(Budget::STEPS),
        };
        Self { core, id, peer, route, begun, seen, fate, told: Cell::new(false) }
    }

    /// The same, of what Weir does by itself: nothing is told of it.
    pub fn untold(self) -> Self {
        self.told.set(true);
        self
    }

    /// The same, of what has come in already: its address was counted there.
    pub fn tried(self) -> Self {
        self.seen.tried.set(true);
        self
    }

    /// How its caller stands with the limits that counted it.
    pub fn standing(&self) -> Option<Limited> {
        self.seen.taken.borrow().standing().cloned()
    }

    /// Somebody else tells of the request.
    pub fn handed_on(self) {
        drop(self.untold());
    }

    /// The core and the route that it is told under.
    pub fn place(&self) -> (Rc<Core>, usize) {
        (Rc::clone(&self.core), self.route)
    }

    /// Tells the end of an `OPTIONS`, which no stage sees.
    pub fn options(&self, status: StatusCode) {
        self.seen.said.set(Said::Options);
        self.end(&Ending::Answered(status));
    }

    /// Tells the end of the reading of a document, which no stage sees.
    pub fn document(&self, status: StatusCode, sent: usize) {
        self.sends(sent);
        self.end(&Ending::Answered(status));
    }

    /// Who is at the other end.
    pub(super) fn peer(&self) -> &Visitor {
        &self.peer
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The head of a streaming answer goes out now.
    pub fn streams(&self) {
        self.seen.handed.set(Some(clock::now()));
        self.meter().stream_begins();
    }

    fn meter(&self) -> &RouteMeter {
        &self.core.routes[self.seen.turned.get().unwrap_or(self.route)].meter
    }

    /// So many bytes of the answer's body go out.
    pub fn sends(&self, bytes: usize) {
        self.seen.sent.set(self.seen.sent.get() + bytes as u64);
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Tells the end of it, the first time.
    pub fn end(&self, ending: &Ending<'_>) {
        if !self.told.replace(true) {
            self.tell(ending);
        }
    }

    fn tell(&self, ending: &Ending<'_>) {
        let (outcome, refusal, status) = match *ending {
            Ending::Answered(status) if status.is_client_error() || status.is_server_error() => {
                (Outcome::ServerStatus, None, status.as_u16())
            }
            Ending::Answered(status) => (Outcome::Answered, None, status.as_u16()),
            Ending::Refused(refusal, status) => {
                (Outcome::of_refusal(Some(refusal.reason), status.as_u16()), Some(refusal), status.as_u16())
            }
            Ending::TurnedAway(turned) => (Outcome::of_refusal(None, turned.status), None, turned.status),
            Ending::Cut(refusal) => (Outcome::Cut, Some(refusal), 0),
            Ending::ClientLeft => (Outcome::ClientLeft, None, 0),
            Ending::Drained(status) => (Outcome::Drained, None, status.as_u16()),
        };
        let why = match *ending {
            Ending::TurnedAway(turned) => turned.why,
            _ => refusal.map_or("", |refusal| refusal.note.map_or(&*refusal.message, |note| note)),
        };
        let (now, seen) = (clock::now(), &self.seen);
        if seen.handed.get().is_some() {
            self.meter().stream_ends();
        }
        let (method, name) = (seen.method.get(), seen.name.get());
        let server = seen.asked.get().zip(seen.came.get()).map(|(asked, came)| came.duration_since(asked));
        let handed = seen.handed.get().unwrap_or(now);
        let waited = seen.awaited.get() + server.unwrap_or_default();
        let answers = !matches!(outcome, Outcome::ClientLeft) && (server.is_some() || seen.asked.get().is_none());
        let arguments = seen.arguments.borrow();
        self.core.telemetry.ended(&Ended {
            id: self.id,
            route: self.meter(),
            rule: seen.rule.get().map_or("", |rule| self.core.policy.rules.book().name(rule)),
            peer: self.peer.remote,
            caller: seen.caller.get().map_or("", Principal::shown),
            issuer: seen.caller.get().map_or("", |principal| &principal.caller().issuer),
            said: seen.said.get(),
            method: &method.text(),
            name: &name.text(),
            outcome,
            reason: refusal.map(|refusal| refusal.reason),
            why,
            limit: refusal.and_then(|refusal| refusal.limited.as_ref()).map_or("", |limited| limited.policy.name()),
            span: match seen.trace.get() {
                Some(Trace::Sampled(span)) => Some(&**span),
                _ => None,
            },
            asked: seen.asked.get().map(|asked| asked.duration_since(self.begun)),
            arguments: arguments.as_ref().map(|(bytes, value)| (&bytes[..], *value)),
            status,
            received: seen.received.get(),
            sent: seen.sent.get(),
            total: now.duration_since(self.begun),
            server,
            added: answers.then(|| handed.duration_since(self.begun).saturating_sub(waited)),
        });
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        if !self.told.get() {
            let turned = self.fate.as_ref().and_then(Fate::turned_away);
            self.tell(&turned.map_or(Ending::ClientLeft, Ending::TurnedAway));
        }
    }
}

impl Seen {
    /// Who calls, and by which HTTP method.
    pub(super) fn caller(&self, principal: &Principal, verb: Verb) {
        // It is asked once a request.
        let _ = self.caller.set(principal.clone());
        match verb {
            Verb::Get => self.said.set(Said::Get),
            Verb::Delete => self.said.set(Said::Delete),
            Verb::Post => {}
        }
    }

    /// How long its body was waited for, as far as it was.
    pub(super) fn awaited(&self) -> &Cell<Duration> {
        &self.awaited
    }

    /// The message has been read.
    pub(super) fn read(&self, message: &WellFormed) {
        let bytes = message.bytes();
        self.received.set(bytes.len() as u64);
        if message.batch().is_some() {
            self.said.set(Said::Batch);
        }
        let Some(one) = message.message() else { return };
        self.said.set(message.method().map_or(Said::Answer, Said::Method));
        self.method.set(shown(one.method, bytes));
        self.name.set(shown(one.fields.name.or(one.fields.uri), bytes));
        if self.keeps_arguments {
            *self.arguments.borrow_mut() = one.fields.arguments.map(|arguments| (bytes.clone(), arguments));
        }
    }

    /// It takes the route at that place.
    pub(super) fn turned(&self, route: usize) {
        self.turned.set(Some(route));
    }

    /// The rule at that place has decided.
    pub(super) fn ruled(&self, rule: usize) {
        self.rule.set(Some(rule));
    }

    /// The trace that the request belongs to, by its head.
    pub(super) fn trace(&self, headers: &HeaderMap, telemetry: &Telemetry) -> &Trace {
        self.trace.get_or_init(|| telemetry.trace(headers))
    }

    /// What limits have given it.
    pub(super) fn taken(&self) -> &RefCell<Taken> {
        &self.taken
    }

    /// What expressions may still do for its body: of all rules and limits together.
    pub(super) fn budget(&self) -> Budget {
        Budget::new(self.steps.get())
    }

    /// So many steps are left.
    pub(super) fn keeps(&self, steps: u32) {
        self.steps.set(steps);
    }

    pub(super) fn was_tried(&self) -> bool {
        self.tried.get()
    }

    /// The server is asked.
    pub(super) fn asks(&self) {
        self.asked.set(Some(clock::now()));
    }

    /// Its answer has come, as far as it is waited for.
    pub(super) fn comes(&self) {
        self.came.set(Some(clock::now()));
    }
}

fn shown<const MOST: usize>(value: Option<Value>, bytes: &[u8]) -> Shown<MOST> {
    value.map_or_else(Shown::default, |value| Shown::of(value.raw(bytes)))
}
