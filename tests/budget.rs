//! A hostile rule set and hostile arguments together never hold a core longer than a millisecond: deciding on the worst
//! body that we know of is counted in instructions (valgrind), which say the same on every machine.
//!
//! ```text
//! this test -> valgrind --tool=callgrind -> this binary again, `decisions` alone
//!                                             `Rules::decide` under one budget      counted
//!                                             compiling rules, reading the body     left out
//! ```
//!
//! The bound is what a core does in a millisecond at 3 GHz, with two instructions at once. In the profile of tests a
//! decision takes a multiple of what it takes in that of releases, for which each bound says how much it is: what holds
//! here holds there.

use std::env;
use std::fs;
use std::process::Command;

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
    let dear: Vec<_> = counted.iter().filter(|(_, count)| *count > BOUND).collect();
    assert!(dear.is_empty(), "more than {BOUND} instructions: {dear:?}\nall:\n{said}");
}

/// Instructions of a decision in the profile of tests.
const BOUND: u64 = 12_000_000;

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
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("counts");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet", "--dump-line=no"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    for option in ["toggle-collect", "zero-before", "dump-after"] {
        command.arg(format!("--{option}={}::counted", meter::PATH));
    }
    command.arg(env::current_exe().expect("this binary"));
    let output = command.args(["--ignored", "--exact", "decisions", "--nocapture"]).output();
    let output = output.unwrap_or_else(|error| panic!("valgrind is needed: {error} (see tests/install.sh)"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let total = |dump: usize| {
        let path = format!("{}.{dump}", out.display());
        let dump = fs::read_to_string(path).unwrap_or_else(|error| panic!("{error}: {said}"));
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a dump has its sum");
        total.trim().parse::<u64>().expect("a number")
    };
    hostile::cases().iter().enumerate().map(|(at, case)| (case.name, total(at + 1))).collect()
}
