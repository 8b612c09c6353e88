//! Rules that are added while Weir runs: documents in an order, every version of all of them, and what operators do with
//! them. What a document says is for whoever compiles it.

use std::sync::Arc;

use super::{Case, Explanation, Undone};

/// A stored rule. Its position is its place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRule {
    /// What it is called; unique, and for good.
    pub id: Box<str>,
    /// What it says, TOML or JSON.
    pub text: Arc<str>,
}

/// All of them, at one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredRules {
    /// 0 before the first change.
    pub version: u64,
    /// In their order.
    pub rules: Vec<StoredRule>,
}

/// What made a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// The version.
    pub version: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Who made it.
    pub by: Box<str>,
    /// What was done, in words.
    pub what: Box<str>,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleChange {
    /// Another rule, at this position; without one, or past the end, it is the last.
    Add(StoredRule, Option<usize>),
    /// The rule of that id says something else.
    Change(StoredRule),
    /// There is no such rule any more.
    Remove(Box<str>),
    /// The ids of all rules, in their new order.
    Reorder(Vec<Box<str>>),
    /// All rules are again as they were at this version.
    RollBack(u64),
}

/// Who changes something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Who.
    pub by: Box<str>,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// What operators do with stored rules.
#[derive(Clone, Debug)]
pub enum RuleOrder {
    /// Show which versions there were, the newest first, that many at most; before this one, or all.
    History(Option<u64>, usize),
    /// Make another version of this one; without one, of the one in force.
    Change(Option<u64>, RuleChange, Author),
    /// Say what such a change would come to, and what it would make of a message; nothing is changed.
    Try(Option<u64>, RuleChange, Option<Box<Case>>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAnswer {
    /// The versions, the newest first.
    Told(Vec<Edition>),
    /// This version is in force.
    Changed(u64),
    /// What a change would come to.
    Tried(Trial),
}

/// What a change would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The version that it would be made of.
    pub on: u64,
    /// What is wrong with what would come of it; it is taken where nothing is.
    pub flaws: Vec<String>,
    /// What becomes of the message, now and then.
    pub message: Option<Box<(Explanation, Explanation)>>,
}

/// Why rules are as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unruled {
    /// The version in force is another one.
    Moved {
        /// The version that was named.
        on: u64,
        /// The version in force.
        found: u64,
    },
    /// There is no such rule, or no such version.
    Missing(String),
    /// What would come of it is wrong: every flaw.
    Flawed(Vec<String>),
    /// It was not done for another reason.
    Undone(Undone),
}

impl From<Undone> for Unruled {
    fn from(undone: Undone) -> Self {
        Self::Undone(undone)
    }
}

/// The rules that messages are decided by, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// The version of the stored ones; 0 before the first change.
    pub version: u64,
    /// What those of the file are called.
    pub file: Vec<String>,
    /// The stored ones, which are asked behind them.
    pub stored: Vec<StoredRule>,
    /// Why the version in the store is not the one in force, where that is so.
    pub behind: Option<String>,
}
