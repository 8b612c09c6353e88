//! Which facts an expression asks for.

use std::ops::BitOr;

/// A set of kinds of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs(u8);

impl Needs {
    /// None: the expression is the same for all messages.
    pub const NOTHING: Self = Self(0);
    /// Who is calling.
    pub const PRINCIPAL: Self = Self(1);
    /// The method, name, URI or era of the message.
    pub const MESSAGE: Self = Self(1 << 1);
    /// The definition of the tool.
    pub const TOOL: Self = Self(1 << 2);
    /// The arguments.
    pub const ARGUMENTS: Self = Self(1 << 3);
    /// The request that carries the message.
    pub const REQUEST: Self = Self(1 << 4);
    /// The server that the message goes to.
    pub const SERVER: Self = Self(1 << 5);
    /// The time.
    pub const TIME: Self = Self(1 << 6);

    /// Whether all of `other` are in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Needs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
