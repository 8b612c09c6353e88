//! What nodes let in together by one book: over cells, cores and turns as they are, at times of our own.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::config::{self, PARTS_OF_BURST, PARTS_OF_QUOTA, Settings};
use crate::model::leases::{NodeId, Secret};
use crate::stages::limit::cells::Found;
use crate::stages::limit::ledger::Ledger;
use crate::stages::limit::now::Now;
use crate::stages::limit::quota::Quota;
use crate::stages::limit::rate::Rate;
use crate::stages::limit::short::Short;
use crate::stages::limit::slices::simulation::{Book, Trace};
use crate::stages::limit::slices::{Count, TERMS, Whole};

use super::{Common, SOON, Turns};

const SECOND: u64 = 1_000_000_000;
const STEP: u64 = SECOND / 100;
/// A whole hour before noon, so that no window ends by chance.
const NOON: u64 = 1_800_010_800;
const ONE: NonZeroU32 = NonZeroU32::MIN;
const RATE: &str = "rate = \"100/s\"";

fn limits(more: &str) -> Vec<config::Limit> {
    let text = format!(
        "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/\"]\n\
         [[limits]]\nname = \"few\"\nkey = \"principal\"\nscope = \"cluster\"\n{more}\n"
    );
    Settings::parse(&text, "weir.toml").unwrap_or_else(|report| panic!("{report}")).limits
}

fn at(nanos: u64) -> Now {
    Now { nanos, unix: NOON + nanos / SECOND }
}

/// One core of a node.
struct Core {
    found: Found,
    rate: Option<Rate>,
    quota: Option<Quota>,
}

impl Core {
    fn new(ledger: &Ledger) -> Self {
        let entry = &ledger.limits[0];
        let found = Found::new(Arc::clone(&entry.cells));
        let rate = entry.limit.rate.as_ref().map(|rate| Rate::new(rate).of(found.spec()));
        let quota = entry.limit.quota.as_ref().map(|quota| Quota::new(quota).of(found.spec()));
        Self { found, rate, quota }
    }

    fn call(&self, key: &str, now: &Now) -> Result<(), Short> {
        let name = self.found.cells().name(&key);
        self.found.with(name, now, |cell| {
            self.found.note(name, cell, ONE);
            self.rate.as_ref().map_or(Ok(0), |rate| rate.take(cell, ONE, now))?;
            self.quota.as_ref().map_or(Ok(0), |quota| quota.take(cell, ONE, now)).map(drop)
        })
    }

    fn all(&self, key: &str, now: &Now) -> usize {
        (0..100_000).take_while(|_| self.call(key, now).is_ok()).count()
    }
}

struct Node {
    common: Arc<Common>,
    turns: Turns,
    ledger: Ledger,
    core: Core,
    admitted: u64,
}

impl Node {
    fn new(id: u64, more: &str) -> Self {
        let (common, turns) = Turns::begin(Secret([7; 16]), NodeId(id), TERMS);
        let ledger = Ledger::sharing(&limits(more), None, Some(&common));
        Self { core: Core::new(&ledger), ledger, common, turns, admitted: 0 }
    }
}

/// Nodes, and the book.
struct World {
    now: u64,
    nodes: Vec<Node>,
    book: Book,
    away: bool,
    trace: Trace,
}

impl World {
    fn new(nodes: u64, more: &str) -> Self {
        let nodes = (1..=nodes).map(|id| Node::new(id, more)).collect();
        let mut world = Self { now: SECOND, nodes, book: Book::default(), away: false, trace: Trace::default() };
        world.run(3, |_| Vec::new());
        world
    }

    /// So many seconds, in which these nodes are called at each step.
    fn run(&mut self, seconds: u64, called: impl Fn(u64) -> Vec<usize>) -> u64 {
        let before = self.trace.sum();
        for step in 0..seconds * SECOND / STEP {
            self.now += STEP;
            let now = at(self.now);
            for node in called(step) {
                let node = &mut self.nodes[node];
                if node.core.call("ann", &now).is_ok() {
                    node.admitted += 1;
                    self.trace.add(self.now, 1);
                }
            }
            if (self.now / STEP).is_multiple_of(25) {
                self.turns(&now);
            }
        }
        self.trace.sum() - before
    }

    fn turns(&mut self, now: &Now) {
        for node in &mut self.nodes {
            let Some(request) = node.turns.turn_at(now).filter(|_| !self.away) else { continue };
            let settled = self.book.settle(now.nanos / 1_000_000, &request, &TERMS);
            if let Some((reply, _)) = settled {
                node.turns.settled_at(now, &request, &reply);
            }
        }
    }
}

