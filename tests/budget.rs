//! A hostile rule set and hostile arguments together never hold a core longer than a millisecond: deciding on the worst
//! body that we know of is counted in instructions (valgrind), which say the same on every machine.
//!
//! ```text
//! this test -> valgrind --tool=callgrind -> this binary again, `decisions` alone
//!                                             `Rules::decide` under one budget      counted
//!                                             compiling rules, reading the body     left out
//! ```
//!
//! A core does some six million instructions in a millisecond (3 GHz, two at once). Built as a release, no case took many
//! more; in the profile of tests most take half as many again, and those that look through text more, since nothing is done
//! for many bytes at once there: so the bounds are twice that, and for a case that only does this what it says itself.

#[path = "instructions/callgrind.rs"]
mod callgrind;
#[path = "budget/hostile.rs"]
mod hostile;
#[path = "instructions/meter.rs"]
#[expect(dead_code, reason = "nothing is left out here")]
mod meter;

#[test]
fn no_decision_holds_a_core_longer_than_a_millisecond() {
    let counted = count();
    let said: String = counted.iter().map(|(name, count)| format!("{count:>10} {name}\n")).collect();
    println!("{said}");
    let cases = hostile::cases();
    let dear: Vec<_> = cases.iter().zip(&counted).filter(|(case, (_, count))| *count > case.most).collect();
    let dear: Vec<_> = dear.iter().map(|(case, (name, count))| format!("{name}: {count} of {}", case.most)).collect();
    assert!(dear.is_empty(), "more instructions than may be: {dear:?}\nall:\n{said}");
}

#[test]
#[ignore = "run by the other test, under valgrind"]
fn decisions() {
    for case in hostile::cases() {
        case.run(&mut |decide| meter::counted(decide));
    }
}

/// The cases are as bad as they are said to be: each spends its whole budget, or says why it does not.
#[test]
fn every_case_spends_its_budget() {
    let mut unspent = Vec::new();
    for case in hostile::cases() {
        let left = case.run(&mut |decide| decide());
        if left > 0 && !case.is_bounded_otherwise {
            unspent.push((case.name, left));
        }
    }
    assert!(unspent.is_empty(), "steps that are left: {unspent:?}");
}

/// Runs [`decisions`] under callgrind.
fn count() -> Vec<(&'static str, u64)> {
    let cases = hostile::cases();
    let counts = callgrind::counts("decisions", cases.len());
    cases.iter().zip(counts).map(|(case, count)| (case.name, count)).collect()
}
