//! The book's rule: what is written, and answered, when a node settles. Rows in, rows out.

use std::collections::BTreeMap;

use crate::model::leases::{Entry, Key, Lease, NodeId, Rows, Slice, Standing};

use super::share_out::fair;
use super::{Ask, Grant, Of, Reply, Request, Terms};

/// Settles a turn. None: the request is an old one, and nothing is to be written.
pub fn settle(rows: &Rows, request: &Request, terms: &Terms) -> Option<(Entry, Reply)> {
    let Rows { now, standings, leases } = rows;
    let now = *now;
    if standings.iter().any(|before| before.node == request.node && before.turn >= request.turn) {
        return None;
    }
    let lives = |node: NodeId| standings.iter().any(|standing| standing.node == node && standing.until > now);
    let (kept, among) = if request.leaves { (0, 0) } else { among(now, standings, request, terms) };
    let until = if request.leaves { now } else { now + terms.lease };
    let mut entry = Entry {
        standing: Standing { node: request.node, turn: request.turn, until, among: kept },
        leases: Vec::new(),
        others_end: request.anew || request.leaves || !lives(request.node),
    };
    let mut reply = Reply { turn: request.turn, among, grants: Vec::new() };
    let mut by_key: BTreeMap<Key, Vec<&Lease>> = BTreeMap::new();
    for lease in leases {
        by_key.entry(lease.key).or_default().push(lease);
    }
    for ask in &request.asks {
        let rows = || by_key.get(&ask.key).into_iter().flatten().copied();
        let mine = rows().find(|lease| lease.node == request.node);
        let others = || rows().filter(|lease| lease.node != request.node).map(|lease| (lease, lives(lease.node)));
        let (hold, slice, fresh) = match ask.of {
            Of::Count(count) => (ask.hold, count_part(ask, count.grain, others()), false),
            Of::Rate(_) => {
                // What a node says that it holds counts as far as the book knows of it.
                let known = mine.filter(|_| lives(request.node)).map_or(Slice::default(), |lease| lease.slice);
                let living = || others().filter(|(_, lives)| *lives).map(|(lease, _)| lease);
                let fresh = rows().all(|lease| is_long_ago(now, lease, standings));
                (ask.hold.map(known, u32::min), rate_part(ask, living), fresh)
            }
        };
        let lease = Lease {
            key: ask.key,
            node: request.node,
            counts: ask.of.is_count(),
            slice: slice.map(hold, u32::max),
            want: ask.want,
            remembered: ask.of.remembered(),
            ended: now,
        };
        let same = |mine: &Lease| Lease { ended: now, ..*mine } == lease;
        if !mine.map_or(lease.slice.is_none() && lease.want.is_none(), same) {
            entry.leases.push(lease);
        }
        reply.grants.push(Grant { key: ask.key, slice, gift: if fresh { slice.burst } else { 0 } });
    }
    Some((entry, reply))
}

impl Standing {
    /// Whether its floor is kept, or it may still get one. One that has left is none of that, and its row stays all the
    /// same, so that none of its requests that comes late is taken for a new node's.
    pub fn is_kept(&self, now: u64, terms: &Terms) -> bool {
        self.until > now || (self.among > 0 && !self.is_over(now, terms))
    }

    /// Whether the row says nothing any more.
    pub fn is_over(&self, now: u64, terms: &Terms) -> bool {
        self.until.saturating_add(terms.kept) <= now
    }
}

impl Lease {
    /// Whether the row says nothing any more: what was leased has filled up since, or the window has ended.
    pub fn is_over(&self, now: u64) -> bool {
        let nothing = self.counts || (self.slice.is_none() && self.want.is_none());
        nothing && self.ended.saturating_add(self.remembered) <= now
    }
}

/// What the node gets of a rate: its part in what all could use, as far as the others have left it.
fn rate_part<'rows, Rows: Iterator<Item = &'rows Lease>>(ask: &Ask, others: impl Fn() -> Rows) -> Slice {
    let of = |pool: u32, want: u32, field: fn(Slice) -> u32| {
        let taken = others().map(|lease| field(lease.slice)).fold(0, u32::saturating_add);
        fair(pool, want, others().map(|lease| field(lease.want))).min(pool.saturating_sub(taken))
    };
    let pool = ask.of.leased();
    Slice {
        rate: of(pool.rate, ask.want.rate, |slice| slice.rate),
        burst: of(pool.burst, ask.want.burst, |slice| slice.burst),
    }
}

/// What the node may count up to: what is left is for all who wait for more in equal parts, of one call at least.
/// Whether the others live does not matter to what they may have counted.
fn count_part<'rows>(ask: &Ask, grain: u32, others: impl Iterator<Item = (&'rows Lease, bool)>) -> Slice {
    let (hold, want) = (ask.hold.burst, ask.want.burst);
    let (mut taken, mut waiting) = (hold, 1);
    for (lease, lives) in others {
        taken = taken.saturating_add(lease.slice.burst);
        waiting += u32::from(lives && lease.want.burst > lease.slice.burst);
    }
    let left = ask.of.leased().burst.saturating_sub(taken);
    let more = want.saturating_sub(hold).min((left / waiting).max(grain)).min(left);
    Slice { rate: 0, burst: want.min(hold.saturating_add(more)) }
}

fn is_long_ago(now: u64, lease: &Lease, standings: &[Standing]) -> bool {
    let ended = if lease.slice.is_none() {
        Some(lease.ended)
    } else {
        standings.iter().find(|standing| standing.node == lease.node).map(|standing| standing.until)
    };
    ended.is_some_and(|ended| ended.saturating_add(lease.remembered) <= now)
}

/// Among how many the node may be taking its floor, as the book notes it, and among how many it shall.
///
/// The floors of all whose floors are kept are together at most one whole. So a node that joins has none until the
/// others take theirs among more; and what they are told, they do before their next turn says so.
fn among(now: u64, standings: &[Standing], request: &Request, terms: &Terms) -> (u32, u32) {
    /// Divisible by all up to 16, so that as many equal parts are exactly one whole.
    const WHOLE: u64 = 720_720;
    let part = |among: u32| if among == 0 { 0 } else { WHOLE.div_ceil(among.into()) };
    let others = || standings.iter().filter(|other| other.node != request.node && other.is_kept(now, terms));
    let left = WHOLE.saturating_sub(others().map(|other| part(other.among)).sum());
    let nodes = others().count() as u32 + 1;
    // The parts that fit in what is left are those among so many and more.
    let fits = u32::try_from(WHOLE.div_ceil(left.max(1))).unwrap_or(u32::MAX);
    let shall = if left == 0 { 0 } else { nodes.max(fits) };
    let using = part(request.among);
    if part(shall) < using && using <= left { (request.among, shall) } else { (shall, shall) }
}