#[test]
fn three_busy_nodes_stay_within_the_rate_and_one_alone_has_nearly_all_of_it() {
    let mut world = World::new(3, RATE);
    let all = |_| vec![0, 1, 2, 0, 1, 2];
    world.run(5, all);
    let sum = world.run(10, all);
    assert!((950..=1_050).contains(&sum), "{sum} of 1000");
    world.run(5, |_| vec![1, 1, 1]);
    let alone = world.run(10, |_| vec![1, 1, 1]);
    assert!((900..=1_050).contains(&alone), "{alone} of 1000");
    let whole = Whole { apart: SECOND / 100, burst: 100, grain: 1 };
    let worst = world.trace.worst(whole);
    assert!(worst <= 1.05, "{worst:.3} of what there is in a window");
    // It gives it all back.
    assert!(world.nodes[1].turns.look().keys == 1);
    world.run(15, |_| Vec::new());
    assert!(world.nodes.iter().all(|node| node.turns.look().keys == 0) && world.book.leases.is_empty());
}

#[test]
fn without_the_book_each_has_its_floor_and_comes_back_by_itself() {
    let mut world = World::new(3, RATE);
    let all = |_| vec![0, 1, 2, 0, 1, 2];
    world.run(10, all);
    world.away = true;
    world.run(10, all);
    let alone = world.run(20, all);
    assert!((80..=100).contains(&alone), "{alone} of 2000: 4.5 % together");
    assert!(world.nodes.iter().all(|node| node.common.until() < world.now));
    world.away = false;
    world.run(5, all);
    let back = world.run(10, all);
    assert!((950..=1_050).contains(&back), "{back} of 1000");
    let worst = world.trace.worst(Whole { apart: SECOND / 100, burst: 100, grain: 1 });
    assert!(worst <= 1.05, "{worst:.3} of what there is in a window");
}

#[test]
fn a_key_that_nobody_knows_begins_with_the_floor_of_its_node() {
    let world = World::new(3, "rate = \"100/s\"\nburst = 120");
    let burst: Vec<_> = world.nodes.iter().map(|node| node.core.all("bob", &at(world.now))).collect();
    assert_eq!(burst, [30, 30, 30], "three quarters of the burst in equal parts");
    let short = world.nodes[0].core.call("bob", &at(world.now)).unwrap_err();
    assert!(matches!(short, Short::For(wait) if wait <= SOON), "{short:?}");
    // A node that leaves gives its part to the others, as room.
    let mut world = world;
    let request = world.nodes[2].turns.leave();
    world.book.settle(world.now / 1_000_000, &request, &TERMS).unwrap();
    world.nodes.pop();
    world.run(3, |_| Vec::new());
    assert_eq!(world.nodes.iter().map(|node| node.turns.look().among).collect::<Vec<_>>(), [2, 2]);
    let more = world.nodes[0].core.all("eve", &at(world.now));
    assert!((30..=37).contains(&more), "{more}");
}

#[test]
fn a_quota_is_counted_by_all_nodes_and_ends_with_its_window() {
    let mut world = World::new(3, "quota = \"1000/hour\"");
    let used = world.run(30, |_| vec![0, 0]);
    assert!((900..=1_000).contains(&used), "{used} by one");
    world.run(30, |_| vec![0, 1, 2]);
    let used = world.trace.sum();
    assert!((980..=1_000).contains(&used), "{used} by all");
    // Whoever is told that nothing is left waits for the next hour.
    let short = world.nodes[0].core.call("ann", &at(world.now)).unwrap_err();
    assert!(matches!(short, Short::For(wait) if wait.as_secs() > 3_000), "{short:?}");
    world.now += 3_600 * SECOND;
    world.run(3, |_| Vec::new());
    let next = world.run(60, |_| vec![0, 1, 2]);
    assert!((900..=1_000).contains(&next), "{next} in the next hour");
}

