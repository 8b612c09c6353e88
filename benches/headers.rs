//! What the checks of the 2026-07-28 headers cost a `tools/call`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};
use weir::protocol::{
    headers::{ParamHeaders, check_names, check_version},
    json::{self, Kind, Span, Value},
    message::{Body, Limits, Message, read_client},
};

const CALL: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT id, name, created_at FROM users WHERE active AND region = $1 ORDER BY created_at DESC LIMIT 50","region":"us-west1","limit":50,"dry":false},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"ExampleClient","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const SCHEMA: &str = r#"{"type":"object","properties":{"query":{"type":"string"},"region":{"type":"string","x-mcp-header":"Region"},"limit":{"type":"integer","x-mcp-header":"Limit"},"dry":{"type":"boolean","x-mcp-header":"Dry"}},"required":["query","region"]}"#;

fn headers() -> HeaderMap {
    let all = [
        ("host", "mcp.example.com"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("user-agent", "example/1.0"),
        ("content-length", "487"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "execute_sql"),
        ("mcp-param-region", "us-west1"),
        ("mcp-param-limit", "50"),
        ("mcp-param-dry", "false"),
    ];
    all.into_iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn message() -> Message {
    match read_client(CALL.as_bytes(), &Limits::default()) {
        Ok(Body::One(message)) => message,
        other => panic!("the call is one message: {other:?}"),
    }
}

fn standard(c: &mut Criterion) {
    let (headers, message) = (headers(), message());
    c.bench_function("headers/standard", |b| {
        b.iter(|| {
            let (headers, message) = (black_box(&headers), black_box(&message));
            let version = check_version(headers, message, CALL.as_bytes()).expect("the version matches");
            check_names(headers, message, CALL.as_bytes()).expect("the names match");
            black_box(version);
        });
    });
}

fn params(c: &mut Criterion) {
    let (headers, message) = (headers(), message());
    json::check(SCHEMA.as_bytes(), 64).expect("the schema is JSON");
    let schema = Value { span: Span { start: 0, end: SCHEMA.len() as u32 }, kind: Kind::Object, escaped: false };
    let tool = ParamHeaders::read(SCHEMA.as_bytes(), schema).expect("the annotations are valid");
    c.bench_function("headers/three_params", |b| {
        b.iter(|| {
            let arguments = black_box(&message).fields.arguments;
            tool.check(black_box(&headers), arguments, CALL.as_bytes()).expect("the headers match");
        });
    });
}

criterion_group!(benches, standard, params);
criterion_main!(benches);
