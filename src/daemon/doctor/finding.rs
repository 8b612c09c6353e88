//! One thing that was looked at: how it is, and what to do.

use std::time::Duration;

/// What was found of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: one or two words, or a server and its URL.
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found. Nothing in it that a terminal would obey.
    pub finding: String,
    /// What to do; `None` where there is nothing to be done.
    pub advice: Option<String>,
    /// How long it took, where somebody else had to be waited for.
    pub took: Option<Duration>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Weir runs with it; somebody should look at it.
    Warn,
    /// A server is out of reach: nothing is wrong here that is known.
    OutOfReach,
    /// Weir, or a route of it, does not work like this.
    Fail,
}

impl Finding {
    pub(super) fn ok(subject: impl Into<String>, finding: impl Into<String>) -> Self {
        let (subject, finding) = (subject.into(), finding.into());
        Self { subject, verdict: Verdict::Ok, finding, advice: None, took: None }
    }

    pub(super) fn warn(subject: impl Into<String>, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, advice: Some(advice.into()), ..Self::ok(subject, finding) }
    }

    pub(super) fn fail(subject: impl Into<String>, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::warn(subject, finding, advice) }
    }
}
