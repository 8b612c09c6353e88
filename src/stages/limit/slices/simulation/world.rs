//! Nodes with clocks of their own, a book with another one, and messages between them that come late, twice or never.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::leases::{Key, Lease, NodeId, Rows, Slice, Standing};

use super::super::{Cell, Change, Node, Of, Reply, Request, Share, Terms, settle};
use super::dice::Dice;
use super::trace::Trace;

pub(super) const SECOND: u64 = 1_000_000_000;
/// Time goes in steps of 5 ms, at which calls come.
pub(super) const STEP: u64 = SECOND / 200;
/// Parts of a million that a clock goes wrong, at the most.
const DRIFT: i64 = 1_000;

/// How bad it is.
#[derive(Clone, Copy)]
pub(super) struct Weather {
    /// One message in so many is lost, comes twice, or takes up to five seconds; 0: none.
    pub(super) trouble: u64,
    /// Clocks go wrong, and the book's jumps.
    pub(super) clocks: bool,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) now: u64,
    pub(super) members: Vec<Member>,
    pub(super) keys: Vec<(Key, Of)>,
    pub(super) traces: HashMap<Key, Trace>,
    /// The book answers nobody.
    pub(super) shut: bool,
    /// Rows that turns have written beside the nodes' own.
    pub(super) written: usize,
    /// The most that was in force at a time on all nodes together, of any key: parts of a million of the rate and of the
    /// burst.
    pub(super) most: Slice,
    pub(super) book: Book,
    /// When the book's clock jumped ahead last.
    jumped: u64,
    terms: Terms,
    weather: Weather,
    /// By when they arrive.
    wires: BTreeMap<(u64, u64), Message>,
    names: u64,
}

pub(super) struct Member {
    pub(super) id: NodeId,
    pub(super) node: Node,
    /// The node and the book do not hear of each other.
    pub(super) cut: bool,
    /// Tokens by key that it has admitted.
    pub(super) admitted: HashMap<Key, u64>,
    cells: HashMap<Key, (Cell, Share)>,
    /// How many are counted, and how many may be where that is not the floor.
    counts: HashMap<Key, (u32, Option<u32>)>,
    asked: HashMap<Key, u64>,
    until: u64,
    clock: Clock,
    next: u64,
}

#[derive(Default)]
pub(in crate::stages::limit) struct Book {
    pub(super) standings: Vec<Standing>,
    pub(in crate::stages::limit) leases: BTreeMap<(Key, NodeId), Lease>,
    clock: Clock,
}

/// Nanoseconds ahead at the beginning, and parts of a million too fast.
#[derive(Clone, Copy, Default)]
struct Clock(u64, i64);

enum Message {
    Ask(Request),
    Answer(NodeId, Reply),
}

impl World {
    pub(super) fn new(seed: u64, terms: Terms, weather: Weather, ofs: &[Of]) -> Self {
        let keys: Vec<_> = ofs.iter().enumerate().map(|(at, of)| (Key(at as u128), *of)).collect();
        let mut world = Self {
            dice: Dice::new(seed),
            now: 0,
            members: Vec::new(),
            traces: keys.iter().map(|(key, _)| (*key, Trace::default())).collect(),
            keys,
            shut: false,
            written: 0,
            most: Slice::default(),
            jumped: 0,
            book: Book::default(),
            terms,
            weather,
            wires: BTreeMap::new(),
            names: 0,
        };
        world.book.clock = world.clock();
        world
    }

    /// A node starts.
    pub(super) fn join(&mut self) -> NodeId {
        self.names += 1;
        let (id, clock) = (NodeId(self.names), self.clock());
        let next = self.now + self.dice.below(self.terms.turn * 1_000_000);
        self.members.push(Member {
            id,
            node: Node::new(id, self.terms),
            cut: false,
            admitted: HashMap::new(),
            cells: HashMap::new(),
            counts: HashMap::new(),
            asked: HashMap::new(),
            until: 0,
            clock,
            next,
        });
        id
    }

