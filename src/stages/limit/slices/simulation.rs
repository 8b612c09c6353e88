//! The whole of it, from a seed: nodes, their clocks and buckets, the book, and a network that is no friend.

mod dice;
mod trace;
mod world;

use crate::model::leases::{Key, NodeId};

use super::{Count, KEYS_A_NODE, Node, Of, TERMS, Terms, Whole};
use dice::{Dice, seeds};
pub(in crate::stages::limit) use trace::Trace;
pub(in crate::stages::limit) use world::Book;
use world::{Member, SECOND, STEP, Weather, World};

const FINE: Weather = Weather { trouble: 0, clocks: true };
const ROUGH: Weather = Weather { trouble: 20, clocks: true };
/// 200 a second, 200 at once.
const WHOLE: Whole = Whole { apart: SECOND / 200, burst: 200, grain: 1 };
const COUNT: Count = Count { most: 10_000, grain: 1, window: 86_400_000 };

/// Three nodes that know of each other.
fn three(seed: u64, weather: Weather) -> World {
    let mut world = World::new(seed, TERMS, weather, &[Of::Rate(WHOLE), Of::Count(COUNT)]);
    for _ in 0..3 {
        world.join();
    }
    run(&mut world, 5, |_, _| {});
    world
}

/// So many seconds, with these calls at each step.
fn run(world: &mut World, seconds: u64, mut calls: impl FnMut(&mut World, u64)) {
    let end = world.now + seconds * SECOND;
    while world.now < end {
        world.step();
        let now = world.now;
        calls(world, now / STEP);
    }
}

/// What part of the whole rate a node, or all, got in so many seconds of these calls.
fn got(world: &mut World, seconds: u64, calls: impl FnMut(&mut World, u64)) -> (Vec<f64>, f64) {
    let key = world.keys[0].0;
    let before: Vec<_> = world.members.iter().map(|member| member.admitted.get(&key).copied().unwrap_or(0)).collect();
    run(world, seconds, calls);
    let whole = (seconds * SECOND / WHOLE.apart) as f64;
    let after = world.members.iter().map(|member| member.admitted.get(&key).copied().unwrap_or(0));
    let each: Vec<f64> = after.zip(before).map(|(after, before)| (after - before) as f64 / whole).collect();
    let sum = each.iter().sum();
    (each, sum)
}

/// Of the rate.
fn calls(world: &mut World, at: usize, count: u64) {
    for _ in 0..count {
        world.call(at, 0, 1);
    }
}

#[track_caller]
fn within(world: &World, seed: u64) -> f64 {
    let worst = world.keys.iter().map(|(key, of)| match of {
        Of::Rate(whole) => world.traces[key].worst(*whole),
        Of::Count(count) => world.traces[key].sum() as f64 / f64::from(count.most),
    });
    let worst = worst.fold(0.0, f64::max);
    let most = world.most;
    assert!(most.rate <= 1_000_000 && most.burst <= 1_000_000, "{most:?} in force, WEIR_SEED={seed}");
    assert!(worst <= 1.05, "{worst:.3} of what there is in a window, WEIR_SEED={seed}");
    worst
}

#[test]
fn one_busy_node_alone_has_nearly_all_of_it() {
    for seed in seeds(60) {
        for weather in [FINE, ROUGH] {
            let mut world = three(seed, weather);
            run(&mut world, 15, |world, _| calls(world, 0, 3));
            let (each, _) = got(&mut world, 30, |world, _| calls(world, 0, 3));
            assert!(each[0] >= 0.95, "{:.3} of the rate, WEIR_SEED={seed}", each[0]);
            within(&world, seed);
        }
    }
}

