//! What is counted of rules on one core.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::cell::Cell;

/// What a rule has done about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleEffect {
    /// It has decided.
    Decided,
    /// It has changed something.
    Changed,
    /// It has led to a group.
    Led,
    /// It is a shadow, and would have done one of these.
    Shadow,
    /// Its expression has failed.
    Failed,
}

impl RuleEffect {
    /// All of them, each at the place of its discriminant.
    pub(super) const ALL: [Self; 5] = [Self::Decided, Self::Changed, Self::Led, Self::Shadow, Self::Failed];

    /// As it stands in labels.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Changed => "changed",
            Self::Led => "led",
            Self::Shadow => "shadow",
            Self::Failed => "failed",
        }
    }
}

/// What this core counts of the rules of one configuration.
#[derive(Debug)]
pub struct RuleMeter {
    /// By the places of the rules.
    cells: Box<[Arc<RuleCells>]>,
    /// The cells have one writer, the core's thread: this stays on it.
    _one_thread: PhantomData<Rc<()>>,
}

impl RuleMeter {
    pub(super) fn new(cells: Box<[Arc<RuleCells>]>) -> Self {
        Self { cells, _one_thread: PhantomData }
    }

    /// The rule at that place has done this.
    pub fn count(&self, rule: usize, effect: RuleEffect) {
        if let Some(cells) = self.cells.get(rule) {
            cells.effects[effect as usize].add(1);
        }
    }
}

/// The numbers of one rule.
#[derive(Debug, Default)]
pub(super) struct RuleCells {
    pub(super) name: String,
    pub(super) effects: [Cell; RuleEffect::ALL.len()],
}

impl RuleCells {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_effect_has_its_place() {
        assert!(RuleEffect::ALL.iter().enumerate().all(|(at, effect)| *effect as usize == at));
    }
}
