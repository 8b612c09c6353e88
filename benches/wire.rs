//! The readers of what comes over the wire, below MCP: a client's request, a server's answer, an event stream.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use weir::net::guard::{HeadLimits, Reader};
use weir::net::upstream::Answer;
use weir::protocol::sse;

const BODY: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}"#;
const LIMITS: HeadLimits = HeadLimits { head: 8 << 10, headers: 64 };

/// A call as clients send it, with a token of 600 bytes.
fn request() -> Bytes {
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nAccept: application/json, \
         text/event-stream\r\nAuthorization: Bearer {}\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n\
         Mcp-Name: echo\r\nContent-Length: {}\r\n\r\n",
        "t".repeat(600),
        BODY.len()
    );
    (head + BODY).into()
}

fn clients(criterion: &mut Criterion) {
    let request = request();
    let mut group = criterion.benchmark_group("request");
    group.throughput(Throughput::Bytes(request.len() as u64));
    let mut reader = Reader::new(LIMITS);
    group.bench_function("head and body", |bench| {
        bench.iter(|| {
            let mut input = black_box(request.clone());
            while let Some(part) = reader.next(&mut input).expect("it is plain HTTP/1.1") {
                black_box(part);
            }
        });
    });
    group.finish();
}

fn servers(criterion: &mut Criterion) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 28 Nov 2026 06:00:00 GMT\r\n";
    let whole = format!("{head}Content-Length: {}\r\n\r\n{BODY}", BODY.len()).into_bytes();
    let chunk = format!("{:x}\r\n{BODY}\r\n", BODY.len());
    let chunks = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(4)).into_bytes();
    let mut group = criterion.benchmark_group("answer");
    for (name, text) in [("of known length", whole), ("in four chunks", chunks)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bench| {
            // Chunk lines are taken out in place, so that each answer needs a copy of its own.
            let answer = |mut text: Vec<u8>| {
                let mut answer = Answer::new(false);
                black_box(answer.feed(&mut text).expect("it is plain HTTP/1.1"));
                assert!(answer.is_done());
            };
            bench.iter_batched(|| text.clone(), answer, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn events(criterion: &mut Criterion) {
    let stream = format!("id: 17\nevent: message\ndata: {BODY}\n\n").repeat(4);
    let mut group = criterion.benchmark_group("events");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    let mut reader = sse::Reader::new(1 << 20);
    let mut out = Vec::new();
    group.bench_function("four read and written", |bench| {
        bench.iter(|| {
            out.clear();
            reader.push(black_box(stream.as_bytes()));
            while let Some(block) = reader.next().expect("it is short") {
                sse::write_block(&mut out, &block);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, clients, servers, events);
criterion_main!(benches);
