//! What becomes of a message, and why: as operators ask for it, and as they are told.

use std::net::IpAddr;

use super::Caller;

/// The stage that counts by limits, at each of its places.
pub const LIMITS: &str = "limits";

/// A message whose way is asked for. Nothing of it is sent anywhere.
#[derive(Clone, Debug)]
pub struct Case {
    /// The path of the route that it comes on; where it is not said, that of the only one, or `/mcp`.
    pub path: Option<String>,
    /// The message, as a client would post it.
    pub message: Vec<u8>,
    /// Its fields, beside those that mirror the message: what a client of 2026-07-28 has to send is filled in.
    pub headers: Vec<(String, String)>,
    /// Who sends it; `None` for somebody without a credential.
    pub caller: Option<Caller>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

/// The way of a message, as far as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The path of its route.
    pub path: String,
    /// The server that it would go to.
    pub server: String,
    /// What the rules do with it; `None` where it does not come so far, or there are none.
    pub ruled: Option<Ruling>,
    /// Stage by stage, in the order of a request; the last one may refuse it.
    pub steps: Vec<Step>,
}

/// What the rules do with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// `pass`, `refuse`, `route`, `answer`, or `fail` where an expression has failed, which denies.
    pub verdict: &'static str,
    /// The rule that decides; `None` where none does, and the message passes.
    pub rule: Option<String>,
}

/// What one stage says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub stage: &'static str,
    /// Why it goes no further, as `data.reason` names it; `None` where it passes.
    pub refused: Option<&'static str>,
    /// What was found, in a sentence.
    pub says: String,
    /// What was looked at one by one, such as rules and limits.
    pub looked_at: Vec<Considered>,
}

/// One thing that a stage has looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// What it is called in the configuration.
    pub name: String,
    /// Whether it concerns the message.
    pub applies: bool,
    /// What it does, or what keeps it from doing so.
    pub says: String,
}

impl Explanation {
    /// Why the message goes no further; `None` where it would reach its server.
    pub fn refused(&self) -> Option<&'static str> {
        self.steps.last().and_then(|step| step.refused)
    }

    /// The limits that would count the message, each once.
    pub fn limits(&self) -> Vec<&str> {
        let steps = self.steps.iter().filter(|step| step.stage == LIMITS && step.refused.is_none());
        let mut limits = Vec::new();
        for one in steps.flat_map(|step| &step.looked_at).filter(|one| one.applies) {
            if !limits.contains(&&*one.name) {
                limits.push(&*one.name);
            }
        }
        limits
    }
}

impl Step {
    /// It passes.
    pub fn passes(stage: &'static str, says: impl Into<String>) -> Self {
        Self { stage, refused: None, says: says.into(), looked_at: Vec::new() }
    }
}
