//! What nodes note of the limits that they share: rows of a book, which the store keeps and `stages::limit::slices` rules.

use std::fmt;

/// A key of a limit: a hash of the limit's name, its numbers (so that nodes with other numbers do not share it) and the
/// key, keyed so that no caller can choose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u128);

/// What a node calls itself: at random, anew at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// What keys are hashed with, on all nodes that share a book.
#[derive(Clone, Copy, Default)]
pub struct Secret(pub [u8; 16]);

/// It is not for logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A slice of a whole. The rate is cut as fine as one likes; a token cannot be cut, so the burst is in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Parts of a million of the rate.
    pub rate: u32,
    /// Tokens.
    pub burst: u32,
}

/// A node that has settled. Times are milliseconds of the book's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub node: NodeId,
    /// Its last turn.
    pub turn: u64,
    /// Until when all its leases are its own.
    pub until: u64,
    /// Among how many it takes its floor, at the most; 0: it has none yet.
    pub among: u32,
}

/// What a node has leased of a key, or had: a row of nothing says until when it is not long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Of which.
    pub key: Key,
    /// Whose.
    pub node: NodeId,
    /// It is of a count, and does not end with its node ([`Standing::until`]).
    pub counts: bool,
    /// The most that the node may be using.
    pub slice: Slice,
    /// What it could use.
    pub want: Slice,
    /// Milliseconds in which the leased part of a rate fills up; of a count, the window.
    pub remembered: u64,
    /// When it was written last, or given back.
    pub ended: u64,
}

/// What is read of the book in a turn, all at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The book's clock, in milliseconds.
    pub now: u64,
    /// Of all nodes.
    pub standings: Vec<Standing>,
    /// Of the keys that the node asks for, of all nodes.
    pub leases: Vec<Lease>,
}

/// What is written in a turn, unless somebody else has written since the rows were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The node's.
    pub standing: Standing,
    /// Its leases that are other than before.
    pub leases: Vec<Lease>,
    /// All its leases that it has not asked for end ([`Lease::end`]).
    pub others_end: bool,
}

impl Lease {
    /// Given back at `now`; what was counted stays counted.
    #[must_use]
    pub fn end(self, now: u64) -> Self {
        let none = Slice::default();
        if self.counts || (self.slice == none && self.want == none) {
            return Self { want: none, ..self };
        }
        Self { slice: none, want: none, ended: now, ..self }
    }
}
