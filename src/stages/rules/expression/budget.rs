//! How much an expression may do.

use super::fault::Why;

/// Bytes that one step reads, copies or compares.
const BYTES: usize = 128;

/// What deciding on one message may cost, in steps: all expressions on it draw from one budget.
///
/// A step is a node of the tree that is run, an element or member that is looked at, or 128 bytes that are read, copied
/// or compared. None takes more than a tenth of a microsecond, so that a whole budget is spent within a millisecond,
/// whatever the rules and the message are; it reads 1.2 MB of arguments.
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

    /// The bytes that what is left would pay.
    pub(super) fn bytes(&self) -> u32 {
        self.left.saturating_mul(BYTES as u32)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Self::STEPS)
    }
}
