//! The strict reader beside `serde_json`'s `RawValue`, which checks less and reads nothing.

use std::{fmt::Write, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::value::RawValue;
use weir::protocol::{
    json,
    message::{Limits, Progressive, read_client, read_server},
};

/// A `tools/call` of 420 bytes, as a client of the 2026-07-28 era sends it.
fn call() -> String {
    let mut call = String::from(
        r#"{"jsonrpc":"2.0","id":1234,"method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Zürich","country":"Switzerland","units":"metric","days":3,"hourly":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/clientInfo":{"name":"example","version":"1.2.3"},"progressToken":"#,
    );
    call.push('"');
    while call.len() < 420 - 4 {
        call.push('t');
    }
    call.push_str("\"}}}");
    call
}

/// An answer to `tools/list` of about so many bytes.
fn list(bytes: usize) -> String {
    let mut list = String::from(r#"{"jsonrpc":"2.0","id":1234,"result":{"tools":["#);
    let mut number = 0;
    while list.len() < bytes {
        let comma = if number == 0 { "" } else { "," };
        write!(
            list,
            r#"{comma}{{"name":"tool_{number}","title":"Tool number {number}","description":"Looks up what was asked for, and says \"nothing\" where there is nothing to say.","inputSchema":{{"type":"object","properties":{{"city":{{"type":"string","description":"A city"}},"days":{{"type":"integer","minimum":1,"maximum":14}}}},"required":["city"]}},"annotations":{{"readOnlyHint":true}}}}"#
        )
        .expect("a String takes it");
        number += 1;
    }
    list.push_str("]}}");
    list
}

fn readers(criterion: &mut Criterion) {
    let limits = Limits::default();
    let call = call();
    let mut group = criterion.benchmark_group("call_420");
    group.throughput(Throughput::Bytes(call.len() as u64));
    group.bench_function("read_client", |bench| bench.iter(|| read_client(black_box(call.as_bytes()), &limits)));
    group.bench_function("check", |bench| bench.iter(|| json::check(black_box(call.as_bytes()), 64)));
    group.bench_function("raw_value", |bench| bench.iter(|| raw(&call)));
    group.finish();

    let answer = list(8 << 10);
    let mut group = criterion.benchmark_group("list_8k");
    group.throughput(Throughput::Bytes(answer.len() as u64));
    group.bench_function("read_server", |bench| bench.iter(|| read_server(black_box(answer.as_bytes()), &limits)));
    group.bench_function("check", |bench| bench.iter(|| json::check(black_box(answer.as_bytes()), 64)));
    group.bench_function("raw_value", |bench| bench.iter(|| raw(&answer)));
    group.finish();

    let answer = list(100 << 10);
    let mut group = criterion.benchmark_group("list_100k");
    group.throughput(Throughput::Bytes(answer.len() as u64));
    group.bench_function("progressive_16k_chunks", |bench| {
        bench.iter(|| {
            let mut progressive = Progressive::new(&limits);
            for chunk in black_box(answer.as_bytes()).chunks(16 << 10) {
                progressive.push(chunk).expect("it is sound");
            }
            progressive.finish()
        });
    });
    group.bench_function("read_server", |bench| bench.iter(|| read_server(black_box(answer.as_bytes()), &limits)));
    group.bench_function("raw_value", |bench| bench.iter(|| raw(&answer)));
    group.finish();
}

fn raw(text: &str) -> serde_json::Result<&RawValue> {
    serde_json::from_slice(black_box(text.as_bytes()))
}

criterion_group!(benches, readers);
criterion_main!(benches);
