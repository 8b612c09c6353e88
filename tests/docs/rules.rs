//! `docs/RULES.md`: every rule on it stands in an example that a test sends messages through, and every name is one that
//! expressions have.

use std::fs;

use weir::stages::rules::expression;

#[test]
fn every_rule_on_the_page_is_one_of_an_example() {
    let page = fs::read_to_string(super::root().join("docs/RULES.md")).unwrap();
    let examples = ["rules.toml", "rules-faults.toml"]
        .map(|name| fs::read_to_string(super::root().join("config/examples").join(name)).unwrap());
    let mut seen = 0;
    for block in page.split("```toml\n").skip(1) {
        let (block, _) = block.split_once("```").expect("it ends");
        for rule in block.trim_end().split("\n\n") {
            assert!(examples.iter().any(|text| text.contains(&format!("{rule}\n"))), "in no example:\n{rule}");
            seen += 1;
        }
    }
    let written: usize = examples.iter().map(|text| text.matches("[[rules]]\n").count()).sum();
    assert!(seen >= 10 && seen == written, "{seen} rules on the page, {written} in the examples");
}

#[test]
fn every_name_of_expressions_is_on_the_page() {
    let page = fs::read_to_string(super::root().join("docs/RULES.md")).unwrap();
    for (name, ..) in expression::names() {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}
