//! What checking arguments against a tool's schema costs: those that fit, those that do not, and what compiling takes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use weir::catalog::{Checked, Schema};

/// A search, as tools in the field have it.
const SEARCH: &str = r##"{"type":"object","properties":{"query":{"type":"string","minLength":1,"maxLength":400},"limit":{"type":"integer","minimum":1,"maximum":100},"sort":{"enum":["relevance","newest","oldest"]},"filters":{"type":"array","maxItems":20,"items":{"$ref":"#/$defs/filter"}}},"required":["query"],"additionalProperties":false,"$defs":{"filter":{"type":"object","properties":{"field":{"type":"string","pattern":"^[a-z_]{1,40}$"},"value":{"anyOf":[{"type":"string"},{"type":"number"}]}},"required":["field","value"]}}}"##;

const FITS: &str = r#"{"query":"gateways for the model context protocol","limit":10,"sort":"newest","filters":[{"field":"language","value":"en"},{"field":"year","value":2026}]}"#;
const FAULTY: &str =
    r#"{"query":"","limit":1000,"sort":"best","filters":[{"field":"Language","value":null},{"value":2026}],"page":2}"#;

fn arguments(c: &mut Criterion) {
    let schema = Schema::compile(SEARCH.as_bytes()).expect("a sound schema");
    assert_eq!(schema.check(FITS.as_bytes()), Checked::Fits);
    let list = format!("[{}]", vec![FITS; 200].join(","));
    let many = Schema::compile(format!(r#"{{"items":{SEARCH}}}"#).replace("#/$defs", "#/items/$defs").as_bytes());
    let many = many.expect("a sound schema");
    assert_eq!(many.check(list.as_bytes()), Checked::Fits);
    let mut group = c.benchmark_group("arguments");
    group.bench_function("fit", |b| b.iter(|| schema.check(black_box(FITS.as_bytes()))));
    group.bench_function("faulty", |b| b.iter(|| schema.check(black_box(FAULTY.as_bytes()))));
    group.bench_function("200_elements", |b| b.iter(|| many.check(black_box(list.as_bytes()))));
    group.bench_function("compile", |b| b.iter(|| Schema::compile(black_box(SEARCH.as_bytes()))));
    group.finish();
}

criterion_group!(benches, arguments);
criterion_main!(benches);
