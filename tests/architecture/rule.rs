//! What a rule is, and what is said where one is broken.

use std::fmt;

/// A house rule: a ban carries its reason and its replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    pub(crate) instead: &'static str,
}

impl Rule {
    /// This rule, broken at a place.
    pub(crate) fn at(&self, file: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding { file: file.to_owned(), line, what: what.into(), rule: *self }
    }
}

/// One place where a rule is broken.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) rule: Rule,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what, rule } = self;
        write!(f, "{file}:{line}: {what}\n    rule `{}`: {}\n    instead: {}", rule.name, rule.why, rule.instead)
    }
}
