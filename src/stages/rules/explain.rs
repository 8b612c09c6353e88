//! What every rule says of a message that was asked about it, for operators. It follows what was decided, so that no
//! explanation can differ from it.

use std::collections::HashMap;

use crate::config::{Set, Then};
use crate::model::Considered;

use super::asked::Asked;
use super::book::Book;
use super::decide::Met;
use super::expression::Budget;

/// What a rule has done, without what it was told by.
#[derive(Clone)]
pub(super) enum Noted {
    Decided,
    Changed,
    Led,
    Shadow,
    Failed(String),
}

impl From<Met<'_>> for Noted {
    fn from(met: Met<'_>) -> Self {
        match met {
            Met::Decided => Self::Decided,
            Met::Changed => Self::Changed,
            Met::Led => Self::Led,
            Met::Shadow => Self::Shadow,
            Met::Failed(why) => Self::Failed(why.to_string()),
        }
    }
}

/// Every rule that was looked at, in that order, with what each did (`met`, by its place) or why it did not.
pub(super) fn explain(book: &Book, asked: &Asked<'_>, met: &HashMap<usize, Noted>) -> Vec<Considered> {
    let mut walk = Walk { book, asked, met, been: 0, told: Vec::new() };
    walk.list(0);
    walk.told
}

struct Walk<'a> {
    book: &'a Book,
    asked: &'a Asked<'a>,
    met: &'a HashMap<usize, Noted>,
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
        let (book, written) = (self.book, self.book.written(rule));
        let met = self.met.get(&rule);
        let says = match met {
            Some(Noted::Failed(why)) if written.shadow => format!("its expression has failed: {why}"),
            Some(Noted::Failed(why)) => format!("its expression has failed, which denies: {why}"),
            Some(Noted::Shadow) => format!("would {}, were it no shadow", does(written.then.as_ref(), &written.set)),
            Some(_) => does(written.then.as_ref(), &written.set),
            None => self.book.misfit(rule, self.asked).unwrap_or("`when` is false").to_owned(),
        };
        self.told.push(Considered {
            name: written.name.clone(),
            stored: book.is_stored(rule),
            applies: met.is_some(),
            says,
        });
        match (met, &written.then) {
            (Some(Noted::Decided), _) => true,
            (Some(Noted::Failed(_)), _) => !written.shadow,
            (Some(Noted::Led), Some(Then::Goto(group))) => self.group(*group),
            _ => false,
        }
    }

    fn group(&mut self, group: usize) -> bool {
        let seen = self.been & (1 << group) != 0;
        self.been |= 1 << group;
        let when = self.book.groups[group].as_ref();
        let holds =
            when.is_none_or(|when| when.decide(self.asked.facts, &mut Budget::new(Budget::STEPS)).unwrap_or(false));
        !seen && holds && self.list(group + 1)
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
        ("mirror", set.mirror.is_some()),
    ]
    .into_iter()
    .filter(|(_, is_set)| *is_set)
    .map(|(key, _)| key.to_owned())
    .chain((!set.redact.is_empty()).then(|| redacts(set)))
    .collect();
    match (then, changed.is_empty()) {
        (Some(then), true) => then.to_owned(),
        (Some(then), false) => format!("set {}, {then}", changed.join(", ")),
        (None, _) => format!("set {}", changed.join(", ")),
    }
}

fn redacts(set: &Set) -> String {
    let paths: Vec<_> = set.redact.iter().map(ToString::to_string).collect();
    format!("redact ({})", paths.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mirror;
    use crate::model::KeyPath;

    #[test]
    fn what_would_be_redacted_is_named() {
        let redact = ["content.*.email", "_meta.trace"].map(|path| KeyPath::parse(path).unwrap()).into();
        let set = Set { redact, mirror: Some(Mirror { server: 0, share: 1 }), cost: Some(2), ..Set::default() };
        assert_eq!(does(None, &set), "set cost, mirror, redact (content.*.email, _meta.trace)");
    }
}
