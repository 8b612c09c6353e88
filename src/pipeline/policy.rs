//! The rules of a core, what is counted of them, and the randomness that some of them take.

use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use crate::model::RequestId;
use crate::stages::rules::expression::Budget;
use crate::stages::rules::{Asked, Decided, Met, Rules};
use crate::telemetry::{RuleEffect, RuleMeter};

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

    /// What would be decided as far as is known, which counts for nothing; and whether an expression has failed, for
    /// another reason than that its steps were spent.
    pub(super) fn tries(&self, asked: &Asked<'_>, budget: &mut Budget) -> (Decided<'_>, bool) {
        let mut has_failed = false;
        let decided = self.rules.decide(asked, budget, &mut |_, met| {
            has_failed |= matches!(met, Met::Failed(failed) if !failed.spent);
        });
        (decided, has_failed)
    }

    /// Decides, counts, and notes which rule has decided.
    pub(super) fn decide(&self, asked: &Asked<'_>, budget: &mut Budget, id: RequestId, seen: &Seen) -> Decided<'_> {
        let decided = self.rules.decide(asked, budget, &mut |rule, met| {
            let effect = match met {
                Met::Decided => RuleEffect::Decided,
                Met::Changed => RuleEffect::Changed,
                Met::Led => RuleEffect::Led,
                Met::Shadow => RuleEffect::Shadow,
                Met::Failed(failed) => {
                    let name = self.rules.book().name(rule);
                    tracing::warn!(%id, rule = name, why = %failed, "an expression has failed, which denies");
                    RuleEffect::Failed
                }
            };
            self.meter.count(rule, effect);
        });
        if let Some(rule) = decided.rule {
            seen.ruled(rule);
        }
        decided
    }
}
