//! What every rule says of a message that was asked about it, for operators. It follows what was decided, so that no
//! explanation can differ from it.

use std::collections::HashMap;

use crate::config::{Set, Then};
use crate::model::Considered;

use super::asked::Asked;
use super::book::Book;
use super::decide::Met;

/// Every rule that was looked at, in that order, with what each did (`met`, by its place) or why it did not.
pub(super) fn explain(book: &Book, asked: &Asked<'_>, met: &HashMap<usize, Met>) -> Vec<Considered> {
    let mut walk = Walk { book, asked, met, been: 0, told: Vec::new() };
    walk.list(0);
    walk.told
}

struct Walk<'a> {
    book: &'a Book,
    asked: &'a Asked<'a>,
    met: &'a HashMap<usize, Met>,
    /// The groups that were told of.
    been: u64,
    told: Vec<Considered>,
}

impl Walk<'_> {
    /// Whether a rule of the list, or of a group that it leads to, has decided: none behind it was asked.
    fn list(&mut self, list: usize) -> bool {
        let book = self.book;
        book.lists[list].iter().any(|rule| self.rule(*rule as usize))
    }

    fn rule(&mut self, rule: usize) -> bool {
        let written = self.book.written(rule);
        let met = self.met.get(&rule).copied();
        let says = match met {
            Some(Met::Failed) => "its expression failed, which denies unless it is a shadow".to_owned(),
            Some(Met::Shadow) => format!("would {}, were it no shadow", does(written.then.as_ref(), &written.set)),
            Some(_) => does(written.then.as_ref(), &written.set),
            None => self.book.misfit(rule, self.asked).unwrap_or("`when` is false").to_owned(),
        };
        self.told.push(Considered { name: written.name.clone(), applies: met.is_some(), says });
        match (met, &written.then) {
            (Some(Met::Decided), _) => true,
            (Some(Met::Failed), _) => !written.shadow,
            (Some(Met::Led), Some(Then::Goto(group))) => {
                let seen = self.been & (1 << group) != 0;
                self.been |= 1 << group;
                !seen && self.list(group + 1)
            }
            _ => false,
        }
    }
}

/// What a rule does with a message that it matches, in a few words.
fn does(then: Option<&Then>, set: &Set) -> String {
    let then = match then {
        None => None,
        Some(Then::Pass) => Some("pass"),
        Some(Then::Refuse { .. }) => Some("refuse"),
        Some(Then::Route(_)) => Some("route"),
        Some(Then::Answer(_)) => Some("answer"),
        Some(Then::Goto(_)) => Some("goto its group"),
    };
    let changed: Vec<_> = [
        ("first_byte", set.first_byte.is_some()),
        ("idle_timeout", set.idle_timeout.is_some()),
        ("deadline", set.deadline.is_some()),
        ("class", set.class.is_some()),
        ("cost", set.cost.is_some()),
        ("headers", !set.headers.is_empty()),
        ("arguments", !set.arguments.is_empty()),
        ("fault", set.fault.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, is_set)| is_set.then_some(key))
    .collect();
    match (then, changed.is_empty()) {
        (Some(then), true) => then.to_owned(),
        (Some(then), false) => format!("set {}, {then}", changed.join(", ")),
        (None, _) => format!("set {}", changed.join(", ")),
    }
}
