//! All processes of one server: who gets which, how many there may be, and what follows when one ends.

mod lines;
mod refusals;
mod supply;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;

use crate::model::{Refusal, clock};
use crate::net::process::Keeper;
use crate::protocol::revision::Era;

use super::ask::{Ask, Numbers, Opening, Said, What};
use super::count::Count;
use super::exchange::{Head, Kind, Left, Part, Sink};
use super::key::Key;
use super::process::Process;
use super::session::{EVENTS, LISTENING, Session, Sessions, event_id};
use super::spec::Spec;
use super::stream::Stream;
use super::trouble::Trouble;

use refusals::{full, session_not_found, session_required};

/// Sessions of one server, at most, where a process is not each one's own.
const MOST_SESSIONS: usize = 100_000;
/// Bytes that may wait to be read by one process.
const MOST_UNREAD: usize = 64 * 1024 * 1024;

/// The processes of one server, and the sessions with them.
pub(super) struct Fleet {
    pub(super) spec: Arc<Spec>,
    pub(super) count: Arc<Count>,
    processes: HashMap<Key, Rc<Process>>,
    spare: Vec<Rc<Process>>,
    /// Those that were told to end, and have not.
    leaving: Vec<Rc<Process>>,
    sessions: Sessions,
    /// Requests that wait for a process to end, and until when.
    waiting: VecDeque<(Instant, Ask)>,
    /// Of processes that ended before they said anything.
    trouble: Trouble,
    /// Of processes that several share, and that ended while they were used.
    ill: HashMap<Key, Trouble>,
    /// Subscriptions that a process took with it, for the one that follows it.
    bereft: HashMap<Key, HashMap<String, Vec<u64>>>,
    next_session: u64,
    numbers: Rc<Numbers>,
    pub(super) keeper: Keeper,
    /// What all processes of the thread are read into.
    pub(super) scratch: Rc<RefCell<Box<[u8]>>>,
    /// No process is started any more: the configuration has another one in its place.
    retired: bool,
}

/// A fleet that its processes' tasks share; all of them run on one thread.
pub(super) type Shared = Rc<RefCell<Fleet>>;

impl Fleet {
    pub(in crate::net::command) fn new(
        spec: Arc<Spec>,
        count: Arc<Count>,
        numbers: Rc<Numbers>,
        first_session: u64,
        keeper: Keeper,
        scratch: Rc<RefCell<Box<[u8]>>>,
    ) -> Self {
        Self {
            spec,
            count,
            processes: HashMap::new(),
            spare: Vec::new(),
            leaving: Vec::new(),
            sessions: HashMap::new(),
            waiting: VecDeque::new(),
            trouble: Trouble::default(),
            ill: HashMap::new(),
            bereft: HashMap::new(),
            next_session: first_session,
            numbers,
            keeper,
            scratch,
            retired: false,
        }
    }

    /// Takes one request.
    pub(in crate::net::command) fn take(shared: &Shared, ask: Ask) {
        // Its client was gone before it was looked at.
        if ask.sink.is_gone() {
            return;
        }
        let now = clock::now();
        let refused = {
            let fleet = &mut *shared.borrow_mut();
            fleet.route(shared, ask, now)
        };
        if let Err((sink, refusal)) = refused {
            sink.send(Part::Refused(refusal));
        }
    }

    pub(in crate::net::command) fn route(
        &mut self,
        shared: &Shared,
        mut ask: Ask,
        now: Instant,
    ) -> Result<(), (Sink, Refusal)> {
        if ask.era == Era::Modern {
            let key = Key::modern(self.spec.per, std::mem::take(&mut ask.caller));
            return self.say(shared, key, ask, now);
        }
        if let Some(opening) = ask.what.opening().cloned() {
            return self.open(shared, opening, ask, now);
        }
        let Some(number) = ask.session else { return Err((ask.sink, session_required())) };
        let Some(session) = self.sessions.get_mut(&number) else { return Err((ask.sink, session_not_found())) };
        session.heard = now;
        let key = session.key.clone();
        match ask.what {
            What::Say(_) => self.say(shared, key, ask, now),
            What::Listen(after) => {
                self.listen(number, ask.number, ask.sink, after.as_deref());
                Ok(())
            }
            What::Leave => {
                self.close(number);
                ask.sink.send(Part::Head(Head { status: StatusCode::OK, kind: Kind::Nothing, session: None }));
                ask.sink.send(Part::End);
                Ok(())
            }
        }
    }

