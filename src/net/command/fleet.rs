//! All processes of one server: who gets which, how many there may be, and what follows when one ends.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::task::spawn_local;

use crate::net::process::Keeper;
use crate::model::{Reason, Refusal, clock};
use crate::protocol::message::Limits;
use crate::protocol::revision::Era;

use super::ask::{Ask, Numbers, Opening, Said, What};
use super::count::Count;
use super::exchange::{Head, Kind, Left, Part, Queue, Sink};
use super::hear::Heard;
use super::key::Key;
use super::process::{How, Process};
use super::session::{EVENTS, LISTENING, Session, Sessions, event_id};
use super::spec::Spec;
use super::stream::Stream;
use super::traffic::{Call, Traffic, reset};
use super::trouble::Trouble;
use super::worker;

/// Requests that wait for a process, at most.
const MOST_WAITING: usize = 1000;
/// Sessions of one server, at most, where a process is not each one's own.
const MOST_SESSIONS: usize = 100_000;
/// How long a session without a process of its own is remembered after its client was heard last.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
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
    pub(super) fn new(
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
    pub(super) fn take(shared: &Shared, ask: Ask) {
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

    fn route(&mut self, shared: &Shared, mut ask: Ask, now: Instant) -> Result<(), (Sink, Refusal)> {
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
    fn open(
        &mut self,
        shared: &Shared,
        opening: Opening,
        mut ask: Ask,
        now: Instant,
    ) -> Result<(), (Sink, Refusal)> {
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
    fn is_waiting_for(&self, number: u64) -> bool {
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

    fn start_for(&mut self, shared: &Shared, key: Key, mut ask: Ask, now: Instant) -> Result<(), (Sink, Refusal)> {
        let ill = self.ill.get(&key).and_then(|ill| ill.rests(now));
        if let Some(wait) = self.trouble.rests(now).max(ill) {
            return Err((ask.sink, unavailable("the server's command keeps ending", wait)));
        }
        if self.retired {
            return Err((ask.sink, unavailable("the server is configured otherwise now", Duration::from_secs(1))));
        }
        if self.spare.is_empty() && self.len() >= self.spec.limit {
            self.make_room();
            if self.waiting.len() >= MOST_WAITING {
                return Err((ask.sink, full("callers wait for a process of this server")));
            }
            // Who comes back to be routed is the one who came.
            if let Key::Modern { caller: Some(caller) } | Key::Opened { caller: Some(caller), .. } = key {
                ask.caller = caller;
            }
            self.waiting.push_back((now + self.spec.wait, ask));
            return Ok(());
        }
        self.start(shared, key.clone(), now);
        self.say(shared, key, ask, now)
    }

    /// Ends the process that was used longest ago among those that nobody uses, so that there is room for another soon.
    fn make_room(&mut self) {
        let idle = self.processes.values().filter(|process| self.may_end(process));
        if let Some(process) = idle.min_by_key(|process| process.last_used()).cloned() {
            self.dismiss(&process, "another caller needs its place");
        }
    }

    /// Has a process end. Nothing is given to it any more.
    fn dismiss(&mut self, process: &Rc<Process>, why: &'static str) {
        self.spare.retain(|spare| !Rc::ptr_eq(spare, process));
        self.processes.retain(|_, known| !Rc::ptr_eq(known, process));
        if !self.leaving.iter().any(|leaving| Rc::ptr_eq(leaving, process)) {
            self.leaving.push(Rc::clone(process));
        }
        process.end(why);
    }

    fn may_end(&self, process: &Process) -> bool {
        let traffic = process.traffic.borrow();
        let heard = || self.sessions.values().any(|session| session.key == traffic.key && session.is_heard());
        !traffic.is_dedicated() && traffic.is_idle() && !heard()
    }

    fn start(&mut self, shared: &Shared, key: Key, now: Instant) {
        let process = match self.spare.pop() {
            Some(process) => process,
            None => self.spawn(shared, now),
        };
        let mut traffic = self.traffic(key.clone());
        traffic.subscribed = self.bereft.remove(&key).unwrap_or_default();
        process.used(now);
        *process.traffic.borrow_mut() = traffic;
        self.processes.insert(key, process);
        self.fill(shared, now);
    }

    /// Starts spare processes ahead, as many as are wanted.
    pub(super) fn fill(&mut self, shared: &Shared, now: Instant) {
        let room = |fleet: &Self| fleet.len() < fleet.spec.limit;
        while self.spare.len() < self.spec.warm && room(self) && !self.retired && self.trouble.rests(now).is_none() {
            let process = self.spawn(shared, now);
            self.spare.push(process);
        }
    }

    fn spawn(&self, shared: &Shared, now: Instant) -> Rc<Process> {
        let process = Rc::new(Process::new(self.traffic(Key::Spare), now));
        self.count.starts();
        spawn_local(worker::drive(Rc::clone(shared), Rc::clone(&process)));
        process
    }

    fn traffic(&self, key: Key) -> Traffic {
        let limits = Limits { depth: self.spec.depth, ..Limits::default() };
        Traffic::new(key, limits, Rc::clone(&self.numbers))
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
                        missed.into_iter().for_each(|frame| drop(sink.send(Part::Piece(frame))));
                        sink.send(Part::End);
                    }
                    None => session.listen(exchange, sink, None),
                }
            }
        }
    }

    /// Ends a session, and the process that is its own.
    fn close(&mut self, number: u64) {
        let Some(mut session) = self.sessions.remove(&number) else { return };
        session.deafen();
        let Some(process) = self.processes.get(&session.key).cloned() else { return };
        process.traffic.borrow_mut().forget(number);
        match session.key {
            Key::Session(_) => self.dismiss(&process, "its session was ended"),
            _ => process.wake(),
        }
    }

    /// A client left before its answer had ended.
    pub(super) fn left(&mut self, left: Left) {
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

    /// Takes a line of a process.
    pub(super) fn hear(&mut self, process: &Rc<Process>, line: &[u8]) {
        let heard = process.traffic.borrow_mut().hear(&mut self.sessions, line);
        if !process.spoke() {
            self.trouble.works();
        }
        match heard {
            Heard::Fine => {}
            Heard::NotOpened(sessions) => {
                for session in sessions {
                    self.sessions.remove(&session);
                }
                let dedicated = process.traffic.borrow().is_dedicated();
                if dedicated {
                    self.dismiss(process, "the server refused to open a session");
                }
            }
            Heard::Broken(why) => self.broken(process, line, &why),
        }
    }

    /// A line that is no message. One that began as one may have been an answer, and whose cannot be told.
    fn broken(&mut self, process: &Process, line: &[u8], why: &str) {
        self.count.bad_line();
        let server = &*self.spec.name;
        if process.is_first_bad_line() {
            let begins = String::from_utf8_lossy(&line[..line.len().min(80)]);
            tracing::warn!(server, pid = process.pid(), why, begins = ?begins, "a command wrote a line that is no message; it was dropped, and others like it will be");
        }
        if matches!(line.first(), Some(b'{' | b'[')) {
            let refusal = |call: &Call| bad_answer(call, "the server's command wrote a message that cannot be read");
            process.traffic.borrow_mut().refuse_calls(&refusal, &mut self.sessions);
        }
    }

    /// A line that is too long: what it was cannot be told, nor what the process thinks of it.
    pub(super) fn overlong(&mut self, process: &Rc<Process>) {
        self.count.bad_line();
        let refusal = |call: &Call| bad_answer(call, "the server's command wrote more in a line than `[http] event` allows");
        process.traffic.borrow_mut().refuse_calls(&refusal, &mut self.sessions);
        self.dismiss(process, "it wrote a line longer than [http] event allows");
    }

    /// A process has ended, or could not be started.
    pub(super) fn ended(shared: &Shared, process: &Rc<Process>, how: &How) {
        let now = clock::now();
        let fleet = &mut *shared.borrow_mut();
        fleet.count.ends();
        for listed in [&mut fleet.spare, &mut fleet.leaving] {
            listed.retain(|known| !Rc::ptr_eq(known, process));
        }
        fleet.processes.retain(|_, known| !Rc::ptr_eq(known, process));
        fleet.mourn(process, how, now);
        how.tell(&fleet.spec.name, process);
        let traffic = &mut *process.traffic.borrow_mut();
        let refusal = |call: &Call| match how {
            How::NotStarted(_) => unavailable("the server's command could not be started", Duration::from_secs(1)),
            How::Ended(why) | How::Broke(why) => reset(call, format!("the server's process ended: {why}")),
        };
        traffic.fail(&refusal, &mut fleet.sessions);
        match &traffic.key {
            Key::Session(number) => {
                if let Some(mut session) = fleet.sessions.remove(number) {
                    session.deafen();
                }
            }
            key => {
                let subscribed = std::mem::take(&mut traffic.subscribed);
                if !subscribed.is_empty() {
                    fleet.bereft.insert(key.clone(), subscribed);
                }
            }
        }
        fleet.serve_waiting(shared, now);
    }

    /// Lets a command that ends by itself rest, lest it be started again and again: all of it where it never worked,
    /// the process of those who share one where they brought it down. A session's own process harms nobody else.
    fn mourn(&mut self, process: &Process, how: &How, now: Instant) {
        let (key, age) = (&process.traffic.borrow().key, process.age(now));
        match how {
            How::Ended(_) => drop(self.ill.remove(key)),
            _ if !process.has_spoken() => self.trouble.failed(age, 0, now),
            _ if matches!(key, Key::Opened { .. } | Key::Modern { .. }) => {
                self.ill.entry(key.clone()).or_default().failed(age, 1, now);
            }
            _ => {}
        }
    }

    /// There may be room again for those who wait.
    fn serve_waiting(&mut self, shared: &Shared, now: Instant) {
        for (until, ask) in std::mem::take(&mut self.waiting) {
            let had = self.waiting.len();
            if let Err((sink, refusal)) = self.route(shared, ask, now) {
                sink.send(Part::Refused(refusal));
            }
            // Who has to wait on does not wait longer for it.
            if self.waiting.len() > had
                && let Some(last) = self.waiting.back_mut()
            {
                last.0 = until;
            }
        }
    }

    /// Time has passed.
    pub(super) fn tick(shared: &Shared) {
        let now = clock::now();
        let fleet = &mut *shared.borrow_mut();
        fleet.give_up(now);
        let ago = |time| now.checked_sub(time).unwrap_or(now);
        let (silent, deadline) = (ago(fleet.spec.keepalive), ago(fleet.spec.deadline));
        for process in fleet.processes.values() {
            process.traffic.borrow_mut().tick(&mut fleet.sessions, now, silent, deadline);
            process.wake();
        }
        let over: Vec<_> =
            fleet.processes.values().filter_map(|one| Some((Rc::clone(one), fleet.is_over(one, now)?))).collect();
        over.into_iter().for_each(|(process, why)| fleet.dismiss(&process, why));
        fleet.sessions.retain(|_, session| {
            matches!(session.key, Key::Session(_)) || session.is_heard() || now - session.heard < REMEMBERED
        });
        fleet.revive(shared, now);
        fleet.fill(shared, now);
    }

    /// Refuses those who have waited for a process for as long as they may.
    fn give_up(&mut self, now: Instant) {
        while self.waiting.front().is_some_and(|(until, _)| *until <= now) {
            let Some((_, ask)) = self.waiting.pop_front() else { return };
            if ask.what.opening().is_some()
                && let Some(number) = ask.session
            {
                self.sessions.remove(&number);
            }
            let message = "all processes that this server may have are in use ([[servers]] processes.limit)";
            ask.sink.send(Part::Refused(Refusal::new(Reason::Overloaded, message).retryable(Duration::from_secs(1))));
        }
    }

    /// Why a process should end now, if it should.
    fn is_over(&self, process: &Process, now: Instant) -> Option<&'static str> {
        let traffic = process.traffic.borrow();
        if traffic.greeting_since().is_some_and(|since| now - since > self.spec.start) {
            return Some("it did not answer `initialize` in time ([[servers]] processes.start)");
        }
        let used = |session: &Session| {
            session.key == traffic.key && (session.is_heard() || now - session.heard < self.spec.idle)
        };
        if !traffic.is_idle() {
            return None;
        }
        // Its session cannot be named any more: a stream that was opened before is all that can still be heard on.
        let heard = || self.sessions.values().any(|session| session.key == traffic.key && session.is_heard());
        if self.retired && !(traffic.is_dedicated() && heard()) {
            return Some("the server is configured otherwise now");
        }
        let idle = now - process.last_used() >= self.spec.idle && !self.sessions.values().any(used);
        idle.then_some("nobody used it for as long as [[servers]] processes.idle says")
    }

    /// Starts processes anew that somebody listens to: what they subscribed to is subscribed to again.
    fn revive(&mut self, shared: &Shared, now: Instant) {
        let missing = |fleet: &Self| {
            let mut heard = fleet.sessions.values().filter(|session| session.is_heard());
            let bereft = |key: &Key| fleet.bereft.contains_key(key) && !fleet.processes.contains_key(key);
            heard.find(|session| bereft(&session.key)).map(|session| session.key.clone())
        };
        while let Some(key) = missing(self) {
            if self.trouble.rests(now).is_some() || self.retired || self.len() >= self.spec.limit {
                return;
            }
            self.start(shared, key.clone(), now);
            if let Some(process) = self.processes.get(&key) {
                process.traffic.borrow_mut().greet();
                process.wake();
            }
        }
    }

    /// No process is started any more; those that run end once nobody has a call or a session on them.
    pub(super) fn retire(&mut self) {
        self.retired = true;
        for process in std::mem::take(&mut self.spare) {
            self.dismiss(&process, "the server is configured otherwise now");
        }
    }

    /// All processes are ended now.
    pub(super) fn stop(&mut self) {
        self.retired = true;
        let all: Vec<_> = self.spare.iter().chain(self.processes.values()).cloned().collect();
        all.into_iter().for_each(|process| self.dismiss(&process, "Weir is stopping"));
    }

    /// Whether nobody can ask any more, and nothing runs.
    pub(super) fn is_gone(&self) -> bool {
        self.retired && self.len() == 0
    }

    /// See [`Traffic::choked`].
    pub(super) fn choked(&self, process: &Process) -> Option<Arc<Queue>> {
        process.traffic.borrow().choked(&self.sessions)
    }

    /// How many processes there are.
    pub(super) fn len(&self) -> usize {
        self.processes.len() + self.spare.len() + self.leaving.len()
    }
}

fn session_required() -> Refusal {
    Refusal::new(Reason::SessionRequired, "this server needs a session: send initialize first, then its Mcp-Session-Id")
}

fn session_not_found() -> Refusal {
    Refusal::new(
        Reason::SessionNotFound,
        "unknown or expired session; send initialize without Mcp-Session-Id to start anew",
    )
}

fn unavailable(message: &'static str, wait: Duration) -> Refusal {
    Refusal::new(Reason::UpstreamUnavailable, message).retryable(wait)
}

fn full(of: &str) -> Refusal {
    Refusal::new(Reason::Overloaded, format!("too many {of}")).retryable(Duration::from_secs(1))
}

fn bad_answer(call: &Call, why: &'static str) -> Refusal {
    Refusal::new(Reason::UpstreamBadResponse, why).after_sending(call.method.only_reads())
}
