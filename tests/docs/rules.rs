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

#[test]
fn the_names_and_functions_of_expressions_are_fresh() {
    let names = expression::names().map(|(name, of, means)| format!("| `{name}` | {of} | {means} |\n"));
    fresh("names", &format!("| name | type | what it is |\n| --- | --- | --- |\n{}", String::from_iter(names)));
    let functions = expression::functions().map(|(written, of, means)| {
        let written = written.replace(" or ", "` or `");
        format!("| `{written}` | {of} | {means} |\n")
    });
    let table = format!("| written | type | what it gives |\n| --- | --- | --- |\n{}", String::from_iter(functions));
    fresh("functions", &table);
}

/// The table of that name on the page is this one.
fn fresh(name: &str, table: &str) {
    let file = super::root().join("docs/RULES.md");
    let page = fs::read_to_string(&file).unwrap();
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = page.split_once(&begin).expect("the table has a beginning");
    let (_, after) = rest.split_once(&end).expect("the table has an end");
    let fresh = format!("{before}{begin}{table}{end}{after}");
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(&file, &fresh).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept == fresh, "docs/RULES.md is stale: WEIR_BLESS=1 cargo test --test docs");
}