#[test]
fn nodes_that_are_all_busy_have_equal_parts_and_one_that_asks_for_little_has_that() {
    for seed in seeds(60) {
        let mut world = three(seed, FINE);
        run(&mut world, 10, |world, _| (0..3).for_each(|at| calls(world, at, 2)));
        let (each, sum) = got(&mut world, 20, |world, _| (0..3).for_each(|at| calls(world, at, 2)));
        assert!(each.iter().all(|part| *part > 0.3) && sum > 0.97, "{each:?}, WEIR_SEED={seed}");
        // A tenth of the rate at one, and too much at another.
        let little = |world: &mut World, step: u64| {
            calls(world, 0, u64::from(step.is_multiple_of(10)));
            calls(world, 1, 4);
        };
        run(&mut world, 10, little);
        let (each, sum) = got(&mut world, 20, little);
        // A want is said again while it is no more than twice what is needed (demand.rs), so that few rows are written: of
        // 0.1 and an eighth that is 7/32, and what of them is not used is had by nobody.
        assert!(each[0] > 0.095 && sum > 0.845, "{each:?}, WEIR_SEED={seed}");
        within(&world, seed);
    }
}

#[test]
fn a_key_that_hops_from_node_to_node_is_served_on_all() {
    for seed in seeds(60) {
        let mut world = three(seed, FINE);
        // A balancer in turns, at half of the rate more than there is.
        let turns = |world: &mut World, step: u64| {
            calls(world, step as usize % 3, 1);
            calls(world, (step + 1) as usize % 3, step % 2);
        };
        run(&mut world, 10, turns);
        let (_, sum) = got(&mut world, 20, turns);
        assert!(sum > 0.9, "{sum:.3}, WEIR_SEED={seed}");
        // One that is sticky for a second and a half.
        let sticky = |world: &mut World, step: u64| calls(world, (step / 300) as usize % 3, 3);
        run(&mut world, 10, sticky);
        let (each, _) = got(&mut world, 30, sticky);
        assert!(each.iter().all(|part| *part > 0.08), "{each:?}, WEIR_SEED={seed}");
        within(&world, seed);
    }
}

#[test]
fn without_the_book_a_node_has_its_floor_and_with_it_all_again_within_ten_seconds() {
    for seed in seeds(60) {
        let mut world = three(seed, FINE);
        let busy = |world: &mut World, _| (0..3).for_each(|at| calls(world, at, 1));
        run(&mut world, 10, busy);
        world.shut = true;
        run(&mut world, 12, busy);
        let (each, _) = got(&mut world, 60, busy);
        assert!(each.iter().all(|part| (0.0135..0.0155).contains(part)), "{each:?}, WEIR_SEED={seed}");
        world.shut = false;
        run(&mut world, 5, busy);
        let (_, sum) = got(&mut world, 5, busy);
        assert!(sum > 0.95, "{sum:.3}, WEIR_SEED={seed}");
        within(&world, seed);
    }
}

#[test]
fn what_a_node_held_that_died_is_had_by_the_others_after_its_lease() {
    for seed in seeds(60) {
        for leaves in [false, true] {
            let mut world = three(seed, FINE);
            run(&mut world, 10, |world, _| calls(world, 0, 3));
            world.end(0, leaves);
            run(&mut world, if leaves { 2 } else { 12 }, |world, _| calls(world, 0, 3));
            let (each, _) = got(&mut world, 10, |world, _| calls(world, 0, 3));
            assert!(each[0] > 0.95, "{:.3}, WEIR_SEED={seed}", each[0]);
            within(&world, seed);
        }
    }
}

#[test]
fn nodes_that_join_take_nothing_that_is_in_use() {
    for seed in seeds(60) {
        let mut world = three(seed, FINE);
        let busy = |world: &mut World, _| (0..world.members.len()).for_each(|at| calls(world, at, 2));
        run(&mut world, 10, busy);
        world.join();
        world.join();
        run(&mut world, 10, busy);
        let (each, sum) = got(&mut world, 10, busy);
        assert!(each.iter().all(|part| *part > 0.17) && sum > 0.97, "{each:?}, WEIR_SEED={seed}");
        within(&world, seed);
    }
}

/// What comes for a while.
#[derive(Clone, Copy)]
enum Traffic {
    None,
    One(usize),
    All,
    Turns,
    Sticky(u64),
    Bursts(u64),
}

