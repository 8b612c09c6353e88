//! What a limit that nodes share is: its numbers, what its keys are called in the book, and what a key begins with.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config;
use crate::model::leases;
use crate::stages::limit::now::Now;
use crate::stages::limit::shelf::Name;
use crate::stages::limit::slices::{self, Count, Share, Whole};

use super::{Common, Joint};

/// Nodes that make keys otherwise do not share a limit.
const MAKE: &str = "weir 1";

/// A limit of all nodes, on this one.
#[derive(Debug)]
pub(in crate::stages::limit) struct Spec {
    pub(in crate::stages::limit) common: Arc<Common>,
    pub(in crate::stages::limit) whole: Option<Whole>,
    pub(in crate::stages::limit) count: Option<Count>,
    pub(super) hours: u32,
    /// That have read the secret and which limit it is.
    hashers: [DefaultHasher; 2],
    /// No gifts before: it had other numbers, of which something may be used.
    pub(super) gifts: u64,
    untouched: Mutex<Untouched>,
}

/// What a key has that nobody has used.
#[derive(Debug)]
struct Untouched {
    bucket: slices::Cell,
    share: Share,
    /// Whether it has ever had a floor.
    stood: bool,
}

impl Spec {
    /// `changed`: it had other numbers before.
    pub(in crate::stages::limit) fn new(limit: &config::Limit, common: &Arc<Common>, changed: bool) -> Arc<Self> {
        let grain = limit.cost.get();
        let whole = limit.rate.as_ref().map(|rate| {
            let apart = u64::try_from(rate.apart().as_nanos()).unwrap_or(u64::MAX);
            Whole { apart: apart.max(1), burst: rate.burst.get(), grain }
        });
        let count = limit.quota.as_ref().map(|quota| {
            let window = u64::from(quota.hours) * 3_600_000;
            Count { most: quota.most.get(), grain, window }
        });
        let hasher = |part: u8| {
            let mut hasher = DefaultHasher::new();
            let expression = limit.key.expression().map(|expression| &*expression.text);
            (common.secret.0, MAKE, part, limit.name.as_str(), limit.key.as_str(), expression).hash(&mut hasher);
            hasher
        };
        let now = common.now();
        let fills = |whole: Whole| now.nanos.saturating_add(whole.apart.saturating_mul(whole.burst.into()));
        let (none, among) = (Whole { apart: 1, burst: 0, grain: 1 }, common.among());
        let share = Share::new(now.nanos, whole.unwrap_or(none), whole.unwrap_or(none).floor(among));
        Arc::new(Self {
            common: Arc::clone(common),
            whole,
            count,
            hours: limit.quota.as_ref().map_or(1, |quota| quota.hours),
            hashers: [hasher(0), hasher(1)],
            gifts: whole.filter(|_| changed).map_or(0, fills),
            untouched: Mutex::new(Untouched { bucket: slices::Cell::default(), share, stood: among > 0 }),
        })
    }

    /// What a key is called on every node, whatever the numbers are.
    pub(in crate::stages::limit) fn name(&self, key: &impl Hash) -> Name {
        let [one, other] = [0, 1].map(|half| self.hash(half, key));
        Name(one, other)
    }

    /// The key of its rate in the book.
    pub(super) fn rate_key(&self, name: Name) -> leases::Key {
        let whole = self.whole.map(|whole| (whole.apart, whole.burst, whole.grain));
        self.key(&("rate", name.0, name.1, whole))
    }

    /// The key of a window of its count.
    pub(super) fn count_key(&self, name: Name, end: u32) -> leases::Key {
        let count = self.count.map(|count| (count.most, count.grain, count.window));
        self.key(&("count", name.0, name.1, count, end))
    }

    fn key(&self, of: &impl Hash) -> leases::Key {
        let [one, other] = [0, 1].map(|half| u128::from(self.hash(half, of)));
        leases::Key(one << 64 | other)
    }

    fn hash(&self, half: usize, of: &impl Hash) -> u64 {
        let mut hasher = self.hashers[half].clone();
        of.hash(&mut hasher);
        hasher.finish()
    }

    /// What may be counted here in a window of which nothing is leased yet.
    pub(super) fn count_floor(&self) -> u32 {
        self.count.map_or(0, |count| count.floor(self.common.among()))
    }

    /// What a key begins with that is met for the first time, or holds no more than so many tokens.
    pub(in crate::stages::limit) fn first(&self, now: &Now, own: bool, most: Option<u32>) -> Joint {
        let untouched = self.untouched.lock().unwrap_or_else(PoisonError::into_inner);
        let Untouched { bucket, share, .. } = &*untouched;
        match (self.whole, most) {
            (Some(whole), Some(most)) => {
                let share = Share::new(now.nanos, whole, whole.floor(self.common.among()));
                Joint::new(slices::Cell::default().copy(whole, &share, most), &share, own)
            }
            (whole, _) => {
                let whole = whole.unwrap_or(Whole { apart: 1, burst: 0, grain: 1 });
                Joint::new(bucket.copy(whole, share, u32::MAX), share, own)
            }
        }
    }

    /// Cuts the floor anew of what nobody has used. The first floor of a node is full: nothing is known of what was used
    /// before it came. One that grows later brings room and no tokens, as it does for keys that were met.
    pub(in crate::stages::limit) fn stand(&self, now: &Now) {
        let Some(whole) = self.whole else { return };
        let (among, until) = (self.common.among(), self.common.until());
        let mut untouched = self.untouched.lock().unwrap_or_else(PoisonError::into_inner);
        let floor = whole.floor(among);
        let most;
        (untouched.share, most) = match untouched.stood {
            true => untouched.share.with_floor(now.nanos, until, floor),
            false => (Share::new(now.nanos, whole, floor), u32::MAX),
        };
        untouched.bucket.follow(whole, &untouched.share, most, 0);
        untouched.stood |= among > 0;
    }
}
