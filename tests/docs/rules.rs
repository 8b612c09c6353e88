//! `docs/RULES.md`: every rule and limit on it stands in an example that a test sends messages through, and every name is one that
//! expressions have.

use std::fs;

use weir::stages::rules::expression;

#[test]
fn every_rule_on_the_page_is_one_of_an_example() {
    let page = fs::read_to_string(super::root().join("docs/RULES.md")).unwrap();
    let examples = ["rules.toml", "rules-faults.toml", "rules-answers.toml", "limits-by-expression.toml"]
        .map(|name| fs::read_to_string(super::root().join("config/examples").join(name)).unwrap());
    let mut seen = 0;
    for block in page.split("```toml\n").skip(1) {
        let (block, _) = block.split_once("```").expect("it ends");
        for rule in block.trim_end().split("\n\n") {
            assert!(examples.iter().any(|text| text.contains(&format!("{rule}\n"))), "in no example:\n{rule}");
            seen += usize::from(rule.starts_with("[[rules]]") || rule.starts_with("[[limits]]"));
        }
    }
    let written = |text: &String| text.matches("[[rules]]\n").count() + text.matches("[[limits]]\n").count();
    let written: usize = examples.iter().map(written).sum();
    assert!(seen >= 14 && seen == written, "{seen} rules and limits on the page, {written} in the examples");
}

const BEGIN: &str = "<!-- begin names -->\n";
const END: &str = "<!-- end names -->";

#[test]
fn the_names_of_expressions_are_fresh() {
    let file = super::root().join("docs/RULES.md");
    let page = fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the table has a beginning");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    let rows: String =
        expression::names().map(|(name, of, means)| format!("| `{name}` | {of} | {means} |\n")).collect();
    let fresh = format!("{before}{BEGIN}| name | type | what it is |\n| --- | --- | --- |\n{rows}{END}{after}");
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(&file, &fresh).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept == fresh, "docs/RULES.md is stale: WEIR_BLESS=1 cargo test --test docs");
}
