//! Limits of a cluster: nodes that share a book lease slices of a quota from it, each by itself, and no call waits for it.

mod book;
mod bucket;
mod demand;
mod node;
mod share_out;
#[cfg(test)]
mod simulation;

use crate::model::leases::{Key, NodeId, Slice};

pub use book::settle;
pub use bucket::{Cell, Share};
pub use node::{Change, Node};

/// The whole, in the parts that rates are cut into.
pub const MILLION: u32 = 1_000_000;

/// The part of a rate, or of a count, that all floors together take.
const FLOORS: u32 = 45_000;

/// Most keys that a node asks slices for; the keys beyond have their floor.
pub const KEYS_A_NODE: usize = 1 << 14;

/// What a limit allows each of its keys, on all nodes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Nanoseconds between two tokens, at least 1.
    pub apart: u64,
    /// Tokens that may be used at once.
    pub burst: u32,
    /// The most that one call costs: a node with less than that at once can admit nothing.
    pub grain: u32,
}

/// What a limit allows each of its keys in a window, on all nodes together. Windows have keys of their own, so that each
/// node counts by its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub most: u32,
    /// The most that one call costs.
    pub grain: u32,
    /// Milliseconds of the window.
    pub window: u64,
}

/// What there is of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// So many in a time. Slices of it come and go.
    Rate(Whole),
    /// So many and no more. A slice is how many a node may count up to in the window, and ends with it: what was leased
    /// can be used however long the book is away.
    Count(Count),
}

/// How long things are good for, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long a node's slices stay its own after it has settled, by the book's clock.
    pub lease: u64,
    /// How much earlier the node stops to use them: what its clock may run slow in a lease, and the book's jump ahead.
    pub margin: u64,
    /// How long after its lease a node's floor is still kept for it.
    pub kept: u64,
    /// From one turn to the next.
    pub turn: u64,
    /// How long a turn waits for its answer before the next one begins without it.
    pub patience: u64,
    /// Most keys that are settled in one turn.
    pub keys: usize,
}

/// The terms in force.
pub const TERMS: Terms = Terms { lease: 10_000, margin: 1_000, kept: 3_600_000, turn: 250, patience: 2_000, keys: 512 };

/// A node's turn: what it uses, and what it would like to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub node: NodeId,
    /// Rises with each request; the book does nothing for one that is not newer than the last.
    pub turn: u64,
    /// Among how many the node takes its floor until it has the answer; 0: it has none.
    pub among: u32,
    /// The node holds nothing but what it asks for here.
    pub anew: bool,
    /// It leaves, and uses nothing any more.
    pub leaves: bool,
    /// At most [`Terms::keys`].
    pub asks: Vec<Ask>,
}

/// About one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which.
    pub key: Key,
    /// What there is of it.
    pub of: Of,
    /// The most that the node uses until it has the answer.
    pub hold: Slice,
    /// What it could use.
    pub want: Slice,
}

/// What the book answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// To which request.
    pub turn: u64,
    /// Among how many the node takes its floor from now on.
    pub among: u32,
    /// What it may use of each key that it asked for.
    pub grants: Vec<Grant>,
}

/// What a node may use of a key from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub key: Key,
    /// Instead of what it has held.
    pub slice: Slice,
    /// Tokens that come with it, once.
    pub gift: u32,
}

impl Slice {
    /// Nothing of it.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    fn map(self, other: Self, join: impl Fn(u32, u32) -> u32) -> Self {
        Self { rate: join(self.rate, other.rate), burst: join(self.burst, other.burst) }
    }
}

impl Of {
    fn leased(self) -> Slice {
        match self {
            Self::Rate(whole) => whole.leased(),
            Self::Count(count) => Slice { rate: 0, burst: count.most - count.reserved() },
        }
    }

    /// How long a row has to be remembered once it has ended, in milliseconds.
    fn remembered(self) -> u64 {
        match self {
            Self::Rate(whole) => whole.fill(),
            Self::Count(count) => count.window,
        }
    }

    fn is_count(self) -> bool {
        matches!(self, Self::Count(_))
    }
}

impl Count {
    /// How many a node may count that has not asked yet, among so many nodes.
    pub fn floor(self, among: u32) -> u32 {
        self.reserved().checked_div(among).unwrap_or(0)
    }

    /// For all that have not asked yet.
    fn reserved(self) -> u32 {
        (u64::from(self.most) * u64::from(FLOORS) / u64::from(MILLION)) as u32
    }
}

impl Whole {
    /// Whether nodes can share it by slices: each of up to six has a floor that admits the dearest call.
    pub fn is_divisible(self) -> bool {
        self.burst / 8 >= self.grain
    }

    /// What a node has without a lease, among so many.
    pub fn floor(self, among: u32) -> Slice {
        let Some(rate) = FLOORS.checked_div(among) else { return Slice::default() };
        let burst = self.reserved() / among;
        Slice { rate, burst: if burst < self.grain { 0 } else { burst } }
    }

    /// What there is to be leased.
    fn leased(self) -> Slice {
        Slice { rate: MILLION - FLOORS, burst: self.burst - self.reserved() }
    }

    /// Tokens of the burst that all floors together take: three of four, since a burst comes before anybody has asked.
    fn reserved(self) -> u32 {
        self.burst - self.burst / 4
    }

    /// Milliseconds in which what is leased fills up where nobody uses it.
    fn fill(self) -> u64 {
        let time = u128::from(self.apart) * u128::from(self.leased().burst) * u128::from(MILLION);
        u64::try_from(time / u128::from(MILLION - FLOORS) / 1_000_000 + 1).unwrap_or(u64::MAX)
    }
}