    /// A node is no more; `leaves`: it says so.
    pub(super) fn end(&mut self, at: usize, leaves: bool) {
        let mut member = self.members.remove(at);
        if leaves {
            let (_, request) = member.node.leave(member.clock.read(self.now));
            self.send(Message::Ask(request), member.cut);
        }
    }

    /// A call that costs so many comes to a node; whether it is admitted.
    pub(super) fn call(&mut self, at: usize, key: usize, cost: u32) -> bool {
        let ((key, of), now, member) = (self.keys[key], self.now, &mut self.members[at]);
        let (local, among) = (member.clock.read(now), member.node.among());
        *member.asked.entry(key).or_default() += u64::from(cost);
        let taken = match of {
            Of::Rate(whole) => {
                let new = || (Cell::default(), Share::new(local, whole, whole.floor(among)));
                let (cell, share) = member.cells.entry(key).or_insert_with(new);
                cell.take(local, whole, share, member.until, cost).is_ok()
            }
            Of::Count(count) => {
                let (used, may) = member.counts.entry(key).or_default();
                let taken = *used + cost <= may.unwrap_or(count.floor(among));
                *used += if taken { cost } else { 0 };
                taken
            }
        };
        if taken {
            *member.admitted.entry(key).or_default() += u64::from(cost);
            self.traces.get_mut(&key).unwrap().add(now, cost.into());
        }
        taken
    }

    /// One step further: messages arrive, and nodes take their turns.
    pub(super) fn step(&mut self) {
        self.now += STEP;
        self.jump();
        while let Some(first) = self.wires.first_entry().filter(|first| first.key().0 <= self.now) {
            match first.remove() {
                Message::Ask(request) => self.ask(&request),
                Message::Answer(id, reply) => {
                    if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
                        let change = member.node.settled(member.clock.read(self.now), &reply);
                        member.follow(self.now, &self.keys, &change);
                        member.until = member.node.until();
                    }
                }
            }
        }
        for at in 0..self.members.len() {
            let (keys, member) = (&self.keys, &mut self.members[at]);
            if member.next > self.now {
                continue;
            }
            member.next = self.now + self.terms.turn * 1_000_000;
            let among = member.node.among();
            for (key, of) in keys {
                let asked = member.asked.remove(key).unwrap_or(0);
                match of {
                    Of::Rate(whole) => member.node.demand(*key, *whole, asked),
                    Of::Count(count) => {
                        let (used, may) = member.counts.get(key).copied().unwrap_or_default();
                        member.node.counted(*key, *count, asked, used, may.unwrap_or(count.floor(among)));
                    }
                }
            }
            let (change, request) = member.node.turn(member.clock.read(self.now));
            member.follow(self.now, keys, &change);
            if let Some(request) = request {
                let cut = member.cut;
                self.send(Message::Ask(request), cut);
            }
        }
        self.note();
    }

    /// The book's clock jumps: back by any time, ahead by up to half a second in a lease, which the margin is for.
    fn jump(&mut self) {
        let clock = &mut self.book.clock.0;
        if !self.weather.clocks || !self.dice.once_in(400) {
            return;
        }
        let jump = self.dice.below(SECOND / 2);
        if self.dice.once_in(10) {
            *clock -= jump;
        } else if self.now - self.jumped > self.terms.lease * 1_000_000 {
            *clock += jump;
            self.jumped = self.now;
        }
    }

    fn note(&mut self) {
        // Of the first few, where there are many.
        for (key, of) in self.keys.iter().take(8) {
            let Of::Rate(whole) = of else { continue };
            let shares = self.members.iter().filter_map(|member| {
                let (_, share) = member.cells.get(key)?;
                Some(share.in_force(member.clock.read(self.now), member.until))
            });
            let sum = shares.fold(Slice::default(), |sum, share| sum.map(share, u32::saturating_add));
            let burst = (u64::from(sum.burst) * 1_000_000 / u64::from(whole.burst)) as u32;
            self.most = self.most.map(Slice { burst, ..sum }, u32::max);
        }
    }

    fn ask(&mut self, request: &Request) {
        if self.shut {
            return;
        }
        let now = self.book.clock.read(self.now) / 1_000_000;
        if let Some((reply, written)) = self.book.settle(now, request, &self.terms) {
            self.written += written;
            let cut = self.members.iter().any(|member| member.id == request.node && member.cut);
            self.send(Message::Answer(request.node, reply), cut);
        }
    }

    fn send(&mut self, message: Message, cut: bool) {
        let trouble = self.weather.trouble;
        let mut bad = || trouble > 0 && self.dice.once_in(trouble);
        let (lost, twice, late) = (bad(), bad(), bad());
        if cut || lost {
            return;
        }
        let most = if late { 5_000 } else { 30 };
        for copy in 0..=u64::from(twice) {
            let arrives = self.now + self.dice.between(1, most) * 1_000_000;
            let message = match &message {
                Message::Ask(request) => Message::Ask(request.clone()),
                Message::Answer(id, reply) => Message::Answer(*id, reply.clone()),
            };
            let unique = self.dice.below(1 << 40) * 2 + copy;
            self.wires.insert((arrives, unique), message);
        }
    }

    fn clock(&mut self) -> Clock {
        let (ahead, fast) = (self.dice.below(1000 * SECOND), self.dice.below(2 * DRIFT as u64 + 1) as i64 - DRIFT);
        if self.weather.clocks { Clock(ahead + 100 * SECOND, fast) } else { Clock(100 * SECOND, 0) }
    }
}

