//! How much an expression may do.

use super::fault::{Failed, Why};
use crate::model::Glob;
use crate::protocol::json::Looked;

/// Bytes that one step copies or compares.
const BYTES: usize = 128;
/// Bytes of the message that one step skips: brackets, escapes and digits are looked at one by one.
const SKIPPED: usize = 32;
/// The same inside a string without escapes.
const SKIPPED_TEXT: usize = 256;

/// What deciding on one body may cost, in steps: all rules and expressions draw from one budget for all its messages.
///
/// A step is a rule that is asked, a node of the tree that is run, an element or member that is looked at, 128 bytes that
/// are copied or compared, or 32 that are skipped (256 within a string). None takes more than a tenth of a microsecond, so
/// that a whole budget is spent within a millisecond, whatever the rules and the message are (`tests/budget.rs` counts
/// the instructions). Long arguments that are not asked for are not skipped byte by byte: passing one takes some steps,
/// so that a body of any length can be decided on. To do more than that is a fault.
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

    /// Takes steps for what rules do beside their expressions.
    #[inline]
    pub(in crate::stages::rules) fn pay(&mut self, steps: u32) -> Result<(), Failed> {
        self.spend(steps).map_err(|_| Failed::spent())
    }

    /// Whether a text matches a pattern: each look at a character is paid for as if it were skipped.
    pub(in crate::stages::rules) fn glob(&mut self, pattern: &Glob, text: &str) -> Result<bool, Failed> {
        let most = self.skippable();
        let mut left = most;
        let Some(is) = pattern.matches_within(text, &mut left) else {
            self.exhaust();
            return Err(Failed::spent());
        };
        self.pay(u32::try_from((most - left) / SKIPPED).unwrap_or(u32::MAX))?;
        Ok(is)
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
