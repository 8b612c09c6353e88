//! What is said of texts that are no good expressions: tests/mistakes.txt, which `WEIR_BLESS=1` writes anew.

use std::fmt::Write as _;

use super::super::{Expected, Expression};

const KNOWN: &str = include_str!("mistakes.txt");

/// A text and what is said of it, with carets under the fault.
fn shown(text: &str) -> String {
    let mut out = format!("> {text}\n");
    match Expression::compile(text, Expected::Bool) {
        Ok(_) => out.push_str("  compiles\n"),
        Err(flaws) => {
            for flaw in flaws {
                let before = text.get(..flaw.span.start).expect("a flaw begins at a character").chars().count();
                let under = text.get(flaw.span.clone()).expect("a flaw ends at a character").chars().count().max(1);
                writeln!(out, "  {}{} {}", " ".repeat(before), "^".repeat(under), flaw.message).expect("a String");
            }
        }
    }
    out
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let texts = KNOWN.lines().filter_map(|line| line.strip_prefix("> "));
    let now: String = texts.map(shown).collect();
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/stages/rules/expression/tests/mistakes.txt"), &now)
            .expect("the file is written");
        return;
    }
    assert_eq!(now, KNOWN, "run it with WEIR_BLESS=1 and look at what has changed");
    assert!(!now.contains("  compiles"), "each of them is a mistake");
}
