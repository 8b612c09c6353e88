//! What a call costs in instructions of user space, from the client's socket to the server's and back, so that it
//! cannot creep up unseen. `tests/instructions.txt` holds the counts, and what they were counted with; who makes a call
//! cheaper, or has reason to make it dearer, writes them anew: `WEIR_BLESS=1 cargo test --test instructions`.
//!
//! ```text
//! this test -> valgrind --tool=callgrind -> this binary again, `flows` alone
//!                                             core: reader, edge, flow, codec    counted
//!                                             client and server (`peers`)        left out
//! ```
//!
//! Instructions, unlike times, are the same on every machine that has the same toolchain, C library and processor (by
//! which the library chooses how it copies): sockets are asked only when their answer is certain, and the kernel is not
//! counted. What is left to chance is time (a clock that runs out while the machine does something else), so the median
//! of several counts is taken. Where one of them is another a count says less: then only a quarter is a finding.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[path = "instructions/callgrind.rs"]
mod callgrind;
#[path = "support/core.rs"]
mod core;
#[path = "instructions/flows.rs"]
mod flows;
#[path = "instructions/house.rs"]
mod house;
#[path = "instructions/meter.rs"]
mod meter;
#[path = "instructions/peers.rs"]
mod peers;
#[path = "instructions/policy.rs"]
mod policy;

/// How far a count may be from what was kept, in percent; and on another toolchain. Less is a finding, too: it is to be
/// kept, or it could be lost again unseen.
const TOLERANCE: f64 = 2.0;
const ELSEWHERE: f64 = 25.0;
/// What two builds of the same commit differ by, in instructions (units of code are cut elsewhere in a fresh build than
/// in one that went on from an older): of a message over standard input alone, 31 of 1,322. So little is no finding.
const OF_A_BUILD: u64 = 50;

#[test]
fn no_call_costs_more_than_was_kept() {
    let counted = Counts { with: toolchain(), calls: count() };
    if env::var_os("WEIR_BLESS").is_some() {
        fs::write(kept(), counted.text()).expect("the repository can be written");
    }
    let kept = Counts::read(&fs::read_to_string(kept()).expect("tests/instructions.txt"));
    let found = kept.against(&counted);
    assert!(found.is_empty(), "{found}\ncounted:\n{}", counted.text());
}

#[test]
#[ignore = "run by the other test, under valgrind"]
fn flows() {
    flows::count();
}

#[test]
fn a_call_that_costs_more_is_named_and_a_cheaper_one_is_to_be_kept() {
    let counts = |with: &str, calls: &[(&str, u64)]| Counts {
        with: with.to_owned(),
        calls: calls.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
    };
    let kept = counts("rustc 1", &[("a call", 10_000), ("a list", 50_000)]);
    assert_eq!(Counts::read(&kept.text()), kept);
    assert_eq!(kept.against(&counts("rustc 1", &[("a call", 10_199), ("a list", 49_001)])), "");
    let dearer = kept.against(&counts("rustc 1", &[("a call", 10_300), ("a list", 50_000)]));
    assert!(dearer.contains("a call: 10000 instructions were kept, 10300 are needed (+3.0 %)"), "{dearer}");
    assert!(dearer.contains("WEIR_BLESS=1 cargo test --test instructions"), "{dearer}");
    let cheaper = kept.against(&counts("rustc 1", &[("a call", 9_000), ("a list", 50_000)]));
    assert!(cheaper.contains("(-10.0 %)"), "{cheaper}");
    assert!(kept.against(&counts("rustc 1", &[("a call", 10_000)])).contains("a list"));
    assert!(kept.against(&counts("rustc 1", &[("a call", 10_000), ("a list", 50_000), ("new", 1)])).contains("new"));
    let short = counts("rustc 1", &[("a message", 1_000)]);
    assert_eq!(short.against(&counts("rustc 1", &[("a message", 1_050)])), "");
    assert!(short.against(&counts("rustc 1", &[("a message", 1_051)])).contains("(+5.1 %)"));
    assert_eq!(kept.against(&counts("rustc 2", &[("a call", 11_000), ("a list", 50_000)])), "");
    assert!(kept.against(&counts("rustc 2", &[("a call", 13_000), ("a list", 50_000)])).contains("(+30.0 %)"));
}

/// What each call costs, and with what that was counted.
#[derive(Debug, PartialEq)]
struct Counts {
    with: String,
    calls: Vec<(String, u64)>,
}

impl Counts {
    fn text(&self) -> String {
        let mut text = format!(
            "# Instructions of user space a call, in the tests' profile; see tests/instructions.rs.\n# {}\n",
            self.with
        );
        for (name, count) in &self.calls {
            writeln!(text, "{name:<34} {count:>8}").expect("a String takes everything");
        }
        text
    }

    fn read(text: &str) -> Self {
        let with = text.lines().nth(1).and_then(|line| line.strip_prefix("# ")).expect("what it was counted with");
        let call = |line: &str| {
            let (name, count) = line.rsplit_once(' ').expect("a name and a count");
            (name.trim().to_owned(), count.parse().expect("a count"))
        };
        Self { with: with.to_owned(), calls: text.lines().skip(2).map(call).collect() }
    }

    /// What differs from these by more than may be; empty if nothing does.
    fn against(&self, fresh: &Self) -> String {
        let same = self.with == fresh.with;
        let tolerance = if same { TOLERANCE } else { ELSEWHERE };
        let mut found = String::new();
        for (name, kept) in &self.calls {
            let Some((_, count)) = fresh.calls.iter().find(|(other, _)| other == name) else {
                found += &format!("{name}: was kept, and is counted no more\n");
                continue;
            };
            let percent = (*count as f64 / *kept as f64 - 1.0) * 100.0;
            if percent.abs() > tolerance && count.abs_diff(*kept) > OF_A_BUILD {
                found += &format!("{name}: {kept} instructions were kept, {count} are needed ({percent:+.1} %)\n");
            }
        }
        for (name, _) in fresh.calls.iter().filter(|(name, _)| self.calls.iter().all(|(kept, _)| kept != name)) {
            found += &format!("{name}: is counted, and was not kept\n");
        }
        if !found.is_empty() {
            found += &format!(
                "More than {tolerance} % and {OF_A_BUILD} instructions is a finding. Is the profile that of Cargo.toml? Then see what has changed \
                 (callgrind_annotate), and if it is to stay: WEIR_BLESS=1 cargo test --test instructions\n"
            );
            if !same {
                found += &format!("kept with {}\nhere is   {}\n", self.with, fresh.with);
            }
        }
        found
    }
}

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions.txt")
}

/// What a count depends on beside our own code.
fn toolchain() -> String {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let output = output.unwrap_or_else(|error| panic!("`{program}` is needed: {error} (see tests/install.sh)"));
        String::from_utf8(output.stdout).expect("it is text").trim().to_owned()
    };
    let library = said("getconf", "GNU_LIBC_VERSION");
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor =
        processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|of| of.1);
    let processor = processor.unwrap_or(env::consts::ARCH);
    format!("{}, {library}, {}, {processor}", said("rustc", "-V"), said("valgrind", "--version"))
}

/// Runs [`flows`] under callgrind.
fn count() -> Vec<(String, u64)> {
    let totals = callgrind::counts("flows", flows::NAMES.len() * flows::TIMES);
    let of = |(name, times): (&&str, &[u64])| {
        let mut times = times.to_vec();
        times.sort_unstable();
        ((*name).to_owned(), times[flows::TIMES / 2] / flows::CALLS as u64)
    };
    flows::NAMES.iter().zip(totals.chunks(flows::TIMES)).map(of).collect()
}
