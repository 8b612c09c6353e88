//! A node's side: which keys it asks slices for, what it holds of them, and until when.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::model::leases::{Key, NodeId, Slice};

use super::demand::Demand;
use super::{Ask, Count, KEYS_A_NODE, Of, Reply, Request, Terms, Whole};

/// What part of [`Terms::patience`] a turn waits for its answer, by how many before it have had none.
const PATIENCE: [u64; 6] = [4, 4, 4, 4, 2, 1];

/// The state of a node. Times are nanoseconds of its own monotonic clock.
///
/// What it returns as changed is to be done before what it returns to be sent is sent, and before the leases in force
/// ([`Node::until`]) are prolonged for the cores.
#[derive(Debug)]
pub struct Node {
    id: NodeId,
    terms: Terms,
    among: u32,
    /// The last request's number.
    turn: u64,
    sent: Option<Sent>,
    /// Requests that had no answer in time, less those that had one since.
    unanswered: usize,
    /// When demand was looked at last.
    seen: u64,
    until: u64,
    /// The book may know of slices that the node does not hold.
    anew: bool,
    keys: BTreeMap<Key, Held>,
    /// The last key of the last turn, where not all found room in it.
    last: Option<Key>,
}

/// A request without an answer.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: u64,
    anew: bool,
}

/// What is held and wanted of a key.
#[derive(Debug)]
struct Held {
    of: Of,
    slice: Slice,
    /// What calls may have used at the time of the last request.
    hold: Slice,
    /// Tokens asked for since `seen`.
    asked: u64,
    demand: Demand,
    /// Of a count, how many of it are.
    used: u32,
    /// What the last request said.
    want: Slice,
    /// The book may know of something that is not so.
    told: bool,
}

/// What is in force from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The floor of every key is another one.
    pub floors: bool,
    /// A key, its slice, and the tokens that come with it.
    pub slices: Vec<(Key, Slice, u32)>,
}

impl Node {
    /// One that has neither asked nor got anything.
    pub fn new(id: NodeId, terms: Terms) -> Self {
        Self {
            id,
            terms,
            among: 0,
            turn: 0,
            sent: None,
            unanswered: 0,
            seen: 0,
            until: 0,
            anew: true,
            keys: BTreeMap::new(),
            last: None,
        }
    }

    /// Among how many this node takes its floor ([`Whole::floor`]).
    pub fn among(&self) -> u32 {
        self.among
    }

    /// Until when its slices are in force, if it gets no answer.
    pub fn until(&self) -> u64 {
        self.until
    }

