//! What calls were promised whose answers come another way: replayed on a session's own stream, or as the result of a
//! task. Shared by all cores, and bounded; only routes that check answers take part.
//!
//! An answer of which nothing is known here any more (it is of another node, of before a start, or older than what is
//! kept) is not checked: see [`Promises`](super::promised::Promises) for what becomes of it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::Schema;
use crate::protocol::json::{self, Kind, Span};
use crate::protocol::message::Id;

/// Calls that are remembered; the oldest is forgotten first.
const MOST: usize = 16 * 1024;

/// What is remembered of calls.
#[derive(Default)]
pub struct Remembered {
    /// Its keys are this process's own, so that no server can choose ids that look the same.
    hasher: RandomState,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    known: HashMap<u64, Known>,
    order: VecDeque<u64>,
}

/// What a call's answer has to be.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// `None` where its tool promises nothing.
    pub(super) schema: Option<Arc<Schema>>,
    /// The answer is one on a task, which has the call's in its `result`.
    pub(super) within: bool,
}

/// A session of a server.
#[derive(Clone, Copy, Debug)]
pub struct Session(u64);

/// A server.
#[derive(Clone, Copy, Debug)]
pub struct Source(u64);

impl Remembered {
    /// A session, by the endpoint that gave it and its own id there.
    pub fn session(&self, endpoint: u64, id: &str) -> Session {
        Session(self.hasher.hash_one((endpoint, id)))
    }

    /// A server, by its name.
    pub fn source(&self, name: &str) -> Source {
        Source(self.hasher.hash_one(name))
    }

    pub(super) fn keep_answer(&self, session: Session, id: &Id, bytes: &[u8], known: Known) {
        self.keep(self.of_answer(session, id, bytes), known);
    }

    pub(super) fn answer(&self, session: Session, id: &Id, bytes: &[u8]) -> Option<Known> {
        self.find(self.of_answer(session, id, bytes))
    }

    pub(super) fn keep_task(&self, source: Source, task: &str, schema: Option<Arc<Schema>>) {
        self.keep(self.of_task(source, task), Known { schema, within: false });
    }

    pub(super) fn task(&self, source: Source, task: &str) -> Option<Known> {
        self.find(self.of_task(source, task))
    }

    /// Spelling does not matter.
    fn of_answer(&self, session: Session, id: &Id, bytes: &[u8]) -> u64 {
        let raw = id.raw(bytes);
        let end = u32::try_from(raw.len()).unwrap_or(0);
        let text = json::Value { span: Span { start: 0, end }, kind: Kind::String, escaped: id.is_escaped() };
        match text.text(raw).filter(|_| id.is_string()) {
            Some(text) => self.hash(("string", session.0, text.as_bytes())),
            None => self.hash(("number", session.0, raw)),
        }
    }

    fn of_task(&self, source: Source, task: &str) -> u64 {
        self.hash(("task", source.0, task))
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    fn keep(&self, key: u64, known: Known) {
        let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.known.insert(key, known).is_none() {
            kept.order.push_back(key);
        }
        if kept.order.len() > MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.known.remove(&oldest);
        }
    }

    fn find(&self, key: u64) -> Option<Known> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).known.get(&key).cloned()
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::{Body, Limits, Message, read_server};

    fn answer(id: &str) -> (Message, Vec<u8>) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#).into_bytes();
        match read_server(&text, &Limits::default()).expect("it is sound") {
            Body::One(message) => (message, text),
            Body::Batch(_) => unreachable!("it is none"),
        }
    }

    #[test]
    fn an_answer_is_known_by_session_and_id_however_it_is_spelt() {
        let all = Remembered::default();
        let (one, other) = (all.session(1, "s"), all.session(2, "s"));
        let known = || Known { schema: None, within: true };
        let (first, text) = answer(r#""a\u0062""#);
        all.keep_answer(one, first.id.as_ref().expect("an id"), &text, known());
        for (session, id, is_known) in
            [(one, r#""ab""#, true), (other, r#""ab""#, false), (one, r#""abc""#, false), (one, "7", false)]
        {
            let (message, text) = answer(id);
            let found = all.answer(session, message.id.as_ref().expect("an id"), &text);
            assert_eq!(found.is_some_and(|known| known.within), is_known, "{id}");
        }
        let (number, text) = answer("7");
        all.keep_answer(one, number.id.as_ref().expect("an id"), &text, known());
        let (string, spelt) = answer("\"7\"");
        assert!(all.answer(one, string.id.as_ref().expect("an id"), &spelt).is_none());
    }

    #[test]
    fn so_many_are_kept_and_the_oldest_goes_first() {
        let all = Remembered::default();
        let (here, there) = (all.source("here"), all.source("there"));
        for _ in 0..3 {
            all.keep_task(here, "first", None);
        }
        for task in 0..MOST - 1 {
            all.keep_task(there, &task.to_string(), None);
        }
        assert!(all.task(here, "first").is_some() && all.task(there, "first").is_none());
        all.keep_task(here, "one more", None);
        assert!(all.task(here, "first").is_none() && all.task(there, "0").is_some());
        let kept = all.kept.lock().expect("nobody panics");
        assert_eq!((kept.known.len(), kept.order.len()), (MOST, MOST));
    }
}