    /// A client opens a session.
    fn open(&mut self, shared: &Shared, opening: Opening, mut ask: Ask, now: Instant) -> Result<(), (Sink, Refusal)> {
        if self.sessions.len() >= MOST_SESSIONS {
            return Err((ask.sink, full("sessions of this server are open")));
        }
        let number = match ask.session.filter(|number| self.is_waiting_for(*number)) {
            Some(number) => number,
            None => {
                self.next_session = self.next_session.wrapping_add(1);
                self.next_session
            }
        };
        let revision = opening.revision.clone();
        let key = Key::opened(self.spec.per, std::mem::take(&mut ask.caller), number, opening);
        let mut session = Session::new(key.clone(), now);
        session.speaks(&revision);
        self.sessions.insert(number, session);
        ask.session = Some(number);
        let said = self.say(shared, key, ask, now);
        if said.is_err() {
            self.sessions.remove(&number);
        }
        said
    }

    /// Whether this session was opened by a request that waits for a process.
    pub(in crate::net::command) fn is_waiting_for(&self, number: u64) -> bool {
        self.sessions.get(&number).is_some_and(|session| !self.processes.contains_key(&session.key))
    }

    /// Hands messages to the process of a key, which may have to be started, or to be waited for.
    fn say(&mut self, shared: &Shared, key: Key, ask: Ask, now: Instant) -> Result<(), (Sink, Refusal)> {
        let Some(process) = self.processes.get(&key).cloned() else {
            return self.start_for(shared, key, ask, now);
        };
        let Ask { number, session, what, takes_events, sink, .. } = ask;
        let What::Say(said) = what else { return Ok(()) };
        let traffic = &mut *process.traffic.borrow_mut();
        if traffic.unwritten() > MOST_UNREAD {
            return Err((sink, full("bytes wait for the server's process, which does not read them")));
        }
        let requests = said.iter().filter(|said| matches!(said, Said::Request(_))).count();
        let opens = said.iter().any(|said| matches!(said, Said::Request(request) if request.opening.is_some()));
        let stream = (requests > 0).then(|| {
            let session = session.and_then(|number| Some((number, self.sessions.get_mut(&number)?.stream())));
            let mut stream = Stream::new(sink.clone(), session, requests, takes_events, now);
            stream.opens = session.map(|(number, _)| number).filter(|_| opens);
            stream
        });
        if stream.is_none() {
            sink.send(Part::Head(Head { status: StatusCode::ACCEPTED, kind: Kind::Nothing, session: None }));
            sink.send(Part::End);
        }
        traffic.say(&mut self.sessions, said, number, stream, session, now);
        process.used(now);
        Ok(())
    }

    fn listen(&mut self, number: u64, exchange: u64, sink: Sink, after: Option<&str>) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        match after.and_then(event_id) {
            None => session.listen(exchange, sink, None),
            Some((LISTENING, event)) => session.listen(exchange, sink, Some(event)),
            Some((stream, event)) => {
                let missed = session.after(stream, event);
                let process = self.processes.get(&session.key);
                let resumed = process.is_some_and(|process| {
                    let traffic = &mut *process.traffic.borrow_mut();
                    traffic.resume((number, stream), exchange, &sink, missed.clone().unwrap_or_default())
                });
                match missed {
                    _ if resumed => {}
                    // The call is over: what was missed of it is all there is.
                    Some(missed) => {
                        sink.send(Part::Head(EVENTS));
                        for frame in missed {
                            sink.send(Part::Piece(frame));
                        }
                        sink.send(Part::End);
                    }
                    None => session.listen(exchange, sink, None),
                }
            }
        }
    }

    /// Ends a session, and the process that is its own.
    pub(super) fn close(&mut self, number: u64) {
        let Some(mut session) = self.sessions.remove(&number) else { return };
        session.deafen();
        let Some(process) = self.processes.get(&session.key).cloned() else {
            return self.renounce(&session.key, number);
        };
        process.traffic.borrow_mut().forget(number);
        match session.key {
            Key::Session(_) => self.dismiss(&process, "its session was ended"),
            _ => process.wake(),
        }
    }

    /// A client left before its answer had ended.
    pub(in crate::net::command) fn left(&mut self, left: Left) {
        let Left { exchange, mut goes_on } = left;
        for process in self.processes.values() {
            let traffic = &mut *process.traffic.borrow_mut();
            if traffic.has(exchange) {
                // In the stateless era leaving is cancelling.
                traffic.left(exchange, goes_on.take());
                return process.wake();
            }
        }
        let listens = |session: &&mut Session| session.listener.as_ref().is_some_and(|(of, _)| *of == exchange);
        if let Some(session) = self.sessions.values_mut().find(listens) {
            session.listener = None;
        }
        self.waiting.retain(|(_, ask)| ask.number != exchange);
    }
}
