//! How a command ended.

use std::fmt;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// With its keeper, which was killed.
    Lost,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal(9) => f.write_str("was killed (SIGKILL)"),
            Self::Signal(number) => write!(f, "was ended by signal {number}"),
            Self::Lost => f.write_str("was lost with the keeper of processes"),
        }
    }
}
