//! The tokens of all callers of one server. A core looks here only where it meets a token of a caller's first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::clock;

use super::slot::{Runner, Slot};
use super::terms::Terms;

/// Most callers' tokens that are known at a time.
const MOST: usize = 10_000;
/// How often what has ended is taken out at most.
const SWEEP: Duration = Duration::from_secs(10);

/// Whose token, and the digest of it.
type Key = (Box<str>, [u8; 32]);

/// The slots of a server's callers.
#[derive(Debug)]
pub struct Book {
    terms: Arc<Terms>,
    runner: Arc<Runner>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    slots: HashMap<Key, Arc<Slot>>,
    /// When what has ended was taken out last.
    swept: Option<Instant>,
}

impl Book {
    /// One for a server, by whose terms tokens are exchanged.
    pub fn new(terms: Arc<Terms>, runner: Arc<Runner>) -> Self {
        Self { terms, runner, known: Mutex::default() }
    }

    /// By which terms they are asked for.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// The slot for one token of one caller.
    pub fn slot(&self, caller: &str, digest: [u8; 32]) -> Arc<Slot> {
        let Known { slots, swept } = &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        if slots.len() >= MOST && swept.is_none_or(|last| now.duration_since(last) >= SWEEP) {
            *swept = Some(now);
            // What nobody could be shown is no loss.
            slots.retain(|_, slot| slot.current().is_some());
        }
        // Where that is not enough one goes, and is asked for anew.
        if slots.len() >= MOST
            && let Some(any) = slots.keys().next().cloned()
        {
            slots.remove(&any);
        }
        let make = || Arc::new(Slot::new(Arc::clone(&self.terms), Arc::clone(&self.runner), None));
        Arc::clone(slots.entry((caller.into(), digest)).or_insert_with(make))
    }
}

#[cfg(test)]
mod tests {
    use super::super::terms::tests::terms;
    use super::*;

    #[test]
    fn each_token_of_each_caller_has_a_slot_and_they_are_bounded() {
        let book = Book::new(Arc::new(terms()), Arc::default());
        let one = book.slot("ann", [1; 32]);
        assert!(Arc::ptr_eq(&one, &book.slot("ann", [1; 32])));
        assert!(!Arc::ptr_eq(&one, &book.slot("ann", [2; 32])) && !Arc::ptr_eq(&one, &book.slot("bob", [1; 32])));
        for number in 0..MOST * 2 {
            book.slot(&format!("c{number}"), [0; 32]);
        }
        assert!(book.known.lock().unwrap().slots.len() <= MOST);
    }
}
