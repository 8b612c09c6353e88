//! What a `tools/call` costs between the client's parsed head and the checked answer, without the kernel: reading and
//! checking the message, the session, the head for the server, the answer's head and body, and what of them passes.

use std::cell::Cell;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use tokio::sync::mpsc;
use weir::catalog::{Catalog, Observer};
use weir::model::{Principal, RequestIds};
use weir::net::upstream::Answer;
use weir::protocol::message::{Limits, OwnedId};
use weir::protocol::revision::Era;
use weir::seal::{KeyRing, Purpose, Sealer};
use weir::stages::respond::{self, Awaited, Events, Expected};
use weir::stages::session::{self, Seal};
use weir::stages::upstream::Outgoing;
use weir::stages::wellformed::{self, Checks, Verb, WellFormed};
use weir::telemetry::trace::Trace;

const MODERN: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT id, name FROM users WHERE active AND region = $1 ORDER BY created_at DESC","region":"us-west1","limit":50,"dry":false},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"Example","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const LEGACY: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT id, name, created_at, updated_at FROM users WHERE active AND region = $1 AND plan = $2 ORDER BY created_at DESC, id ASC LIMIT 50 OFFSET 0","region":"us-west1","plan":"enterprise","limit":50,"dry":false,"explain":{"analyze":true,"format":"json","buffers":false}},"_meta":{"progressToken":42}}}"#;

const RESULT: &str = r#"{"jsonrpc":"2.0","id":42,"result":{"resultType":"complete","content":[{"type":"text","text":"[{\"id\":1,\"name\":\"Ada\"},{\"id\":2,\"name\":\"Grace\"},{\"id\":3,\"name\":\"Edsger\"},{\"id\":4,\"name\":\"Barbara\"}]"}],"structuredContent":{"rows":[{"id":1,"name":"Ada"},{"id":2,"name":"Grace"},{"id":3,"name":"Edsger"},{"id":4,"name":"Barbara"}]},"isError":false}}"#;

const PROGRESS: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":42,"progress":1,"total":4}}"#;

/// What a core has at hand.
struct Room {
    catalog: Arc<Catalog>,
    observer: Observer,
    sealer: Sealer,
    ids: RequestIds,
    caller: Principal,
}

impl Room {
    fn new() -> Self {
        let catalog = Arc::new(Catalog::new(1));
        Self {
            observer: Observer::new(Arc::clone(&catalog), mpsc::channel(1).0),
            catalog,
            sealer: KeyRing::parse(&KeyRing::generate_text()).expect("a ring").sealer(Purpose::Session),
            ids: RequestIds::new(),
            caller: Principal::anonymous(Box::default()),
        }
    }

    fn seal(&self) -> Seal<'_> {
        Seal { sealer: &self.sealer, route: "/mcp", principal: &self.caller }
    }

    /// From the client's head and body to what is written to the server.
    fn ask(&self, headers: &HeaderMap, body: &Bytes, out: &mut Vec<u8>) -> WellFormed {
        let checks = Checks { body: 4 << 20, depth: 64, catalog: &self.catalog, server: 0, awaited: &Cell::default() };
        let reading = pin!(wellformed::read(&checks, Verb::Post, headers, Full::new(body.clone())));
        let Poll::Ready(Ok(message)) = reading.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("a body that is there is read at once");
        };
        wellformed::params(&self.catalog, 0, headers, &message).expect("nothing is mirrored");
        let bound = session::bind(&self.seal(), message.era(), headers).expect("the session is ours");
        let session = bound.upstream_id();
        let length = Some(message.bytes().len());
        let (era, encodable) = (message.era(), message.may_be_encoded());
        let outgoing = Outgoing {
            id: self.ids.next(),
            trace: &Trace::Passes,
            method: "POST",
            headers,
            era,
            name: None,
            session,
            shown: [None; 2],
            more: &[],
            encodable,
            length,
        };
        outgoing.write("files.internal:3000", "/mcp", out);
        out.extend_from_slice(message.bytes());
        message
    }

    /// From what the server wrote to what passes to the client.
    fn answer(&self, message: &WellFormed, mut answer: Vec<u8>) -> (HeaderMap, Bytes) {
        let mut reader = Answer::new(false);
        let fed = reader.feed(&mut answer).expect("it is sound");
        let body = Bytes::copy_from_slice(&answer[fed.payload]);
        let checked = respond::whole(expected(message), body, &self.observer).expect("it answers");
        (respond::passing(fed.head.expect("it is whole").headers), checked.bytes)
    }
}

fn expected(message: &WellFormed) -> Expected {
    let one = message.message().expect("a single message");
    let id = OwnedId::of(one.id.as_ref().expect("a request"), message.bytes());
    Expected::new(Awaited::Request(id), message.era(), message.method(), Limits::default())
}

fn headers(more: &[(&'static str, &str)]) -> HeaderMap {
    let usual = [
        ("host", "mcp.example.com"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("accept-encoding", "gzip, deflate, br"),
        ("user-agent", "example/1.0"),
        ("content-length", "400"),
    ];
    let all = usual.iter().chain(more);
    all.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))).collect()
}

fn calls(criterion: &mut Criterion) {
    let room = Room::new();
    let none = session::bind(&room.seal(), Era::Legacy, &HeaderMap::new()).expect("no session");
    let sealed = none.outgoing(&room.seal(), "4f0c7a52-9d1e-4b0b-8a53-0f6f2d1f7a11", 7, "2025-11-25").expect("short");
    let modern = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "execute_sql")];
    let legacy = [("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", sealed.to_str().expect("ASCII"))];
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Wed, 25 Nov 2026 09:00:00 GMT\r\n";
    let answer = format!("{head}Content-Length: {}\r\n\r\n{RESULT}", RESULT.len()).into_bytes();

    let mut group = criterion.benchmark_group("tools_call");
    for (era, fields, body) in [("modern", &modern[..], MODERN), ("legacy_session", &legacy[..], LEGACY)] {
        let (headers, body) = (headers(fields), Bytes::from_static(body.as_bytes()));
        let mut out = Vec::with_capacity(4096);
        group.bench_function(format!("{era}/whole"), |bench| {
            bench.iter(|| {
                out.clear();
                let message = room.ask(black_box(&headers), &body, &mut out);
                room.answer(&message, answer.clone())
            });
        });
        group.bench_function(format!("{era}/request"), |bench| {
            bench.iter(|| {
                out.clear();
                room.ask(black_box(&headers), &body, &mut out)
            });
        });
        let message = room.ask(&headers, &body, &mut out);
        group.bench_function(format!("{era}/answer"), |bench| bench.iter(|| room.answer(&message, answer.clone())));
    }
    group.finish();

    let stream = format!("{}data: {RESULT}\n\n", format!("data: {PROGRESS}\n\n").repeat(3));
    let mut out = Vec::new();
    let id = RequestIds::new().next();
    let message = room.ask(&headers(&modern), &Bytes::from_static(MODERN.as_bytes()), &mut out);
    criterion.bench_function("events/four", |bench| {
        bench.iter(|| {
            out.clear();
            let mut events = Events::new(id, expected(&message), 16 << 20);
            events.take(black_box(stream.as_bytes()), &mut out, &room.observer).expect("within the bound");
            assert!(events.is_answered());
        });
    });
}

criterion_group!(benches, calls);
criterion_main!(benches);
