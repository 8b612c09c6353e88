//! Runs a test of this binary under callgrind, and reads what it counted.

use std::env;
use std::fs;
use std::process::Command;

use super::meter;

/// The instructions within each call of [`meter::counted`], less what [`meter::left_out`] took, while this ignored test runs
/// alone.
pub(crate) fn counts(test: &str, how_many: usize) -> Vec<u64> {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("counts");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet", "--dump-line=no"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    // All about one function stands together: what comes after another one of the same beginning is not seen.
    for option in ["toggle-collect", "zero-before", "dump-after"] {
        command.arg(format!("--{option}={}::counted", meter::PATH));
    }
    command.arg(format!("--toggle-collect={}::left_out", meter::PATH));
    command.arg(env::current_exe().expect("this binary"));
    let output = command.args(["--ignored", "--exact", test, "--nocapture"]).output();
    let output = output.unwrap_or_else(|error| panic!("valgrind is needed: {error} (see tests/install.sh)"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let total = |dump: usize| {
        let path = format!("{}.{dump}", out.display());
        let dump = fs::read_to_string(path).unwrap_or_else(|error| panic!("{error}: {said}"));
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a dump has its sum");
        total.trim().parse::<u64>().expect("a number")
    };
    (1..=how_many).map(total).collect()
}
