//! The sessions of the era that has them: at most so many, each with what waits for a message of its client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use crate::protocol::revision::Revision;

/// Sessions there may be; the one that was silent longest makes room for a new one.
const MOST: usize = 1000;
/// Calls of a session that may wait for its client at once.
const MOST_WAITING: usize = 64;

/// All sessions of the sample server.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: Mutex<HashMap<String, Arc<Session>>>,
    /// Counts up with every use of a session.
    uses: AtomicU64,
}

/// One client's session.
#[derive(Debug)]
pub(super) struct Session {
    /// What was agreed on.
    pub(super) revision: Revision,
    /// Whether the client can be asked.
    pub(super) elicitation: bool,
    /// Whether it wants to hear of notes.
    pub(super) subscribed: AtomicBool,
    used: AtomicU64,
    ended: watch::Sender<bool>,
    waiting: Mutex<HashMap<Wait, Place>>,
    /// Numbers that were given out.
    asked: AtomicU64,
}

/// What waits for a message of the client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wait {
    /// The answer to our request of this number.
    Answer(u64),
    /// The cancelling of the call with this id, as it came.
    Cancel(Vec<u8>),
}

#[derive(Debug)]
struct Place {
    number: u64,
    tell: oneshot::Sender<Vec<u8>>,
}

/// A place among those who wait, given back when dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    session: Arc<Session>,
    wait: Wait,
    number: u64,
    /// What is waited for: the client's message.
    pub(super) told: oneshot::Receiver<Vec<u8>>,
}

impl Sessions {
    /// Enters a session under an id that nobody can guess.
    pub(super) fn enter(&self, id: String, revision: Revision, elicitation: bool) {
        let session = Session {
            revision,
            elicitation,
            subscribed: AtomicBool::new(false),
            used: AtomicU64::new(self.uses.fetch_add(1, Ordering::Relaxed)),
            ended: watch::Sender::new(false),
            waiting: Mutex::default(),
            asked: AtomicU64::new(0),
        };
        let mut all = lock(&self.all);
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, session)| session.used.load(Ordering::Relaxed));
            let oldest = oldest.map(|(id, _)| id.clone());
            if let Some(gone) = oldest.and_then(|id| all.remove(&id)) {
                gone.ended.send_replace(true);
            }
        }
        all.insert(id, Arc::new(session));
    }

    /// The session of this id, if there is one.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Session>> {
        let session = Arc::clone(lock(&self.all).get(id)?);
        session.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(session)
    }

    /// Ends a session and its streams; `false` where there was none.
    pub(super) fn end(&self, id: &str) -> bool {
        let Some(session) = lock(&self.all).remove(id) else { return false };
        session.ended.send_replace(true);
        true
    }
}

impl Session {
    /// Tells when the session has ended.
    pub(super) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// A number that nobody else has.
    pub(super) fn next(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a place; `None` where all are taken, or this very one.
    pub(super) fn wait(self: &Arc<Self>, wait: Wait) -> Option<Waiting> {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MOST_WAITING || waiting.contains_key(&wait) {
            return None;
        }
        let (tell, told) = oneshot::channel();
        let number = self.next();
        waiting.insert(wait.clone(), Place { number, tell });
        drop(waiting);
        Some(Waiting { session: Arc::clone(self), wait, number, told })
    }

    /// Tells whoever waits for this; `false` where nobody does.
    pub(super) fn tell(&self, wait: &Wait, message: Vec<u8>) -> bool {
        let told = lock(&self.waiting).remove(wait);
        told.is_some_and(|place| place.tell.send(message).is_ok())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = lock(&self.session.waiting);
        // Once it was told, the place may be another's.
        if waiting.get(&self.wait).is_some_and(|place| place.number == self.number) {
            waiting.remove(&self.wait);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silent_session_makes_room() {
        let sessions = Sessions::default();
        for number in 0..MOST {
            sessions.enter(number.to_string(), Revision::V2025_11_25, false);
        }
        let (first, second) = (sessions.find("0").unwrap(), sessions.find("1").unwrap());
        sessions.find("0").unwrap();
        sessions.enter("new".into(), Revision::V2025_11_25, false);
        assert!(sessions.find("2").is_none() && sessions.find("0").is_some() && sessions.find("new").is_some());
        assert!(!*first.ended().borrow());
        assert!(sessions.end("1") && !sessions.end("1") && *second.ended().borrow());
    }

    #[test]
    fn whoever_waits_is_told_once_and_places_are_bounded() {
        let sessions = Sessions::default();
        sessions.enter("s".into(), Revision::V2025_11_25, true);
        let session = sessions.find("s").unwrap();
        let mut one = session.wait(Wait::Answer(1)).unwrap();
        assert!(session.wait(Wait::Answer(1)).is_none(), "taken");
        assert!(session.tell(&Wait::Answer(1), b"x".into()) && !session.tell(&Wait::Answer(1), b"y".into()));
        assert_eq!(one.told.try_recv().unwrap(), b"x");
        let other = session.wait(Wait::Answer(1)).unwrap();
        drop(one);
        assert!(session.wait(Wait::Answer(1)).is_none(), "it is the other's now");
        drop(other);
        let all: Vec<_> = (0..MOST_WAITING as u64).map(|n| session.wait(Wait::Answer(n)).unwrap()).collect();
        assert!(session.wait(Wait::Cancel(b"7".into())).is_none(), "all places are taken");
        drop(all);
        assert!(session.wait(Wait::Cancel(b"7".into())).is_some());
    }
}
