//! What is counted of rules on one core.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::cell::Cell;

/// What a rule may do, as it stands in labels; the last one is counted by a metric of its own.
pub(super) const EFFECTS: [&str; 5] = ["decided", "changed", "led", "shadow", "failed"];

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

    /// The rule at that place has had this effect, by its place in the list of effects.
    pub fn count(&self, rule: usize, effect: usize) {
        if let Some(cell) = self.cells.get(rule).and_then(|cells| cells.effects.get(effect)) {
            cell.add(1);
        }
    }
}

/// The numbers of one rule.
#[derive(Debug, Default)]
pub(super) struct RuleCells {
    pub(super) name: String,
    pub(super) effects: [Cell; EFFECTS.len()],
}

impl RuleCells {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}
