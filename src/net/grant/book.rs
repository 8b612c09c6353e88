//! The tokens of all callers of one server. A core looks here only where it meets a token of a caller's first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::slot::{Runner, Slot};
use super::terms::Terms;

/// Most callers' tokens that are known at a time.
const MOST: usize = 10_000;

/// Whose token, and the digest of it.
type Key = (Box<str>, [u8; 32]);

/// The slots of a server's callers.
#[derive(Debug)]
pub struct Book {
    terms: Arc<Terms>,
    runner: Arc<Runner>,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

impl Book {
    /// One for a server, by whose terms tokens are exchanged.
    pub fn new(terms: Arc<Terms>, runner: Arc<Runner>) -> Self {
        Self { terms, runner, slots: Mutex::default() }
    }

    /// By which terms they are asked for.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// The slot for one token of one caller.
    pub fn slot(&self, caller: &str, digest: [u8; 32]) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST {
            // What nobody could be shown is no loss. Where that is not enough one goes, and is asked for anew.
            slots.retain(|_, slot| slot.current().is_some());
            if slots.len() >= MOST
                && let Some(any) = slots.keys().next().cloned()
            {
                slots.remove(&any);
            }
        }
        let make = || Arc::new(Slot::new(Arc::clone(&self.terms), Arc::clone(&self.runner), None));
        Arc::clone(slots.entry((caller.into(), digest)).or_insert_with(make))
    }
}
