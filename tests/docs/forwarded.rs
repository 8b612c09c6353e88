//! `docs/OPERATIONS.md` names the fields that stay here, and no others: the lists in the code are the truth.

use std::{collections::BTreeSet, fs};

use super::markdown::Document;

/// The functions that decide whether a field passes.
const LISTS: [(&str, &str); 4] = [
    ("src/stages/upstream/head.rs", "fn passes("),
    ("src/stages/respond/head.rs", "fn passes("),
    ("src/protocol/hop_by_hop.rs", "fn has("),
    ("src/protocol/hop_by_hop.rs", "fn is_end_to_end("),
];

#[test]
fn the_fields_that_stay_are_the_ones_of_the_code() {
    let built: BTreeSet<_> = LISTS.iter().flat_map(|(file, function)| literals(file, function)).collect();
    let page = Document::read(&super::root().join("docs/OPERATIONS.md"));
    let rows = page.section("## What is forwarded");
    let rows = rows.lines().filter(|row| row.starts_with("| stay here") || row.starts_with("| depends"));
    let told: BTreeSet<_> = rows.flat_map(|row| row.split('`').skip(1).step_by(2).map(plain)).collect();
    // Written anew in every head, so that the page has them among ours.
    let ours = ["host", "content-length", "accept-encoding", "mcp-session-id", "x-request-id"].map(str::to_owned);
    let kept: BTreeSet<_> = built.difference(&ours.into()).cloned().collect();
    assert_eq!(kept, told, "the code on the left, docs/OPERATIONS.md on the right");
}

/// A field's name, or the part of it that counts.
fn plain(name: &str) -> String {
    name.trim_matches(['*', '-']).to_ascii_lowercase()
}

/// The text literals of a function.
fn literals(file: &str, function: &str) -> Vec<String> {
    let text = fs::read_to_string(super::root().join(file)).unwrap();
    let (_, rest) = text.split_once(function).unwrap_or_else(|| panic!("{file} has no {function}"));
    let indent = text[..text.len() - rest.len() - function.len()].rsplit('\n').next().unwrap_or_default();
    let indent = indent.replace("pub ", "");
    let body = rest.split(&format!("\n{indent}}}\n")).next().unwrap();
    body.split('"').skip(1).step_by(2).map(plain).collect()
}