#[test]
fn a_reload_forgets_nothing_and_other_numbers_grant_no_second_burst() {
    let mut world = World::new(1, "rate = \"80/h\"");
    world.run(3, |_| vec![0]);
    let now = at(world.now);
    assert_eq!(world.trace.sum(), 80);
    let node = &mut world.nodes[0];
    let again = |more: &str, before: &Ledger| Ledger::sharing(&limits(more), Some(before), Some(&node.common));
    let same = again("rate = \"80/h\"\nmethods = [\"tools/*\"]", &node.ledger);
    assert!(Arc::ptr_eq(&same.limits[0].cells, &node.ledger.limits[0].cells));
    let other = again("rate = \"160/h\"", &same);
    let core = Core::new(&other);
    assert_eq!(core.all("ann", &now), 0, "what was used stays used");
    assert_eq!(core.all("bob", &now), 120, "who has used nothing begins with the floor");
    // Nor is one given with the lease of the new one.
    for _ in 0..8 {
        world.now += SECOND / 4;
        let now = at(world.now);
        assert_eq!(core.all("ann", &now), 0);
        world.turns(&now);
    }
    assert!(world.nodes[0].turns.look().keys > 0);
}

#[test]
fn cores_that_call_while_turns_are_taken_stay_within_the_rate() {
    let mut world = World::new(2, "rate = \"1000/s\"\nburst = 800");
    let (clock, over) = (AtomicU64::new(world.now), AtomicBool::new(false));
    let began = world.now;
    let admitted = AtomicU64::new(0);
    let cores: Vec<Core> =
        world.nodes.iter().flat_map(|node| [Core::new(&node.ledger), Core::new(&node.ledger)]).collect();
    thread::scope(|scope| {
        for core in cores {
            scope.spawn(|| {
                let core = core;
                while !over.load(Ordering::Relaxed) {
                    let now = at(clock.load(Ordering::Relaxed));
                    admitted.fetch_add(u64::from(core.call("ann", &now).is_ok()), Ordering::Relaxed);
                }
            });
        }
        for _ in 0..150 {
            world.now += SECOND / 20;
            clock.store(world.now, Ordering::Relaxed);
            let now = at(world.now);
            world.turns(&now);
            // So that calls come between.
            let before = admitted.load(Ordering::Relaxed);
            for _ in 0..1_000 {
                if admitted.load(Ordering::Relaxed) > before {
                    break;
                }
                thread::yield_now();
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    let (admitted, most) = (admitted.into_inner(), 800 + (world.now - began) / (SECOND / 1000));
    assert!(admitted * 100 <= most * 105 && admitted * 2 > most, "{admitted} of {most}");
}

#[test]
fn whatever_fits_beyond_the_channel_is_asked_for_again() {
    let mut world = World::new(1, "rate = \"1000/s\"\nburst = 800");
    let now = at(world.now);
    for key in 0..40_000 {
        world.nodes[0].core.call(&key.to_string(), &now).unwrap();
    }
    world.turns(&now);
    // For so little the floor is enough.
    assert_eq!(world.nodes[0].turns.look().keys, 0);
    // One that found no room finds it now.
    assert_eq!(world.nodes[0].core.all("39999", &now), 599);
    world.now += SECOND / 4;
    let now = at(world.now);
    world.turns(&now);
    assert_eq!(world.nodes[0].turns.look().keys, 1);
    assert!(world.nodes[0].core.all("39999", &now) >= 200, "the rest of the burst came with the lease");
}

#[test]
fn keys_are_called_the_same_everywhere() {
    let node = Node::new(1, RATE);
    let spec = Arc::clone(node.core.found.spec().unwrap());
    let (one, other) = (spec.name(&"ann"), Node::new(2, RATE).core.found.spec().unwrap().name(&"ann"));
    assert_eq!(one, other);
    assert_ne!(one, spec.name(&"bob"));
    // By another compiler, too: nodes of two versions that part here count apart while one takes the place of the other.
    assert_eq!(format!("{:032x}", spec.rate_key(one).0), "7135603e15bc62abd3f8f40d2bb71f92");
    assert_ne!(spec.count_key(one, 1), spec.count_key(one, 2));
    let dearer = Node::new(3, "rate = \"101/s\"");
    let spec = dearer.core.found.spec().unwrap();
    assert_eq!(spec.name(&"ann"), one, "the cell is found by its name over a reload");
    assert_ne!(spec.rate_key(one), Node::new(1, RATE).core.found.spec().unwrap().rate_key(one));
}

#[test]
fn what_the_configuration_lets_pass_can_be_cut() {
    for grain in 1..2_000 {
        let whole = |parts: u32| Whole { apart: 1, burst: grain * parts, grain };
        let count = |parts: u32| Count { most: grain * parts, grain, window: 1 };
        assert!(whole(PARTS_OF_BURST).is_divisible() && count(PARTS_OF_QUOTA).is_divisible(), "{grain}");
        assert!(!whole(PARTS_OF_BURST - 1).is_divisible() && !count(PARTS_OF_QUOTA - 1).is_divisible(), "{grain}");
    }
}
