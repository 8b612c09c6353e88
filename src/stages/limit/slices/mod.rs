//! Limits of a cluster: nodes that share a book lease slices of a quota from it, each by itself, and no call waits for
//! it.
//!
//! ```text
//!  calls --take--> Cell (bucket.rs) <--Change-- Node (node.rs) --Request--> settle (book.rs) <--> rows in PostgreSQL
//!                    `--- how many asked (demand.rs) --^   ^-----Reply------'            (store/postgres/leases.rs)
//! ```
//!
//! **Who holds what.** Of the rate of each key 4.5 % are floors, cut in equal parts among the nodes that are counted;
//! of its burst three of four tokens are, since a burst comes before anybody has asked. The rest is leased, each to who
//! asks for it, by the demand of its last turns; where all want more than there is, in equal parts (share_out.rs). A
//! key that nobody asks for has no row and no entry.
//!
//! **Why it is never more than the whole.** A bucket takes no tokens over when its share grows, and loses what does not
//! fit when it shrinks (bucket.rs). So what all nodes admit in a window is at most what the buckets hold at its
//! beginning, and what comes in since: burst + rate x time, if at each moment all shares in force are together at most
//! one whole. They are, because
//!
//! - the book leases at most what the leases of others leave, one turn after the other;
//! - a slice becomes less on the node first, and then in the book: the node says what it uses until it has the answer
//!   ([`Ask::hold`]), and the book notes no less than that. It is given on when the node's next turn has said so;
//! - only the answer to the last request counts, and only a request that is newer than the last one settled;
//! - all slices of a node end with its [`Standing`](crate::model::leases::Standing), by the book's clock. The node
//!   stops [`Terms::margin`] earlier by its own, counted from when it sent the request: no two clocks are compared,
//!   only how fast they go. 0.1 % in 10 s leave 0.99 s by which the book's clock may jump ahead; back it may jump by
//!   any time;
//! - floors are leases of the same kind, of a part that is nobody's else: a node that joins has none before the others
//!   have said that they take theirs among more (`among` in book.rs);
//! - tokens come with a slice ([`Grant::gift`]) only where nobody has leased any of that key for as long as its leased
//!   part takes to fill up.
//!
//! What remains to 105 % is for clocks, and for a node that is cut off for more than an hour: its floor is not kept for
//! it any longer, and it uses it all the same. That never ends; nobody is locked out because a database is away. A
//! database that forgets what it has answered (a replica that lacks the last commits) can lease it twice, for one
//! lease.
//!
//! | what | bound |
//! | --- | --- |
//! | one busy node alone | 95.5 % of the rate and its floor: 97 % among three |
//! | a share moves | three turns: under a second; what another has needed lately, half of it each second and a half |
//! | a node ends | what it held is there [`Terms::lease`] later, its floor an hour later; at once where it [leaves](Node::leave), or its successor says so ([`Request::of_gone`]) |
//! | a node without the book | its slices for 9 s, then its floor: 1.5 % of the rate among three, a quarter of the burst |
//! | the book is back | all again after [`Terms::patience`], two turns and an answer: 3 s |
//! | answers that get lost | seven in a row, and the lease still holds |
//! | memory, messages | [`KEYS_A_NODE`] entries, [`Terms::keys`] asks a turn; what lies idle is forgotten in 10 s |
//! | writes | a row a turn, and one for each key whose demand has doubled or halved |
//!
//! **Counts** (`quota`) are slices of the same book: up to how many the node may count in this window ([`Of::Count`]).
//! They do not end with the node's lease, since what was leased was taken from all others: a node without the book
//! counts up to what it has leased ahead (two seconds of its demand, or its floor), and what a node takes with it when
//! it ends is gone for that window. Windows have keys of their own, so each node may follow its own clock.
//!
//! **What stays with one node.** Calls at once (`concurrent`): a permit comes back in its own time, and a lease of it
//! could not be taken back before. And rates that cannot be cut ([`Whole::is_divisible`]): with fewer than eight of the
//! dearest calls at once the nodes' parts admit none, so these are for `weir check` to refuse.
//!
//! **Whoever drives it** (`joint`, and a task of `daemon`), every [`Terms::turn`] on the control runtime: tells [`Node::demand`] and [`Node::counted`]
//! what calls have asked for, takes a [`Node::turn`], does the [`Change`] ([`Share`], then [`Cell::follow`], then the
//! share for the cores to see), and sends the request; with the answer does the change, and then publishes
//! [`Node::until`]. An error of the book is no answer.

mod book;
mod bucket;
mod demand;
mod node;
mod share_out;
#[cfg(test)]
pub(super) mod simulation;

use crate::model::leases::{Key, NodeId, Slice};

pub use book::settle;
pub use bucket::{Cell, Share};
pub use node::{Change, Node};

/// The whole, in the parts that rates are cut into.
pub const MILLION: u32 = 1_000_000;

/// The part of a rate, or of a count, that all floors together take.
const FLOORS: u32 = 45_000;

/// Nodes of which each has a floor that admits the dearest call.
const SIX: u32 = 6;

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

/// What a limit allows each of its keys in a window, on all nodes together. Windows have keys of their own, so that
/// each node counts by its own clock.
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
    /// The longest that a turn waits for its answer before the next one begins without it; the first few in a row wait for
    /// a quarter of it.
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

impl Request {
    /// That a node has left which can say so no more.
    pub fn of_gone(node: NodeId) -> Self {
        // The book has it as a number with a sign.
        let turn = i64::MAX.cast_unsigned();
        Self { node, turn, among: 0, anew: true, leaves: true, asks: Vec::new() }
    }
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

    /// Whether nodes can share it by slices: each of up to six may count the dearest call before it has asked.
    pub fn is_divisible(self) -> bool {
        self.floor(SIX) >= self.grain
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
