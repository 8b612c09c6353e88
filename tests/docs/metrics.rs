//! The table of `docs/METRICS.md`: the closed list of metrics, as the code has it.

use std::{collections::BTreeSet, fs};

use weir::telemetry::METRICS;

const BEGIN: &str = "<!-- begin table -->\n";
const END: &str = "<!-- end table -->";

#[test]
fn the_table_of_metrics_is_fresh() {
    let file = super::root().join("docs/METRICS.md");
    let page = fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the table has a beginning");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    let fresh = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(&file, &fresh).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept == fresh, "docs/METRICS.md is stale: WEIR_BLESS=1 cargo test --test docs");
}

fn table() -> String {
    let mut text = "| metric | labels | unit | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for metric in METRICS {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        text.push_str(&format!(
            "| `{}` ({}) | {} | {} | {} |\n",
            metric.name,
            metric.kind,
            labels.join(", "),
            metric.unit,
            metric.help
        ));
    }
    text
}

#[test]
fn no_page_names_a_metric_that_is_not_there() {
    let known: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    let mut seen = 0;
    for page in super::pages() {
        for code in page.code_lines() {
            let words = code.split(|ends: char| !(ends.is_ascii_alphanumeric() || ends == '_'));
            // What ends so is the beginning of a key.
            for word in words.filter(|word| word.starts_with("weir_") && !word.ends_with('_')) {
                let suffixes = ["_bucket", "_sum", "_count"];
                let base = suffixes.iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
                assert!(known.contains(base), "{}: there is no metric {word}", page.name());
                seen += 1;
            }
        }
    }
    assert!(seen > METRICS.len(), "the metrics were not found");
}