    /// Whether there is no key that it would ask for.
    pub fn is_idle(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether it is about this key at all.
    pub fn is_about(&self, key: &Key) -> bool {
        self.keys.contains_key(key)
    }

    /// Calls have asked for so many tokens of a rate, whether or not they got them.
    pub fn demand(&mut self, key: Key, whole: Whole, asked: u64) {
        if let Some(held) = self.held(key, Of::Rate(whole), asked) {
            held.asked += asked;
        }
    }

    /// Calls have asked for so many of a count; `used` are counted, of which the node knows that it may count up to
    /// `may`. To be told of each count as long as it is asked for, and in the turn behind one that made `may` less.
    pub fn counted(&mut self, key: Key, count: Count, asked: u64, used: u32, may: u32) {
        if let Some(held) = self.held(key, Of::Count(count), asked) {
            held.asked += asked;
            held.used = used;
            held.slice.burst = may.max(used);
        }
    }

    fn held(&mut self, key: Key, of: Of, asked: u64) -> Option<&mut Held> {
        if !self.keys.contains_key(&key) && (asked == 0 || self.keys.len() >= KEYS_A_NODE) {
            return None;
        }
        Some(self.keys.entry(key).or_insert_with(|| Held {
            of,
            slice: Slice::default(),
            hold: Slice::default(),
            asked: 0,
            demand: Demand::default(),
            used: 0,
            want: Slice::default(),
            told: false,
        }))
    }

    /// A turn, every [`Terms::turn`]: what is to be sent to the book, unless an answer is still awaited.
    pub fn turn(&mut self, now: u64) -> (Change, Option<Request>) {
        let mut change = Change::default();
        self.lapse(now, &mut change);
        if let Some(sent) = self.sent {
            if now < sent.at.saturating_add(self.patience()) {
                return (change, None);
            }
            self.unanswered = (self.unanswered + 1).min(PATIENCE.len() - 1);
        }
        let elapsed = (now - self.seen).max(nanoseconds(self.terms.turn));
        self.seen = now;
        for (key, held) in &mut self.keys {
            held.look(elapsed, self.among);
            if let Some(less) = held.less() {
                change.slices.push((*key, less, 0));
            }
        }
        self.keys.retain(|_, held| held.told || held.wants());
        self.turn += 1;
        self.sent = Some(Sent { at: now, anew: self.anew });
        let asks = self.asks();
        let request =
            Request { node: self.id, turn: self.turn, among: self.among, anew: self.anew, leaves: false, asks };
        (change, Some(request))
    }

    /// The book's answer. One that comes twice, or late, changes nothing.
    pub fn settled(&mut self, now: u64, reply: &Reply) -> Change {
        let mut change = Change::default();
        let Some(sent) = self.sent.filter(|_| reply.turn == self.turn) else { return change };
        (self.sent, self.unanswered) = (None, self.unanswered.saturating_sub(1));
        self.anew &= !sent.anew;
        self.lapse(now, &mut change);
        change.floors = self.among != reply.among;
        self.among = reply.among;
        for grant in &reply.grants {
            let Some(held) = self.keys.get_mut(&grant.key) else { continue };
            if self.anew && !held.of.is_count() {
                // Leases ran out while this was under way: the next request gives up all that it does not name.
                continue;
            }
            // A count that was as high as its floor has a row now, and is no longer as high as a floor that changes.
            if held.slice != grant.slice || grant.gift > 0 || held.of.is_count() {
                held.slice = grant.slice;
                change.slices.push((grant.key, grant.slice, grant.gift));
            }
            // Where no more is wanted than what is noted, the book need not hear of it again.
            held.told = held.wants() || held.hold != held.slice;
        }
        // The lease began when the book had the request, which was later than this.
        self.until = self.until.max(sent.at.saturating_add(nanoseconds(self.terms.lease - self.terms.margin)));
        change
    }

    /// The last turn: the node uses nothing from now on.
    pub fn leave(&mut self, now: u64) -> (Change, Request) {
        let slices = self.keys.keys().map(|key| (*key, Slice::default(), 0)).collect();
        self.keys.clear();
        self.turn += 1;
        (self.among, self.until, self.sent) = (0, now.min(self.until), None);
        let request = Request { node: self.id, turn: self.turn, among: 0, anew: true, leaves: true, asks: Vec::new() };
        (Change { floors: true, slices }, request)
    }

    /// How long this turn waits. An answer that was lost is asked for again soon, so that a lease is worth eight attempts;
    /// a book that is slow is waited for.
    fn patience(&self) -> u64 {
        nanoseconds(self.terms.patience / PATIENCE[self.unanswered])
    }

    /// Leases that have run out are given up, so that no later answer brings them back.
    fn lapse(&mut self, now: u64, change: &mut Change) {
        if now < self.until {
            return;
        }
        let ends = |held: &Held| !held.of.is_count() && !held.slice.is_none();
        for (key, held) in self.keys.iter_mut().filter(|(_, held)| ends(held)) {
            held.slice = Slice::default();
            change.slices.push((*key, held.slice, 0));
            self.anew = true;
        }
    }

    /// About the keys that are next in turn.
    fn asks(&mut self) -> Vec<Ask> {
        let ask = |(key, held): (&Key, &Held)| Ask { key: *key, of: held.of, hold: held.hold, want: held.want };
        let from = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.keys.range((from, Bound::Unbounded)).map(ask);
        let before = self.last.into_iter().flat_map(|last| self.keys.range(..=last)).map(ask);
        let asks: Vec<Ask> = behind.chain(before).take(self.terms.keys).collect();
        for ask in &asks {
            self.keys.entry(ask.key).and_modify(|held| held.told = true);
        }
        self.last = asks.last().map(|ask| ask.key).filter(|_| asks.len() < self.keys.len());
        asks
    }
}

impl Held {
    /// Makes a want of the demand in `elapsed` nanoseconds and before.
    fn look(&mut self, elapsed: u64, among: u32) {
        self.demand.add(std::mem::take(&mut self.asked), elapsed, self.of);
        self.want = match self.of {
            Of::Rate(whole) => self.demand.of_rate(whole, whole.floor(among), self.want),
            Of::Count(count) => {
                Slice { rate: 0, burst: self.demand.of_count(count, count.floor(among), self.used, self.slice.burst) }
            }
        };
    }

    /// What is not wanted is not used any more, before the book hears of it. Of a count it hears a turn later, when it is
    /// known what calls have used meanwhile.
    fn less(&mut self) -> Option<Slice> {
        let before = self.slice;
        self.slice = before.map(self.want, u32::min);
        self.hold = if self.of.is_count() { before } else { self.slice };
        (self.slice != before).then_some(self.slice)
    }

    fn wants(&self) -> bool {
        match self.of {
            Of::Rate(_) => !self.want.is_none(),
            Of::Count(_) => !self.demand.is_none(),
        }
    }
}

fn nanoseconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}
