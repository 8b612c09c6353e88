//! `loadtest/compare` works: a short run has all its rows, an interrupted one leaves nothing. No timing is asserted.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const HISTORY: &str = "# Results\n\n<!-- The newest run: written by loadtest/compare. -->\nthe run before\n\
    <!-- Older runs, by hand. -->\n\n## Before\n\nkept\n";

const PROXIES: &[&str] = &["nginx", "haproxy", "weir", "weir-whole"];
/// Each tool once: wrk, h2load, and the two clients of our own; on both legs; Weir's command, and its cores.
const EXPECTED: [(&str, &[&str]); 7] = [
    ("call-64", PROXIES),
    ("call-h2", PROXIES),
    ("connect-tls", PROXIES),
    ("stdio", &["weir", "weir-stdio"]),
    ("cores-2", &["weir", "weir-2-cores"]),
    ("growth", &["weir"]),
    ("idle-tls", PROXIES),
];

/// The command, its files below `directory`.
fn compare(directory: &Path) -> Command {
    for (program, package) in [
        ("nginx", "nginx"),
        ("haproxy", "haproxy"),
        ("wrk", "wrk"),
        ("h2load", "nghttp2-client"),
        ("openssl", "openssl"),
    ] {
        let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
        assert!(
            paths.split(':').any(|folder| Path::new(folder).join(program).is_file()),
            "{program} is missing (Debian: apt-get install {package}); tests/install.sh says more"
        );
    }
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest/compare"));
    command.args(["--quick", "--no-install", "--weir", env!("CARGO_BIN_EXE_weir"), "--out"]).arg(directory);
    command.env("TMPDIR", directory).stdin(Stdio::null());
    command
}

/// What is left of a run: its temporary directory, and processes that have inherited where that is.
fn left(directory: &Path) -> Vec<String> {
    let begins = directory.join("weir-load-").display().to_string();
    let inherited = format!("TMPDIR={}\0", directory.display());
    let mut found: Vec<String> = fs::read_dir(directory)
        .expect("the test's directory")
        .map(|entry| entry.expect("an entry").path().display().to_string())
        .filter(|path| path.starts_with(&begins))
        .collect();
    let knows = |file: &Path| String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).contains(&inherited);
    for entry in fs::read_dir("/proc").expect("Linux has it").flatten() {
        if knows(&entry.path().join("environ")) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&line).replace('\0', " "));
        }
    }
    found
}

#[test]
fn a_short_run_has_all_its_rows() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("RESULTS.md"), HISTORY).expect("a page that was there");
    let scenarios = EXPECTED.iter().map(|(scenario, _)| scenario);
    let output = compare(directory.path()).args(scenarios).output().expect("python3 runs");
    let (shown, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{shown}\n{errors}", output.status);
    assert_eq!(left(directory.path()), Vec::<String>::new());

    let raw = fs::read(directory.path().join("results.json")).expect("the raw figures");
    let raw: Value = serde_json::from_slice(&raw).expect("JSON");
    for fact in ["kernel", "cpu", "cores"] {
        assert!(!raw["machine"][fact].is_null(), "{fact}");
    }
    let rows = raw["rows"].as_array().expect("rows");
    rows.iter().for_each(is_whole);
    let named: Vec<_> = rows.iter().map(|row| (text(&row["scenario"]), text(&row["front"]))).collect();
    let expected = EXPECTED.iter().flat_map(|(scenario, fronts)| fronts.iter().map(|front| (*scenario, *front)));
    assert_eq!(named, expected.collect::<Vec<_>>());

    let page = fs::read_to_string(directory.path().join("RESULTS.md")).expect("the page");
    assert!(!page.contains("the run before") && page.ends_with("\n## Before\n\nkept\n"), "{page}");
    for (scenario, front) in named {
        let is_of = |line: &&str| line.starts_with(&format!("| {scenario} ")) && line.contains(&format!("| {front} "));
        for table in [&*page, &*shown] {
            assert_eq!(table.lines().filter(is_of).count(), 1, "{scenario}, {front}:\n{table}");
        }
    }
}

/// A row with a figure and its ratios, which says that it is not to be trusted: it is of one round.
fn is_whole(row: &Value) {
    assert!(row["cost"].as_f64().is_some_and(f64::is_finite), "{row}");
    assert!(row["doubts"].as_array().is_some_and(|doubts| doubts.iter().any(|doubt| doubt["mark"] == "few")), "{row}");
    match (text(&row["scenario"]), text(&row["front"])) {
        ("growth", _) => does_not_grow(row),
        ("stdio" | "cores-2", "weir") => {}
        ("stdio", _) => assert!(row["beside"].is_number(), "{row}"),
        ("cores-2", _) => assert!(row["beside"].is_number() && row["busiest_core"].is_number(), "{row}"),
        _ => assert!(row["cost/nginx"].is_number() && row["cost/haproxy"].is_number(), "{row}"),
    }
}

/// Between 5,000 requests and 50,000 of all kinds: a tenth, and what pages and an allocator come to.
fn does_not_grow(row: &Value) {
    let kib = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name}: {row}"));
    let (first, last) = (kib("first_kib"), kib("memory_kib"));
    assert!(first > 0 && last <= first + first / 10 + 2048, "it grows from {first} to {last} KiB: {row}");
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    // A tool that is one process, and one that has forked for each of its connections.
    for (signal, scenario, tool, processes) in
        [(Signal::INT, "stdio", "wrk -t1", 1), (Signal::TERM, "connect-tls", "handshakes.py", 1 + 8)]
    {
        let directory = tempfile::tempdir().expect("a directory");
        let mut run = compare(directory.path());
        run.args(["--seconds", "60", scenario]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = run.spawn().expect("python3 runs");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let begun = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(": round 1 of 1")));
        assert!(begun.is_some(), "the round does not begin");
        let patience = Instant::now() + Duration::from_secs(60);
        while left(directory.path()).iter().filter(|line| line.contains(tool)).count() < processes {
            assert!(Instant::now() < patience, "{tool} does not run: {:?}", left(directory.path()));
            yield_now();
        }
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        let said: Vec<_> = lines.map_while(Result::ok).collect();
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{said:?}");
        assert_eq!(left(directory.path()), Vec::<String>::new(), "{said:?}");
    }
}

#[test]
fn its_own_tests_pass() {
    let mut command = Command::new("python3");
    command
        .args(["-B", "-m", "unittest", "weirload.tests"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest"));
    let output = command.output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("Ran 0 tests"), "{said}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
