//! A node's side: which keys it asks slices for, what it holds of them, and until when.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Ask, KEYS_A_NODE, KEYS_A_TURN, Key, MILLION, NodeId, Reply, Request, Slice, Terms, Whole};

/// Wants go up and down in steps of a 32nd, so that a demand that trembles writes nothing.
const STEP: u32 = MILLION / 32;

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
    whole: Whole,
    slice: Slice,
    /// Tokens asked for since `seen`.
    asked: u64,
    /// The demand of the last turns: the highest, and what time has left of it.
    lately: Slice,
    /// What the last request said.
    want: Slice,
    /// The book may know of it.
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

    /// Calls have asked for so many tokens of a key, whether or not they got them.
    pub fn demand(&mut self, key: Key, whole: Whole, asked: u64) {
        let room = self.keys.len() < KEYS_A_NODE;
        let new = || Held {
            whole,
            slice: Slice::default(),
            asked: 0,
            lately: Slice::default(),
            want: Slice::default(),
            told: false,
        };
        match self.keys.get_mut(&key) {
            Some(held) => held.asked += asked,
            None if room && asked > 0 => self.keys.entry(key).or_insert_with(new).asked = asked,
            None => {}
        }
    }

    /// A turn, every [`Terms::turn`]: what is to be sent to the book, unless an answer is still awaited.
    pub fn turn(&mut self, now: u64) -> (Change, Option<Request>) {
        let mut change = Change::default();
        self.lapse(now, &mut change);
        if self.sent.is_some_and(|sent| now < sent.at.saturating_add(nanoseconds(self.terms.patience))) {
            return (change, None);
        }
        let elapsed = (now - self.seen).max(nanoseconds(self.terms.turn));
        self.seen = now;
        for (key, held) in &mut self.keys {
            held.look(elapsed, self.among);
            // What is not wanted is not used any more, before the book hears of it.
            let wanted = held.slice.map(held.want, u32::min);
            if wanted != held.slice {
                held.slice = wanted;
                change.slices.push((*key, wanted, 0));
            }
        }
        self.keys.retain(|_, held| held.told || !held.want.is_none());
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
        self.sent = None;
        self.anew &= !sent.anew;
        self.lapse(now, &mut change);
        change.floors = self.among != reply.among;
        self.among = reply.among;
        for grant in &reply.grants {
            let Some(held) = self.keys.get_mut(&grant.key) else { continue };
            if held.slice != grant.slice || grant.gift > 0 {
                held.slice = grant.slice;
                change.slices.push((grant.key, grant.slice, grant.gift));
            }
            // Nothing was wanted, so nothing is noted.
            held.told = !held.want.is_none();
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

    /// Leases that have run out are given up, so that no later answer brings them back.
    fn lapse(&mut self, now: u64, change: &mut Change) {
        if now < self.until {
            return;
        }
        for (key, held) in self.keys.iter_mut().filter(|(_, held)| !held.slice.is_none()) {
            held.slice = Slice::default();
            change.slices.push((*key, held.slice, 0));
            self.anew = true;
        }
    }

    /// About the keys that are next in turn.
    fn asks(&mut self) -> Vec<Ask> {
        let ask = |(key, held): (&Key, &Held)| Ask { key: *key, whole: held.whole, hold: held.slice, want: held.want };
        let from = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.keys.range((from, Bound::Unbounded)).map(ask);
        let before = self.last.into_iter().flat_map(|last| self.keys.range(..=last)).map(ask);
        let asks: Vec<Ask> = behind.chain(before).take(KEYS_A_TURN).collect();
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
        let asked = u128::from(std::mem::take(&mut self.asked));
        let rate = asked * u128::from(self.whole.apart) * u128::from(MILLION) / u128::from(elapsed);
        let rate = u32::try_from(rate * 9 / 8).unwrap_or(MILLION).min(MILLION);
        let burst = u32::try_from(asked).unwrap_or(u32::MAX);
        self.lately = self.lately.map(Slice { rate, burst }, |lately, now| now.max(lately - lately.div_ceil(8)));
        let (floor, most) = (self.whole.floor(among), self.whole.leased());
        self.want = if self.lately.rate <= floor.rate && self.lately.burst <= floor.burst {
            Slice::default()
        } else {
            let rate = (self.lately.rate.div_ceil(STEP) * STEP).min(most.rate);
            let part = (u64::from(most.burst) * u64::from(rate) / u64::from(most.rate)) as u32;
            let burst = self.lately.burst.checked_next_power_of_two().unwrap_or(u32::MAX);
            Slice { rate, burst: burst.max(part).max(self.whole.grain).min(most.burst) }
        };
    }
}

fn nanoseconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}
