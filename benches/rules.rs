//! What it costs to ask rules about a call: by the index alone, and where expressions have to run.
//!
//! `cargo bench --bench rules`. The last rule is the one that matches, and nothing of the message is met by another.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion};
use http::HeaderMap;
use weir::config::Settings;
use weir::model::Principal;
use weir::model::grants::Named;
use weir::protocol::method::Method;
use weir::protocol::revision::Era;
use weir::stages::rules::expression::{Budget, Facts, Json, Tool};
use weir::stages::rules::{Asked, Book, Rules, Said, Verdict};

/// A call of `last`, by nobody in particular.
struct Told {
    principal: Principal,
    headers: HeaderMap,
}

impl Facts for Told {
    fn principal(&self) -> &Principal {
        &self.principal
    }
    fn method(&self) -> &str {
        "tools/call"
    }
    fn name(&self) -> &str {
        "last"
    }
    fn uri(&self) -> &str {
        ""
    }
    fn era(&self) -> Era {
        Era::Modern
    }
    fn tool(&self) -> Tool<'_> {
        Tool::Unknown
    }
    fn arguments(&self) -> Option<Json<'_>> {
        None
    }
    fn path(&self) -> &str {
        "/mcp"
    }
    fn route(&self) -> &str {
        "/mcp"
    }
    fn address(&self) -> IpAddr {
        IpAddr::from([127, 0, 0, 1])
    }
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }
    fn server(&self) -> &str {
        "files"
    }
    fn time(&self) -> i64 {
        0
    }
}

/// So many rules, of which the last one refuses.
fn rules(count: usize, by_expression: bool) -> Rules {
    let mut text = String::from("[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n");
    for at in 1..count {
        let what = match by_expression {
            true => format!("when = 'message.name == \"other_{at}\"'"),
            false => format!("tools = [\"files:other_{at}_*\"]"),
        };
        text += &format!("[[rules]]\nname = \"r{at}\"\n{what}\nthen = \"pass\"\n");
    }
    text += "[[rules]]\nname = \"last\"\ntools = [\"last\"]\nthen = \"refuse\"\n";
    let settings = Settings::parse(&text, "weir.toml").expect("it is sound");
    let book = Book::compile(Arc::new(settings.rules), ["/mcp"], ["files"]).expect("it is sound");
    Rules::new(Arc::new(book))
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let told = Told { principal: Principal::anonymous(Box::default()), headers: HeaderMap::new() };
    let roles = ["user".into()];
    for (name, by_expression) in [("index", false), ("expressions", true)] {
        let mut group = criterion.benchmark_group(format!("rules/{name}"));
        for count in [10, 100, 1000] {
            let rules = rules(count, by_expression);
            let asked = Asked {
                route: 0,
                server: 0,
                said: Said::Method(Method::ToolsCall),
                named: Some((Named::Tool, "last")),
                roles: &roles,
                headers: &told.headers,
                facts: &told,
                draw: 0,
            };
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| {
                    let decided = rules.decide(black_box(&asked), &mut Budget::default(), &mut |_, _| ());
                    assert!(matches!(decided.verdict, Verdict::Refuse { .. }));
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
