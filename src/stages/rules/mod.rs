//! What policy says of a message: ordered rules, the first one that matches and has a `then` decides.
//!
//! ```text
//! route, server, method, name, roles --index--> the few rules that may match, remembered per core
//!                headers, expressions --walk--> verdict, and what is changed
//! ```
//!
//! Pure: time and randomness are arguments, and what is to be done comes back as data.

mod asked;
mod book;
mod decide;
mod explain;
pub mod expression;
mod index;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::model::Considered;

use expression::Budget;
use index::Known;

pub use asked::{Asked, Said, Subject, Unreadable, method};
pub use book::{Book, compiled, flaws, flaws_of};
pub use decide::{Changes, Decided, Effect, Met, Ruled, Verdict};

/// The rules of one configuration, on one core.
#[derive(Debug)]
pub struct Rules {
    book: Arc<Book>,
    known: RefCell<Known>,
}

impl Rules {
    /// Those of a book.
    pub fn new(book: Arc<Book>) -> Self {
        Self { book, known: RefCell::default() }
    }

    /// Whether there is no rule, so that nothing need be asked.
    pub fn is_empty(&self) -> bool {
        self.book.rules.is_empty()
    }

    /// Where there is no rule, all messages may go on.
    pub fn none(&self) -> Option<Ruled<'_>> {
        self.is_empty().then(Ruled::unchanged)
    }

    /// What they are compiled from.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Decides about one message, as far as the budget of its body lasts. Each rule that has done something, or would have, is told to `met` by its place.
    pub fn decide(&self, asked: &Asked<'_>, budget: &mut Budget, met: &mut dyn FnMut(usize, Met<'_>)) -> Decided<'_> {
        match index::lists(&self.book, &self.known, asked, budget) {
            Ok(lists) => decide::decide(&self.book, &lists, asked, budget, met),
            Err((rule, spent)) => {
                met(rule, Met::Failed(&spent));
                Decided { verdict: Verdict::Failed, rule: Some(rule), changes: Changes::default() }
            }
        }
    }

    /// Decides, and tells of every rule that was looked at.
    pub fn explain(&self, asked: &Asked<'_>) -> (Decided<'_>, Vec<Considered>) {
        let mut met = HashMap::new();
        let decided = self.decide(asked, &mut Budget::new(Budget::STEPS), &mut |rule, what| {
            met.insert(rule, what.into());
        });
        (decided, explain::explain(&self.book, asked, &met))
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("lists", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
