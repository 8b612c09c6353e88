//! What the daemon publishes of itself for operators.

use super::command::Generation;

/// Where a daemon stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The configuration in force.
    pub generation: Generation,
    /// The last reload that was tried; none since the start.
    pub reload: Option<Attempt>,
}

/// A reload that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When, in seconds since 1970.
    pub at: u64,
    /// Why nothing was changed; `None` if it came into force.
    pub refused: Option<String>,
}
