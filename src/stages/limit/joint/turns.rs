//! This node's turns at the book: what was asked for goes into the state machine, and what it says goes to the cores.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use crate::model::leases::{Key, NodeId, Secret, Slice};
use crate::stages::limit::cell::{Cell, halves};
use crate::stages::limit::now::Now;
use crate::stages::limit::slices::{Change, Node, Reply, Request, Terms};

use super::common::Note;
use super::{Common, Joint, Spec};

/// Who takes the turns. It belongs to one task, on no core.
#[derive(Debug)]
pub struct Turns {
    common: Arc<Common>,
    node: Node,
    notes: Receiver<Note>,
    held: HashMap<Key, Held>,
}

/// A key that the node asks the book about.
#[derive(Debug)]
struct Held {
    spec: Arc<Spec>,
    cell: Arc<Cell>,
    /// The hour at which the window ends, where it is of a count.
    end: Option<u32>,
}

/// How a node shares limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// Among how many its floor is cut; 0: it has none yet.
    pub among: u32,
    /// Whether what it has leased is in force.
    pub leased: bool,
    /// Keys that it asks about.
    pub keys: usize,
}

impl Turns {
    /// What cores share, and who takes the turns of a node of that name. `secret` is the same on all nodes.
    pub fn begin(secret: Secret, node: NodeId, terms: Terms) -> (Arc<Common>, Self) {
        let (common, notes) = Common::new(secret);
        let turns = Self { common: Arc::clone(&common), node: Node::new(node, terms), notes, held: HashMap::new() };
        (common, turns)
    }

    /// Whether there is a limit that is shared.
    pub fn is_needed(&self) -> bool {
        self.common.is_needed()
    }

    /// A turn: what is to be sent to the book, unless an answer is still awaited.
    pub fn turn(&mut self) -> Option<Request> {
        self.turn_at(&self.common.now())
    }

    /// What the book has answered.
    pub fn settled(&mut self, request: &Request, reply: &Reply) {
        self.settled_at(&self.common.now(), request, reply);
    }

    /// The last turn, to be sent to the book: nothing is used any more.
    pub fn leave(&mut self) -> Request {
        let now = self.common.now();
        let (change, request) = self.node.leave(now.nanos);
        self.follow(&now, &change);
        self.common.prolong(self.node.until());
        self.held.clear();
        request
    }

    /// How it stands.
    pub fn look(&self) -> Shared {
        let leased = self.common.now().nanos < self.node.until();
        Shared { among: self.node.among(), leased, keys: self.held.len() }
    }

    pub(super) fn turn_at(&mut self, now: &Now) -> Option<Request> {
        self.listen(now);
        for (key, held) in &self.held {
            let (Some(joint), Some(count), Some(end)) = (held.joint(), held.spec.count, held.end) else { continue };
            // Of a window that is over it stays with what was said last.
            let Some((used, may)) = counted(held, joint, end) else { continue };
            self.node.counted(*key, count, 0, used, may);
        }
        let (change, request) = self.node.turn(now.nanos);
        self.follow(now, &change);
        self.held.retain(|key, _| self.node.is_about(key));
        request
    }

    pub(super) fn settled_at(&mut self, now: &Now, request: &Request, reply: &Reply) {
        let change = self.node.settled(now.nanos, reply);
        self.follow(now, &change);
        // The asks are of the counts that the book has answered in the same order.
        for (ask, grant) in request.asks.iter().zip(&reply.grants).filter(|(ask, grant)| ask.key == grant.key) {
            if let Some(joint) = self.held.get(&ask.key).filter(|held| held.end.is_some()).and_then(Held::joint) {
                joint.spent.store(grant.slice.burst < ask.want.burst, Ordering::Relaxed);
            }
        }
        self.common.prolong(self.node.until());
    }

    /// What calls have asked for since the last turn.
    fn listen(&mut self, now: &Now) {
        // Those that come meanwhile are for the next turn.
        for _ in 0..super::common::NOTES {
            let Ok(Note { spec, name, cell }) = self.notes.try_recv() else { return };
            let Some(joint) = cell.joint.as_deref() else { continue };
            let asked = joint.asked.swap(0, Ordering::Relaxed);
            if let Some(whole) = spec.whole {
                let key = spec.rate_key(name);
                self.node.demand(key, whole, asked);
                self.hold(now, key, Held { spec: Arc::clone(&spec), cell: Arc::clone(&cell), end: None });
            }
            if let Some(count) = spec.count {
                let window = (now.hour() / spec.hours + 1).saturating_mul(spec.hours);
                // A window that has not ended goes on, where the clock was set back.
                let end = window.max(halves(cell.used.load(Ordering::Relaxed)).0);
                let key = spec.count_key(name, end);
                let held = Held { spec: Arc::clone(&spec), cell: Arc::clone(&cell), end: Some(end) };
                if let Some((used, may)) = counted(&held, joint, end) {
                    self.node.counted(key, count, asked, used, may);
                    self.hold(now, key, held);
                }
            }
        }
    }

    /// Keeps the cell of a key as long as the node asks about it: it is not forgotten then.
    fn hold(&mut self, now: &Now, key: Key, held: Held) {
        if !self.node.is_about(&key) {
            return;
        }
        let Some(before) = self.held.insert(key, held) else { return };
        // A limit that went and came back has other cells, and the slice is theirs now.
        let after = &self.held[&key];
        let (Some(old), Some(new)) = (before.joint(), after.joint()) else { return };
        match after.end {
            _ if Arc::ptr_eq(&before.cell, &after.cell) => {}
            None => {
                let slice = old.share.read().slice();
                old.lease(&before.spec, now, Slice::default(), 0);
                new.lease(&after.spec, now, slice, 0);
            }
            Some(end) => {
                after.cell.used.fetch_max(before.cell.used.load(Ordering::Relaxed), Ordering::Relaxed);
                new.allow(end, old.part(&before.spec).most(end));
            }
        }
    }

    /// Does what the state machine says, before anybody is told that it is so.
    fn follow(&mut self, now: &Now, change: &Change) {
        if change.floors {
            self.common.stand(self.node.among(), now);
        }
        for (key, slice, gift) in &change.slices {
            let Some(held) = self.held.get(key) else { continue };
            match (held.joint(), held.end) {
                (Some(joint), Some(end)) => joint.allow(end, slice.burst),
                (Some(joint), None) => {
                    let gift = if now.nanos < held.spec.gifts { 0 } else { *gift };
                    joint.lease(&held.spec, now, *slice, gift);
                }
                (None, _) => {}
            }
        }
    }
}

impl Held {
    fn joint(&self) -> Option<&Joint> {
        self.cell.joint.as_deref()
    }
}

/// How many are counted in the window that ends then, and up to how many may be; `None` where it is over.
fn counted(held: &Held, joint: &Joint, end: u32) -> Option<(u32, u32)> {
    let (of, used) = halves(held.cell.used.load(Ordering::Relaxed));
    (of <= end).then(|| (if of == end { used } else { 0 }, joint.part(&held.spec).most(end)))
}
