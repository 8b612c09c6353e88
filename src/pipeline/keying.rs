//! The keys that expressions give: `limit` counts by them, `rules::expression` evaluates them, and this joins the two.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::config;
use crate::model::grants::Named;
use crate::model::{Principal, Reason, Refusal};
use crate::stages::limit::{Asks, Keys};
use crate::stages::rules::expression::{Budget, Expected, Expression, Failed, Needs};
use crate::stages::rules::{self, Said, Subject, Unreadable};
use crate::stages::wellformed::{Verb, WellFormed};

use super::ruling;
use super::told::{Around, Told};

/// Bytes of a key for which a core keeps room; what is longer is forgotten with its message.
const ROOM: usize = 4096;

/// The expressions of all limits of a configuration, compiled.
#[derive(Debug, Default)]
pub struct Expressions {
    /// By the places of the limits.
    all: Box<[Option<Expression>]>,
}

impl Expressions {
    /// Those of these limits.
    ///
    /// # Errors
    /// One is wrong: see [`flaws_of`](rules::flaws_of).
    pub fn compile(limits: &[config::Limit]) -> Result<Self, String> {
        let compiled = |limit: &config::Limit| {
            let written = limit.key.expression();
            written.map(|written| rules::compiled(written, Expected::Key)).transpose()
        };
        Ok(Self { all: limits.iter().map(compiled).collect::<Result<_, _>>()? })
    }

    /// What that of a limit asks for.
    pub fn asks(&self, limit: usize) -> Asks {
        let needs = self.of(limit).map_or(Needs::NOTHING, Expression::needs);
        let has = |any: &[Needs]| any.iter().any(|one| needs.has(*one));
        Asks {
            message: has(&[Needs::MESSAGE, Needs::ARGUMENTS, Needs::TOOL]),
            server: has(&[Needs::SERVER, Needs::TOOL]),
        }
    }

    fn of(&self, limit: usize) -> Option<&Expression> {
        self.all.get(limit)?.as_ref()
    }
}

/// The expressions of limits, on one core.
#[derive(Debug, Default)]
pub struct Keying {
    expressions: Arc<Expressions>,
    /// Room for the key that is being counted.
    room: RefCell<String>,
}

impl Keying {
    /// Those of a configuration.
    pub fn new(expressions: Arc<Expressions>) -> Self {
        Self { expressions, room: RefCell::default() }
    }

    /// The keys of one body.
    pub(super) fn of<'a>(
        &'a self,
        around: Around<'a>,
        principal: &'a Principal,
        verb: Verb,
        read: &'a WellFormed,
        budget: Budget,
    ) -> Keyed<'a> {
        Keyed { keying: self, around, principal, verb, read, budget: RefCell::new(budget), failed: Cell::default() }
    }

    /// Whether any limit has an expression.
    pub(super) fn is_used(&self) -> bool {
        self.expressions.all.iter().any(Option::is_some)
    }
}

/// The keys of one body, by the expressions of all limits.
pub(super) struct Keyed<'a> {
    keying: &'a Keying,
    around: Around<'a>,
    principal: &'a Principal,
    verb: Verb,
    read: &'a WellFormed,
    budget: RefCell<Budget>,
    failed: Cell<Option<(usize, Failed)>>,
}

impl Keyed<'_> {
    /// The limit whose expression has failed, by its place, and why.
    pub(super) fn failed(&self) -> Option<(usize, Failed)> {
        self.failed.take()
    }

    /// The steps that are left.
    pub(super) fn left(&self) -> u32 {
        self.budget.borrow().left()
    }

    fn tell(
        &self,
        limit: usize,
        expression: &Expression,
        told: &Told<'_>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), Refusal> {
        let mut room = self.keying.room.borrow_mut();
        let has = expression.key(told, &mut self.budget.borrow_mut(), &mut room);
        let done = match has {
            Ok(true) => {
                tell(&room);
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(failed) => {
                self.failed.set(Some((limit, failed)));
                Err(undecided())
            }
        };
        room.clear();
        room.shrink_to(ROOM);
        done
    }
}

impl Keys for Keyed<'_> {
    fn each(&self, limit: usize, message: Option<usize>, tell: &mut dyn FnMut(&str)) -> Result<(), Refusal> {
        let Some(expression) = self.keying.expressions.of(limit) else { return Err(undecided()) };
        let read = self.read;
        let Some(message) = message.and_then(|at| read.messages().get(at)) else {
            let said = if self.verb == Verb::Delete { Said::Delete } else { Said::Get };
            let told = Told::in_place(self.around, self.principal, said, None, None);
            return self.tell(limit, expression, &told, tell);
        };
        let method = rules::method(message, read.bytes());
        let (known, said) = ruling::said(method.as_deref());
        // What has no name that two could read alike would choose its key.
        let looks = |_: Named| expression.needs().has(Needs::MESSAGE);
        let subject = Subject::named(message, known, read.bytes(), &looks);
        let subject = subject.map_err(|Unreadable(why)| Refusal::new(Reason::InvalidParams, why))?;
        subject.each().try_for_each(|named| {
            let told = Told::in_place(self.around, self.principal, said, named, Some((message, read)));
            self.tell(limit, expression, &told, tell)
        })
    }
}

fn undecided() -> Refusal {
    let message = "what a limit of the gateway counts this with could not be decided; ask whoever runs it";
    Refusal::new(Reason::PolicyDenied, message).noted(&"the key_expression of a limit has failed")
}

#[cfg(test)]
mod tests;
