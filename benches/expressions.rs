//! What expressions of rules cost a message.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};
use weir::{
    model::{Address, Caller, Means, Principal},
    protocol::{
        json::{Kind, Span, Value},
        revision::Era,
    },
    stages::rules::expression::{Budget, Expected, Expression, Facts, Json, Tool},
};

const ARGUMENTS: &str = r#"{"query":"SELECT id, name, created_at FROM users WHERE active AND region = $1 ORDER BY created_at DESC LIMIT 50","region":"us-west1","limit":50,"dry":false,"tags":["a","b","c","d"]}"#;

const DEFINITION: &str = r#"{"name":"execute_sql","description":"Runs a query","inputSchema":{"type":"object","properties":{"query":{"type":"string"},"region":{"type":"string"}},"required":["query"]},"annotations":{"readOnlyHint":false,"destructiveHint":true}}"#;

struct Call {
    principal: Principal,
    headers: HeaderMap,
    arguments: String,
}

impl Call {
    fn new(arguments: String) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
        let principal = Principal::new(Caller {
            means: Means::Jwt,
            issuer: "https://idp.example".into(),
            subject: "ann".into(),
            roles: texts(&["user", "analyst", "operator"]),
            scopes: texts(&["db:read", "db:write"]),
        });
        let headers = [("host", "mcp.example.com"), ("accept", "application/json"), ("x-team", "blue")];
        let headers = headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Self { principal, headers: headers.into_iter().collect(), arguments }
    }
}

fn whole(text: &str) -> Json<'_> {
    let span = Span { start: 0, end: u32::try_from(text.len()).expect("short") };
    Json { bytes: text.as_bytes(), value: Value { span, kind: Kind::Object, escaped: false }, marks: &[] }
}

impl Facts for Call {
    fn principal(&self) -> &Principal {
        &self.principal
    }
    fn method(&self) -> &str {
        "tools/call"
    }
    fn name(&self) -> &str {
        "execute_sql"
    }
    fn uri(&self) -> &str {
        ""
    }
    fn era(&self) -> Era {
        Era::Modern
    }
    fn tool(&self) -> Tool<'_> {
        Tool::Known(whole(DEFINITION))
    }
    fn arguments(&self) -> Option<Json<'_>> {
        Some(whole(&self.arguments))
    }
    fn path(&self) -> &str {
        "/mcp"
    }
    fn route(&self) -> &str {
        "main"
    }
    fn address(&self) -> Address {
        [192, 0, 2, 7].into()
    }
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }
    fn server(&self) -> &str {
        "db"
    }
    fn time(&self) -> i64 {
        1_795_876_245
    }
}

fn expressions(criterion: &mut Criterion) {
    let call = Call::new(ARGUMENTS.to_owned());
    for (name, text) in [
        ("role", "!('operator' in principal.roles)"),
        ("hint", "message.tool.annotations.destructiveHint"),
        ("argument", "arguments.region == 'us-west1' && arguments.limit < 100"),
        ("size", "size(arguments.query) > 10000"),
        ("pattern", r"arguments.query.matches('(?i)\\b(drop|truncate|alter)\\b')"),
        ("loop", "arguments.tags.exists(tag, tag == 'd')"),
        ("header", "request.headers['x-team'] == 'blue'"),
    ] {
        let expression = Expression::compile(text, Expected::Bool).expect("it compiles");
        criterion.bench_function(&format!("expression/{name}"), |bencher| {
            bencher.iter(|| black_box(&expression).decide(&call, &mut Budget::default()));
        });
    }
    let text = "principal.roles.exists(role, role == 'operator') && arguments.limit < 100";
    criterion.bench_function("expression/compile", |bencher| {
        bencher.iter(|| Expression::compile(black_box(text), Expected::Bool));
    });
}

/// A whole budget, spent in the ways in which a step takes longest: each of these is less than a millisecond.
fn budgets(criterion: &mut Criterion) {
    let list = |element: &str, count: usize| format!("{{\"l\":[{}]}}", vec![element; count].join(","));
    for (name, text, arguments) in [
        ("members", "arguments.l.all(x, ['a', 'b'].all(y, x != y))", list("1", 20_000)),
        ("nested", "arguments.x == 1", list("[]", 1_000_000)),
        ("objects", "arguments.l.all(x, x.a == 1)", list("{\"a\":1}", 100_000)),
        ("escapes", "arguments.l.all(x, x != 'b')", list("\"\\u0061\\u0061\\u0061\\u0061\"", 100_000)),
        (
            "doubles",
            "arguments.l.all(x, x > 0)",
            list("2.2250738585072011360574097967091319759348195463516456e-308", 1000),
        ),
        ("text", "arguments.l.contains('aaaaaaab')", format!("{{\"l\":\"{}\"}}", "a".repeat(4_000_000))),
        ("pattern", "arguments.l.matches('a[ab]{12}c')", format!("{{\"l\":\"{}\"}}", "ab".repeat(11000))),
        ("copies", "arguments.l + arguments.l == arguments.l", format!("{{\"l\":\"{}\"}}", "a".repeat(200_000))),
    ] {
        let call = Call::new(arguments);
        let expression = Expression::compile(text, Expected::Bool).expect("it compiles");
        criterion.bench_function(&format!("budget/{name}"), |bencher| {
            bencher.iter(|| black_box(&expression).decide(&call, &mut Budget::default()));
        });
    }
}

criterion_group!(benches, expressions, budgets);
criterion_main!(benches);
