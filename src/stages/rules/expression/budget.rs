//! How much an expression may do.

use super::fault::Why;
use crate::protocol::json::Looked;

/// Bytes that one step copies or compares.
const BYTES: usize = 128;
/// Bytes of the message that one step skips: brackets, escapes and digits are looked at one by one.
const SKIPPED: usize = 32;
/// The same inside a string without escapes.
const SKIPPED_TEXT: usize = 256;

/// What deciding on one message may cost, in steps: all expressions on it draw from one budget.
///
/// A step is a node of the tree that is run, an element or member that is looked at, 128 bytes that are copied or
/// compared, or 32 that are skipped (256 within a string). None takes more than a tenth of a microsecond, so that a
/// whole budget is spent within a millisecond, whatever the rules and the message are (`benches/rules.rs`). It looks
/// through 320 kB of arguments; to look for what is behind them is a fault.
#[derive(Debug)]
pub struct Budget {
    left: u32,
}

impl Budget {
    /// The steps of a whole budget.
    pub const STEPS: u32 = 10_000;

    /// A budget of so many steps.
    pub fn new(steps: u32) -> Self {
        Self { left: steps }
    }

    /// The steps that are left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Takes steps; what cannot be paid leaves nothing.
    #[inline]
    pub(super) fn spend(&mut self, steps: u32) -> Result<(), Why> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Why::Spent)
            }
        }
    }

    /// Takes the steps of so many bytes, none for a few.
    #[inline]
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Why> {
        self.spend(u32::try_from(bytes / BYTES).unwrap_or(u32::MAX))
    }

    /// Takes the steps of what was looked at.
    #[inline]
    pub(super) fn spend_looked(&mut self, looked: Looked) -> Result<(), Why> {
        self.spend(u32::try_from(looked.bytes / SKIPPED + looked.text / SKIPPED_TEXT).unwrap_or(u32::MAX))
    }

    /// Takes all that is left, for something that would cost more.
    pub(super) fn exhaust(&mut self) -> Why {
        self.left = 0;
        Why::Spent
    }

    /// The bytes that may be skipped with what is left, whatever they are.
    pub(super) fn skippable(&self) -> usize {
        self.left as usize * SKIPPED
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Self::STEPS)
    }
}