fn traffic(dice: &mut Dice) -> Traffic {
    match dice.below(6) {
        0 => Traffic::None,
        1 => Traffic::One(dice.below(5) as usize),
        2 => Traffic::All,
        3 => Traffic::Turns,
        4 => Traffic::Sticky(dice.between(50, 600)),
        _ => Traffic::Bursts(dice.between(200, 2_000)),
    }
}

/// Calls of a step, up to some times what there is.
fn come(world: &mut World, key: usize, step: u64, traffic: Traffic) {
    let nodes = world.members.len();
    let (much, burst, grain) = match world.keys[key].1 {
        Of::Rate(whole) => (4 * STEP / whole.apart, whole.burst, whole.grain),
        Of::Count(count) => (0, count.most / 20, count.grain),
    };
    let one = |world: &mut World, at: usize, count: u64| {
        // Slow keys are asked for more often than they have tokens, too.
        for _ in 0..count + u64::from(world.dice.once_in(8)) {
            let cost = world.dice.between(1, grain.into()) as u32;
            world.call(at % nodes, key, cost);
        }
    };
    match traffic {
        Traffic::None => {}
        Traffic::One(at) => one(world, at, much),
        Traffic::All => (0..nodes).for_each(|at| one(world, at, much / 2)),
        Traffic::Turns => one(world, step as usize, much),
        Traffic::Sticky(steps) => one(world, (step / steps) as usize, much),
        Traffic::Bursts(every) if step.is_multiple_of(every) => {
            (0..nodes).for_each(|at| one(world, at, burst.into()));
        }
        Traffic::Bursts(_) => {}
    }
}

/// Two minutes in which everything happens.
fn storm(seed: u64, terms: Terms) -> World {
    let rates = [
        WHOLE,
        Whole { apart: SECOND / 1000, burst: 100, grain: 1 },
        Whole { apart: SECOND / 10, burst: 80, grain: 10 },
        Whole { apart: SECOND, burst: 8, grain: 1 },
    ];
    let counts = [Count { most: 20, ..COUNT }, Count { most: 2_000, grain: 5, ..COUNT }];
    let ofs: Vec<Of> = rates.map(Of::Rate).into_iter().chain(counts.map(Of::Count)).collect();
    // In every other storm a turn has no room for all keys.
    let terms = if seed.is_multiple_of(2) { Terms { keys: 3, ..terms } } else { terms };
    let mut world = World::new(seed, terms, ROUGH, &ofs);
    for _ in 0..3 {
        world.join();
    }
    let mut kinds = [Traffic::All; 6];
    run(&mut world, 120, |world, step| {
        for (key, kind) in kinds.iter_mut().enumerate() {
            if world.dice.once_in(1_500) {
                *kind = traffic(&mut world.dice);
            }
            come(world, key, step, *kind);
        }
        let nodes = world.members.len();
        let any = world.dice.below(nodes as u64) as usize;
        match world.dice.below(10_000) {
            0..3 if nodes < 5 => {
                world.join();
            }
            3..6 if nodes > 2 => {
                let leaves = world.dice.once_in(2);
                world.end(any, leaves);
            }
            6..16 => world.members[any].cut = true,
            16..30 => world.members[any].cut = false,
            30..33 => world.shut = true,
            33..50 => world.shut = false,
            _ => {}
        }
    });
    world
}

#[test]
fn no_window_sees_more_than_there_is_whatever_happens() {
    let mut worst = 0.0_f64;
    for seed in seeds(300) {
        worst = worst.max(within(&storm(seed, TERMS), seed));
    }
    eprintln!("the worst window saw {worst:.4} of rate x time + burst");
}

#[test]
#[should_panic(expected = "in force")]
fn without_its_margin_it_does_not_hold() {
    for seed in 0..40 {
        within(&storm(seed, Terms { margin: 0, ..TERMS }), seed);
    }
}

