//! Why an expression has no value: kept small while it may still be absorbed, and put into words at the end.

use std::{fmt, ops::Range};

/// What a value is, to those who read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Time,
    List,
    Map,
    Number,
    Key,
    Several,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Null => "null",
            Kind::Bool => "a bool",
            Kind::Int => "an int",
            Kind::Uint => "a uint",
            Kind::Double => "a double",
            Kind::Text => "a string",
            Kind::Time => "a timestamp",
            Kind::List => "a list",
            Kind::Map => "a map",
            Kind::Number => "a number",
            Kind::Key => "a string, a whole number or a bool",
            Kind::Several => "a list, a map or a string",
        })
    }
}

/// A place in the text of an expression, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Place {
    pub(super) fn new(start: usize, end: usize) -> Self {
        let fit = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: fit(start), end: fit(end) }
    }

    pub(super) fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The budget is spent: nothing absorbs this.
    Spent,
    /// The message calls no tool.
    NoTool,
    /// The message has no arguments.
    NoArguments,
    /// The definition of the tool is not known.
    UnknownTool,
    /// The definition repeats a key, so that two readers could read it differently.
    Repeated,
    /// Something else is in the definition than the specification says.
    Definition,
    NoMember,
    NoIndex,
    Want {
        want: Kind,
        found: Kind,
    },
    /// An operator has no meaning for these two.
    Pair(Kind, Kind),
    Overflow,
    Zero,
    /// A number of the message that no type holds.
    Number,
    Conversion,
    /// A header that is no text.
    Header,
    /// A map literal repeats a key.
    Key,
    Pattern,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Want { want, found } => return write!(f, "is {found}, not {want}"),
            Why::Pair(left, right) => return write!(f, "has {left} to its left and {right} to its right"),
            _ => {}
        }
        f.write_str(match self {
            Why::Spent => "is where the steps of this message were spent",
            Why::NoTool => "is not there: the message calls no tool",
            Why::NoArguments => "are not there: the message has none",
            Why::UnknownTool => "is not known: the server has not listed this tool",
            Why::Repeated => "cannot be trusted: the definition of the tool has a key twice",
            Why::Definition => "is not what the specification says in the definition of the tool",
            Why::NoMember => "is not there; ask with has() first",
            Why::NoIndex => "is not in the list or map; ask with size() or `in` first",
            Why::Overflow => "is beyond the range of its type",
            Why::Zero => "divides by zero",
            Why::Number => "is a number that neither 64 bits nor a double hold",
            Why::Conversion => "cannot be converted",
            Why::Header => "is no text",
            Why::Key => "has a key twice",
            Why::Pattern => "could not be searched",
            Why::Want { .. } | Why::Pair(..) => "",
        })
    }
}

/// What went wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Place,
    pub(super) why: Why,
}

impl Why {
    pub(super) fn at(self, at: Place) -> Fault {
        Fault { at, why: self }
    }
}

/// A mistake in the text of an expression, found when it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where it is, in bytes; never empty but at the end of the text.
    pub span: Range<usize>,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

/// Why an expression has no value for a message. What it was to decide is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Where in the text, in bytes.
    pub span: Range<usize>,
    /// For the log: the part of the expression and what went wrong with it. Nothing of the message is in it.
    pub message: String,
    /// Whether the budget was spent.
    pub spent: bool,
}

impl Failed {
    /// For a rule at which the budget was spent on something else than its expression.
    pub(super) fn spent() -> Self {
        Self { span: 0..0, message: "its turn is where the steps of this message were spent".to_owned(), spent: true }
    }

    pub(super) fn new(text: &str, fault: Fault) -> Self {
        let span = fault.at.range();
        let part = text.get(span.clone()).unwrap_or(text);
        Self { span, message: format!("`{part}` {}", fault.why), spent: fault.why == Why::Spent }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}
