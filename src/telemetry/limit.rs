//! What is counted of a limit on one core.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::cell::Cell;

/// What this core counts of a limit's decisions.
#[derive(Debug)]
pub struct LimitMeter {
    cells: Arc<LimitCells>,
    /// The cells have one writer, the core's thread: this stays on it.
    _one_thread: PhantomData<Rc<()>>,
}

impl LimitMeter {
    pub(super) fn new(cells: Arc<LimitCells>) -> Self {
        Self { cells, _one_thread: PhantomData }
    }

    /// It had enough.
    pub fn admits(&self) {
        self.cells.admitted.add(1);
    }

    /// How often it had enough, and how often not.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.cells.admitted.value(), self.cells.refused.value())
    }

    /// It had not.
    pub fn refuses(&self) {
        self.cells.refused.add(1);
    }

    /// Its expression has failed, which denies.
    pub fn fails(&self) {
        self.cells.failed.add(1);
    }
}

/// The numbers behind a [`LimitMeter`].
#[derive(Debug, Default)]
pub(super) struct LimitCells {
    pub(super) name: String,
    pub(super) admitted: Cell,
    pub(super) refused: Cell,
    pub(super) failed: Cell,
}

impl LimitCells {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}