/// How many of the count each node has counted.
fn counted(world: &World) -> Vec<u64> {
    let of = |member: &Member| member.admitted.get(&world.keys[1].0).copied().unwrap_or(0);
    world.members.iter().map(of).collect()
}

fn count(world: &mut World, at: usize, calls: u64) {
    for _ in 0..calls {
        world.call(at, 1, 1);
    }
}

#[test]
fn a_count_is_had_by_one_node_or_by_all_and_ends_there() {
    for seed in seeds(60) {
        let mut world = three(seed, FINE);
        run(&mut world, 60, |world, _| count(world, 0, 2));
        let one = counted(&world)[0];
        assert!((9_500..=10_000).contains(&one), "{one}, WEIR_SEED={seed}");
        run(&mut world, 20, |world, _| (0..3).for_each(|at| count(world, at, 2)));
        let all = counted(&world);
        assert!(all.iter().sum::<u64>() <= 10_000, "{all:?}, WEIR_SEED={seed}");
        // All at once; and what one has leased and not used is had by another.
        let mut world = three(seed, FINE);
        run(&mut world, 5, |world, _| (0..3).for_each(|at| count(world, at, 2)));
        run(&mut world, 60, |world, _| count(world, 2, 2));
        let all = counted(&world);
        assert!((9_200..=10_000).contains(&all.iter().sum::<u64>()) && all[0] > 1_000, "{all:?}, WEIR_SEED={seed}");
    }
}

#[test]
fn some_of_a_count_is_had_while_the_book_is_away_and_more_when_it_is_back() {
    for seed in seeds(60) {
        let mut world = three(seed, FINE);
        let some = |world: &mut World, step: u64| count(world, 0, u64::from(step.is_multiple_of(10)));
        run(&mut world, 20, some);
        world.shut = true;
        run(&mut world, 20, |_, _| {});
        let before = counted(&world)[0];
        run(&mut world, 60, some);
        let more = counted(&world)[0] - before;
        assert!((60..500).contains(&more), "{more}, WEIR_SEED={seed}");
        world.shut = false;
        run(&mut world, 10, some);
        let before = counted(&world)[0];
        run(&mut world, 10, some);
        assert!(counted(&world)[0] - before > 190, "WEIR_SEED={seed}");
    }
}

#[test]
fn a_demand_that_stays_writes_nothing_and_keys_that_are_idle_are_nowhere() {
    let mut world = World::new(1, TERMS, FINE, &vec![Of::Rate(WHOLE); 600]);
    for _ in 0..3 {
        world.join();
    }
    run(&mut world, 5, |_, _| {});
    // More keys than a turn has room for, at a fifth of their rate, a little more or less.
    let all = |world: &mut World, step: u64| {
        for key in (0..600).filter(|key| (key + step).is_multiple_of(5)) {
            let at = world.dice.below(3) as usize;
            world.call(at, key as usize, 1);
        }
    };
    run(&mut world, 10, all);
    assert!(world.book.leases.len() > 1_200, "{} of 1800", world.book.leases.len());
    world.written = 0;
    run(&mut world, 20, all);
    let written = world.written / 20;
    assert!(written < 250, "{written} rows a second for 600 keys on three nodes");
    run(&mut world, 30, |_, _| {});
    assert!(world.book.leases.is_empty() && world.members.iter().all(|member| member.node.is_idle()));
}

#[test]
fn however_many_keys_come_a_node_asks_for_so_many() {
    let mut node = Node::new(NodeId(1), TERMS);
    for key in 0..3 * KEYS_A_NODE {
        node.demand(Key(key as u128), WHOLE, 100);
    }
    let asked = (1..200).map(|turn| {
        let (_, request) = node.turn(turn * 3 * SECOND);
        request.unwrap().asks
    });
    let asked: Vec<usize> = asked.map(|asks| asks.len()).collect();
    assert!(asked.iter().all(|asks| *asks <= TERMS.keys) && asked.iter().sum::<usize>() >= KEYS_A_NODE, "{asked:?}");
}
