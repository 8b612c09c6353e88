//! That cores count together exactly, and that nothing is gained by being forgotten.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::super::cell::Permit;
use super::super::rate::Rate;
use super::*;
use crate::config::CallRate;

const APART: u64 = 1_000_000;
const BURST: u32 = 5;
const ONE: NonZeroU32 = NonZeroU32::MIN;

/// One in a millisecond, so many at once.
fn rate(burst: u32) -> Rate {
    let number = |number| NonZeroU32::new(number).unwrap();
    Rate::new(&CallRate { most: number(1000), per: Duration::from_secs(1), burst: number(burst) })
}

fn at(nanos: u64) -> Now {
    Now { nanos, unix: 1_800_000_000 }
}

/// Whether in no span of time there are more than burst and rate.
fn keeps_to_the_rate(admitted: &[u64], burst: u32) -> bool {
    let fits = |from: usize, to: usize| {
        let (calls, span) = ((to - from + 1) as u64, admitted[to] - admitted[from]);
        calls <= u64::from(burst) + span / APART
    };
    (0..admitted.len()).all(|from| (from..admitted.len()).all(|to| fits(from, to)))
}

/// A name of which all are in one part of the map, and three in a place of the row.
fn crowded(key: u64) -> Name {
    Name(key, key / 3)
}

/// Calls of keys on three cores, with the time before each.
fn counts_as_it_should(most: usize, burst: u32, steps: &[(u64, usize, u64)]) -> Result<(), TestCaseError> {
    let (rate, cells) = (rate(burst), Arc::new(Cells::with_room(most * SHELVES)));
    let found: Vec<_> = (0..3).map(|_| Found::new(Arc::clone(&cells))).collect();
    let (mut now, mut admitted, mut untouched) = (0, HashMap::<u64, Vec<u64>>::new(), HashMap::new());
    for (gap, core, key) in steps {
        now += gap;
        let taken = found[*core].with(crowded(*key), &at(now), |cell| rate.take(cell, ONE, &at(now)));
        let enough = untouched.insert(*key, now).is_none_or(|before| now - before >= u64::from(burst) * APART);
        if taken.is_ok() {
            admitted.entry(*key).or_default().push(now);
        } else if most > 100 {
            prop_assert!(!enough, "who has used nothing for long is let in");
        }
        prop_assert!(cells.len() <= most);
    }
    for (key, admitted) in admitted {
        prop_assert!(keeps_to_the_rate(&admitted, burst), "{key}: {admitted:?}");
    }
    Ok(())
}

fn steps(keys: u64) -> impl Strategy<Value = Vec<(u64, usize, u64)>> {
    let gap = prop_oneof![6 => Just(0), 2 => 0..2 * APART, 1 => 0..20 * APART];
    prop::collection::vec((gap, 0..3usize, 0..keys), 1..600)
}

proptest! {
    #[test]
    fn no_key_has_more_than_its_rate_on_all_cores(steps in steps(6)) {
        counts_as_it_should(1000, BURST, &steps)?;
    }

    /// Most are forgotten all the time, or share a cell of the row.
    #[test]
    fn nor_where_there_is_no_room(most in 1..12usize, steps in steps(20)) {
        counts_as_it_should(most, 2, &steps)?;
    }
}

/// More keys than there is room for, of which nobody rests: there is less for each, and the map does not grow.
#[test]
fn a_flood_of_keys_stays_in_its_room() {
    let (rate, cells) = (rate(BURST), Arc::new(Cells::with_room(1024)));
    let found = Found::new(Arc::clone(&cells));
    let used_up = |key: u64, now: u64| {
        let take = || found.with(found.cells().name(&key), &at(now), |cell| rate.take(cell, ONE, &at(now)).is_ok());
        (0..=BURST).filter(|_| take()).count()
    };
    let admitted: usize = (0..100_000).map(|key| used_up(key, 1)).sum();
    assert!(cells.len() <= 1024, "{}", cells.len());
    assert!(admitted <= (1024 + ROW) * BURST as usize, "{admitted}");
    assert!(found.shelves.iter().map(|shelf| shelf.borrow().len()).sum::<usize>() <= 1024);
    // Once they rest they make room, and each has all of its burst again.
    let later = 1 + u64::from(BURST) * APART;
    // (Where a core still keeps them, a few share a cell of the row.)
    let again: usize = (0..500).map(|key| used_up(1_000_000 + key, later)).sum();
    assert!(again >= 450 * BURST as usize, "{again}");
}

/// A call is under way by the cell that it began by, whatever is forgotten meanwhile.
#[test]
fn who_has_a_call_under_way_is_not_forgotten() {
    let cells = Arc::new(Cells::with_room(SHELVES));
    let found = Found::new(Arc::clone(&cells));
    let begin = |key: &str| found.with(found.cells().name(&key), &at(1), |cell| Permit::take(cell, 1, 1));
    let under_way = begin("ann").expect("the first");
    for key in 0..10_000 {
        drop(begin(&key.to_string()));
    }
    assert!(begin("ann").is_none(), "one is under way");
    drop(under_way);
    assert!(begin("ann").is_some());
}

/// Threads that take from the same keys at one time get each burst once, however they run.
#[test]
fn cores_on_threads_share_exactly() {
    const CORES: usize = 4;
    for (room, keys) in [(1 << 12, 8), (SHELVES, 8)] {
        let (cells, start) = (Arc::new(Cells::with_room(room)), Barrier::new(CORES));
        let admitted: Vec<AtomicU64> = (0..keys).map(|_| AtomicU64::new(0)).collect();
        let core = || {
            let (rate, found) = (rate(BURST), Found::new(Arc::clone(&cells)));
            start.wait();
            for round in 0..200u64 {
                for (key, admitted) in admitted.iter().enumerate() {
                    let taken = found.with(found.cells().name(&key), &at(1), |cell| rate.take(cell, ONE, &at(1)));
                    admitted.fetch_add(u64::from(taken.is_ok()), Ordering::Relaxed);
                    // Strangers, so that much is forgotten and met again.
                    let stranger = (round, key, thread::current().id());
                    let _ = found.with(found.cells().name(&stranger), &at(1), |cell| rate.take(cell, ONE, &at(1)));
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..CORES {
                scope.spawn(core);
            }
        });
        let admitted: Vec<_> = admitted.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let exact = admitted.iter().all(|count| *count == u64::from(BURST));
        let never_more = admitted.iter().all(|count| *count <= u64::from(BURST));
        assert!(if room > SHELVES { exact } else { never_more }, "{room}: {admitted:?}");
    }
}

/// What two cores take at once is taken twice.
#[test]
fn nothing_that_is_taken_is_lost() {
    const ALL: u32 = 100_000;
    let (cells, start) = (Arc::new(Cells::with_room(SHELVES)), Barrier::new(4));
    let core = || {
        let (rate, found) = (rate(ALL), Found::new(Arc::clone(&cells)));
        start.wait();
        let take = || found.with(found.cells().name(&"one"), &at(1), |cell| rate.take(cell, ONE, &at(1)).is_ok());
        (0..ALL).take_while(|_| take()).count()
    };
    let taken = thread::scope(|scope| {
        let cores: Vec<_> = (0..4).map(|_| scope.spawn(core)).collect();
        cores.into_iter().map(|core| core.join().unwrap()).sum::<usize>()
    });
    assert_eq!(taken, ALL as usize);
}
