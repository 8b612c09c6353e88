//! The processes of a server: how many there may be, which are started, and what follows when one ends.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::spawn_local;

use super::super::ask::Ask;
use super::super::exchange::{Part, Sink};
use super::super::key::Key;
use super::super::process::{How, Process};
use super::super::session::Session;
use super::super::traffic::{Call, Traffic, reset};
use super::super::worker;
use super::refusals::{full, unavailable};
use super::{Fleet, Shared};
use crate::model::{Reason, Refusal, clock};
use crate::protocol::message::Limits;

/// Requests that wait for a process, at most.
const MOST_WAITING: usize = 1000;
/// How long a session without a process of its own is remembered after its client was heard last.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

impl Fleet {
    pub(in crate::net::command) fn start_for(
        &mut self,
        shared: &Shared,
        key: Key,
        mut ask: Ask,
        now: Instant,
    ) -> Result<(), (Sink, Refusal)> {
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
    pub(in crate::net::command) fn dismiss(&mut self, process: &Rc<Process>, why: &'static str) {
        self.spare.retain(|spare| !Rc::ptr_eq(spare, process));
        self.processes.retain(|_, known| !Rc::ptr_eq(known, process));
        self.inherit(&mut process.traffic.borrow_mut());
        if !self.leaving.iter().any(|leaving| Rc::ptr_eq(leaving, process)) {
            self.leaving.push(Rc::clone(process));
        }
        process.end(why);
    }

    /// Keeps what those who share a process subscribed to, for the one that follows it: that may be started before this
    /// one has ended.
    fn inherit(&mut self, traffic: &mut Traffic) {
        if !traffic.is_dedicated() && !traffic.subscribed.is_empty() {
            self.bereft.insert(traffic.key.clone(), std::mem::take(&mut traffic.subscribed));
        }
    }

    /// A session ends while it has no process: the next one need not subscribe for it.
    pub(super) fn renounce(&mut self, key: &Key, session: u64) {
        if let Some(subscribed) = self.bereft.get_mut(key) {
            subscribed.values_mut().for_each(|sessions| sessions.retain(|of| *of != session));
            subscribed.retain(|_, sessions| !sessions.is_empty());
        }
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
    pub(in crate::net::command) fn fill(&mut self, shared: &Shared, now: Instant) {
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

    /// A process has ended, or could not be started.
    pub(in crate::net::command) fn ended(shared: &Shared, process: &Rc<Process>, how: &How) {
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
            How::NotStarted(_) => unavailable("the server could not be started or reached", Duration::from_secs(1)),
            How::Ended(why) | How::Broke(why) => reset(call, format!("the server's process ended: {why}")),
        };
        traffic.fail(&refusal, &mut fleet.sessions);
        match &traffic.key {
            Key::Session(number) => {
                if let Some(mut session) = fleet.sessions.remove(number) {
                    session.deafen();
                }
            }
            _ => fleet.inherit(traffic),
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
    pub(in crate::net::command) fn tick(shared: &Shared) {
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
        fleet.close_unknown();
        fleet.deafen_retired();
        fleet.sessions.retain(|_, session| {
            matches!(session.key, Key::Session(_)) || session.is_heard() || now - session.heard < REMEMBERED
        });
        fleet.revive(shared, now);
        fleet.fill(shared, now);
    }

    /// Ends the sessions whose client left, or was refused, before it was told of them: nobody can ever name them.
    pub(super) fn close_unknown(&mut self) {
        let unknown = self.sessions.iter().filter(|(_, session)| !session.known);
        let opened = |number: &u64, session: &Session| {
            let process = self.processes.get(&session.key);
            process.is_some_and(|process| process.traffic.borrow().opens(*number))
                || self.waiting.iter().any(|(_, ask)| ask.session == Some(*number))
        };
        let left: Vec<_> = unknown.filter(|(number, session)| !opened(number, session)).map(|(of, _)| *of).collect();
        left.into_iter().for_each(|number| self.close(number));
    }

    /// Once no process is started any more, nothing can come for sessions whose process has ended: whoever listens is let
    /// go, and learns that the session is over when it comes back.
    fn deafen_retired(&mut self) {
        let retired = self.retired;
        let bereft = self.sessions.values_mut().filter(|session| !self.processes.contains_key(&session.key));
        bereft.filter(|_| retired).for_each(Session::deafen);
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
    pub(in crate::net::command) fn retire(&mut self) {
        self.retired = true;
        for process in std::mem::take(&mut self.spare) {
            self.dismiss(&process, "the server is configured otherwise now");
        }
    }

    /// All processes are ended now.
    pub(in crate::net::command) fn stop(&mut self) {
        self.retired = true;
        let all: Vec<_> = self.spare.iter().chain(self.processes.values()).cloned().collect();
        all.into_iter().for_each(|process| self.dismiss(&process, "Weir is stopping"));
    }

    /// Whether nobody can ask any more, and nothing runs.
    pub(in crate::net::command) fn is_gone(&self) -> bool {
        self.retired && self.len() == 0
    }

    /// How many processes there are.
    pub(in crate::net::command) fn len(&self) -> usize {
        self.processes.len() + self.spare.len() + self.leaving.len()
    }
}
