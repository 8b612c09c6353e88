//! What the stdio transport costs a message beside its reading: the line with our id in the place of the client's, and
//! the cutting of what a process wrote into lines.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use weir::protocol::{
    message::{Body, Limits, Message, read_client},
    stdio::{Line, Lines, line},
};

const CALL: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT id, name, created_at FROM users WHERE active AND region = $1 ORDER BY created_at DESC LIMIT 50","region":"us-west1","limit":50,"dry":false},"_meta":{"progressToken":"a token of the client's own"}}}"#;
/// What one read brings at most.
const READ: usize = 64 * 1024;

fn message() -> Message {
    match read_client(CALL.as_bytes(), &Limits::default()) {
        Ok(Body::One(message)) => message,
        other => panic!("the call is one message: {other:?}"),
    }
}

fn mapping(criterion: &mut Criterion) {
    let message = message();
    let (id, token) = (message.id.expect("it has one").span(), message.meta.progress_token.expect("it has one").span);
    criterion.bench_function("stdio/id and token mapped", |bencher| {
        let mut out = Vec::with_capacity(1024);
        bencher.iter(|| {
            out.clear();
            let number = black_box(&b"17592186044417"[..]);
            line(black_box(CALL.as_bytes()), message.span, &[(id, number), (token, number)], &mut out);
            black_box(&out);
        });
    });
}

fn framing(criterion: &mut Criterion) {
    let text = format!("{CALL}\n");
    let read: Vec<u8> = text.bytes().cycle().take(READ).collect();
    let mut group = criterion.benchmark_group("stdio");
    group.throughput(Throughput::Elements((READ / text.len()) as u64));
    group.bench_function("a read cut into lines", |bencher| {
        bencher.iter_batched_ref(
            || Lines::new(1024 * 1024),
            |lines| {
                let mut bytes = 0;
                lines.push(black_box(&read), |line| {
                    if let Line::Whole(line) = line {
                        bytes += line.len();
                    }
                });
                bytes
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, mapping, framing);
criterion_main!(benches);
