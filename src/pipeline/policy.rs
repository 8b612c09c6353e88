//! The rules of a core, what is counted of them, and the randomness that some of them take.

use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use crate::model::RequestId;
use crate::stages::rules::{Asked, Decided, Rules};
use crate::telemetry::RuleMeter;

use super::finish::Seen;

/// What policy says, on one core.
#[derive(Debug)]
pub struct Policy {
    pub(super) rules: Rules,
    meter: Rc<RuleMeter>,
    dice: RandomState,
}

impl Policy {
    /// Rules, and where they are counted: by their places.
    pub fn new(rules: Rules, meter: Rc<RuleMeter>) -> Self {
        Self { rules, meter, dice: RandomState::new() }
    }

    /// The randomness of one message; 0 where no rule takes any.
    pub(super) fn draw(&self, id: RequestId) -> u64 {
        if self.rules.book().draws() { self.dice.hash_one(id.count()) } else { 0 }
    }

    /// Decides, counts, and notes which rule has decided.
    pub(super) fn decide(&self, asked: &Asked<'_>, seen: &Seen) -> Decided<'_> {
        let decided = self.rules.decide(asked, &mut |rule, met| self.meter.count(rule, met as usize));
        if let Some(rule) = decided.rule {
            seen.ruled(rule);
        }
        decided
    }
}
