//! Holds the code of `src` to the house: the floor table in `src/lib.rs`, the homes of crates, and the habits.
//!
//! There is no list of exceptions. Each rule is tried on small sources in `architecture/proof.rs`: a check that cannot
//! fail is a defect.

#[path = "architecture/floors.rs"]
mod floors;
#[path = "architecture/habits.rs"]
mod habits;
#[path = "architecture/homes.rs"]
mod homes;
#[path = "architecture/lexer.rs"]
mod lexer;
#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/proof.rs"]
mod proof;
#[path = "architecture/rule.rs"]
mod rule;
#[path = "architecture/source.rs"]
mod source;

use std::path::Path;

use rule::Finding;
use source::Sources;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn none(found: &[Finding]) {
    let shown: Vec<String> = found.iter().map(Finding::to_string).collect();
    assert!(found.is_empty(), "{} broken:\n{}\n", found.len(), shown.join("\n"));
}

#[test]
fn every_file_is_read_and_reached() {
    let sources = Sources::read(root(), "src");
    assert!(sources.files.len() > 1, "nothing was found to check");
    none(&sources.unreadable);
    none(&sources.unreachable());
}

#[test]
fn imports_go_downwards() {
    none(&floors::check(&Sources::read(root(), "src")));
}

#[test]
fn crates_stay_at_home() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest of this crate");
    let dependencies = homes::dependencies(&manifest);
    assert!(!dependencies.is_empty(), "no [dependencies] were read");
    none(&homes::check(&Sources::read(root(), "src"), &dependencies));
}

#[test]
fn habits_hold_in_what_ships() {
    none(&habits::check(&Sources::read(root(), "src")));
}

#[test]
fn habits_hold_in_what_does_not_ship() {
    for folder in ["tests", "benches", "loadtest"].into_iter().filter(|folder| root().join(folder).exists()) {
        let sources = Sources::read(root(), folder);
        none(&sources.unreadable);
        none(&habits::check_any(&sources));
    }
}
