//! What an expression is compiled into: a tree of our own, checked, with everything that can be known beforehand in it.

use super::{fault::Place, names::Name, pattern::Pattern};

/// A part of an expression, and where it stands in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) what: What,
}

/// What a part does.
#[derive(Debug)]
pub(super) enum What {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Box<str>),
    Time(i64),
    /// A fact.
    Fact(Name),
    /// Whether a fact is there.
    HasFact(Name),
    /// Whether the message calls a tool whose definition is known, and its annotations.
    HasTool,
    HasAnnotations,
    /// The element that a loop is at: its place among the open loops.
    Element(u8),
    Member(Box<(Node, Box<str>)>),
    HasMember(Box<(Node, Box<str>)>),
    Index(Box<(Node, Node)>),
    List(Box<[Node]>),
    /// A list of scalars that are written out.
    Constants(Box<[Node]>),
    Map(Box<[(Node, Node)]>),
    Not(Box<Node>),
    Negative(Box<Node>),
    And(Box<(Node, Node)>),
    Or(Box<(Node, Node)>),
    If(Box<(Node, Node, Node)>),
    Binary(Binary, Box<(Node, Node)>),
    Convert(Convert, Box<Node>),
    Size(Box<Node>),
    /// A string and what may be in it.
    Search(Search, Box<(Node, Node)>),
    Matches(Box<(Node, Pattern)>),
    /// A part of a timestamp.
    Part(Part, Box<Node>, i32),
    Loop(Box<Loop>),
}

impl Node {
    /// Whether it is a scalar that is written out.
    pub(super) fn is_constant(&self) -> bool {
        matches!(
            self.what,
            What::Null | What::Bool(_) | What::Int(_) | What::Uint(_) | What::Double(_) | What::Text(_) | What::Time(_)
        )
    }
}

/// Operators of two values that are both needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What a value is converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Convert {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Time,
}

/// How a string is looked for in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    StartsWith,
    EndsWith,
    Contains,
}

/// Parts of a timestamp, counted as CEL counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    /// From 0.
    Month,
    /// Of the month, from 1.
    Date,
    /// Of the month, from 0.
    DayOfMonth,
    /// From 0, which is Sunday.
    DayOfWeek,
    /// From 0.
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
}

/// A loop over the elements of a list or the keys of a map.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    pub(super) range: Node,
    /// The element's place among the open loops.
    pub(super) slot: u8,
    /// Which elements are taken, for `filter` and the longer `map`.
    pub(super) only: Option<Node>,
    /// What is asked or made of each; `filter` makes nothing.
    pub(super) each: Option<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}
