//! What a sealed session costs a request: one `open`; and what it costs `initialize`: one `seal`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use weir::seal::{KeyRing, Purpose, Short, session::SessionId};

const NOW: u64 = 1_800_000_000;

fn sessions(criterion: &mut Criterion) {
    let ring = KeyRing::parse(&KeyRing::generate_text()).expect("a generated ring is one");
    let sealer = ring.sealer(Purpose::Session);
    let session = SessionId {
        revision: Short::new("2025-11-25").expect("a revision is short"),
        issued: NOW,
        node: Short::default(),
        endpoint: 7,
        upstream: "1868a90c-3f4e-4c5a-9d0a-5f6c2b7d8e9f".to_owned(),
    };
    let text = session.seal(&sealer, "/mcp", "").expect("a UUID fits");
    let stranger = KeyRing::parse(&KeyRing::generate_text()).expect("a generated ring is one");
    let foreign = session.seal(&stranger.sealer(Purpose::Session), "/mcp", "").expect("a UUID fits");

    criterion.bench_function("open a session", |bencher| {
        bencher.iter(|| SessionId::open(&sealer, "/mcp", "", black_box(&text), NOW));
    });
    criterion.bench_function("open a foreign session", |bencher| {
        bencher.iter(|| SessionId::open(&sealer, "/mcp", "", black_box(&foreign), NOW));
    });
    criterion.bench_function("seal a session", |bencher| {
        bencher.iter(|| black_box(&session).seal(&sealer, "/mcp", ""));
    });
    criterion.bench_function("derive a sealer", |bencher| bencher.iter(|| ring.sealer(Purpose::Session)));
}

criterion_group!(benches, sessions);
criterion_main!(benches);