impl Clock {
    fn read(self, now: u64) -> u64 {
        let wrong = i128::from(now) * i128::from(self.1) / 1_000_000;
        self.0 + (i128::from(now) + wrong) as u64
    }
}

impl Member {
    fn follow(&mut self, now: u64, keys: &[(Key, Of)], change: &Change) {
        let (local, among) = (self.clock.read(now), self.node.among());
        let mut most;
        for (key, (cell, share)) in self.cells.iter_mut().filter(|_| change.floors) {
            let Of::Rate(whole) = keys[key.0 as usize].1 else { continue };
            (*share, most) = share.with_floor(local, self.until, whole.floor(among));
            cell.follow(whole, share, most, 0);
        }
        for (key, slice, gift) in &change.slices {
            match keys[key.0 as usize].1 {
                Of::Rate(whole) => {
                    let (cell, share) = self.cells.get_mut(key).unwrap();
                    (*share, most) = share.with_slice(local, self.until, *slice);
                    cell.follow(whole, share, most, *gift);
                }
                Of::Count(_) => self.counts.get_mut(key).unwrap().1 = Some(slice.burst),
            }
        }
    }
}

impl Book {
    /// The transaction: reads, lets the rule decide, and writes.
    pub(in crate::stages::limit) fn settle(
        &mut self,
        now: u64,
        request: &Request,
        terms: &Terms,
    ) -> Option<(Reply, usize)> {
        let asks: HashSet<Key> = request.asks.iter().map(|ask| ask.key).collect();
        let asked = |key: Key| asks.contains(&key);
        let leases = self.leases.values().filter(|lease| asked(lease.key)).copied().collect();
        let rows = Rows { now, standings: self.standings.clone(), leases };
        let (entry, reply) = settle(&rows, request, terms)?;
        self.standings.retain(|standing| standing.node != request.node);
        self.standings.push(entry.standing);
        for lease in self.leases.values_mut().filter(|lease| lease.node == request.node && !asked(lease.key)) {
            if entry.others_end {
                *lease = lease.end(now);
            }
        }
        let written = entry.leases.len();
        self.leases.extend(entry.leases.into_iter().map(|lease| ((lease.key, lease.node), lease)));
        self.leases.retain(|_, lease| !lease.is_over(now));
        Some((reply, written))
    }
}
