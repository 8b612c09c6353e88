//! What each check that a `tools/call` passes costs alone: the price of safety, which the binary cannot be told to save.
//!
//! `cargo bench --bench safety` gives times. `loadtest/safety` counts instructions under callgrind, beside those of a whole
//! call in this process, and prints the table; told to by `WEIR_COUNT`, this program makes what is counted there.

use std::hint::black_box;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::Criterion;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc;
use weir::catalog::{Catalog, Observer};
use weir::config::{Log, LogFormat};
use weir::edge::Names;
use weir::model::{Principal, RequestIds};
use weir::net::guard::{HeadLimits, Part, Reader};
use weir::protocol::headers::{check_names, check_version};
use weir::protocol::hop_by_hop::HopByHop;
use weir::protocol::json;
use weir::protocol::message::{Body, Limits, Message, OwnedId, read_client};
use weir::protocol::method::Method;
use weir::protocol::revision::Era;
use weir::seal::{KeyRing, Purpose};
use weir::stages::respond::{self, Awaited, Expected};
use weir::stages::session::{self, Seal};
use weir::telemetry::log::LogControl;
use weir::telemetry::{Controls, Ended, Outcome, Said, Telemetry};

#[path = "../tests/support/core.rs"]
mod core;
#[path = "../tests/instructions/house.rs"]
mod house;
#[path = "../tests/instructions/meter.rs"]
mod meter;
#[path = "../tests/instructions/peers.rs"]
mod peers;
#[path = "../tests/instructions/policy.rs"]
mod policy;

use house::House;
use meter::counted;
use peers::Play;
use policy::policy;

/// How often each is counted, and how many calls together.
const TIMES: usize = 5;
const CALLS: usize = 20;
/// Before that: enough for everything that grows with use to have grown.
const BEFORE: usize = 40;

const CALL: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT id, name FROM users WHERE active AND region = $1 ORDER BY age","region":"us-west1","limit":50,"dry":false},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"Example","version":"1.0"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":42,"result":{"resultType":"complete","content":[{"type":"text","text":"[{\"id\":1,\"name\":\"Ada\"},{\"id\":2,\"name\":\"Grace\"},{\"id\":3,\"name\":\"Edsger\"},{\"id\":4,\"name\":\"Barbara\"}]"}],"structuredContent":{"rows":[{"id":1,"name":"Ada"},{"id":2,"name":"Grace"},{"id":3,"name":"Edsger"},{"id":4,"name":"Barbara"}]},"isError":false}}"#;

const HEAD: &str = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n\
    Accept: application/json, text/event-stream\r\nAccept-Encoding: gzip, deflate, br\r\nUser-Agent: example/1.0\r\n\
    Mcp-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: execute_sql\r\n";
const ANSWER_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Wed, 25 Nov 2026 09:00:00 GMT\r\n";

/// What is done, as often as it is asked for.
type Work = Box<dyn FnMut()>;

/// A check, and what would be done in its place without it.
struct Check {
    name: &'static str,
    /// What for it is paid.
    buys: &'static str,
    with: Work,
    without: Option<Work>,
}

fn main() {
    if std::env::var_os("WEIR_COUNT").is_some() {
        return count();
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("safety");
    for mut check in checks() {
        group.bench_function(format!("{}/with", check.name), |bench| bench.iter(&mut check.with));
        if let Some(mut without) = check.without {
            group.bench_function(format!("{}/without", check.name), |bench| bench.iter(&mut without));
        }
    }
    group.finish();
    criterion.final_summary();
}

/// Makes all that is to be counted, and says in which order: what it is, how many calls it is each time, its name, and
/// what it buys.
fn count() {
    assert_eq!(meter::PATH, "safety::meter", "loadtest/safety tells callgrind so");
    println!("times\t{TIMES}\t\t");
    let policies = [("whole", false, String::new()), ("logged", true, String::new()), ("ruled", false, policy())];
    for (what, logs, policy) in policies {
        let house = House::new(logs, &policy);
        let play = Play { request: request(), answer: Some(answer()), end: "}}" };
        assert!(house.ask(&play).starts_with("HTTP/1.1 200 "), "a call is answered");
        house.call(&play, BEFORE);
        for _ in 0..TIMES {
            counted(&mut || house.call(&play, CALLS));
        }
        println!("{what}\t{CALLS}\ta whole call\t");
    }
    for check in checks() {
        repeat(check.with);
        println!("with\t{CALLS}\t{}\t{}", check.name, check.buys);
        if let Some(without) = check.without {
            repeat(without);
            println!("without\t{CALLS}\t{}\t", check.name);
        }
    }
}

fn repeat(mut work: Work) {
    (0..BEFORE).for_each(|_| work());
    for _ in 0..TIMES {
        counted(&mut || (0..CALLS).for_each(|_| work()));
    }
}

fn checks() -> Vec<Check> {
    let mut all = of_heads();
    all.extend(of_bodies());
    all.extend(of_answers());
    all.push(told());
    all
}

fn of_heads() -> Vec<Check> {
    let headers = Rc::new(head(&request()));
    let (names, local) = (Names::new(vec![], vec![], true), Some(SocketAddr::from(([127, 0, 0, 1], 8080))));
    let (asked, passing) = (Rc::clone(&headers), Rc::clone(&headers));
    vec![
        Check {
            name: "strict reading of the head",
            buys: "no request can be smuggled behind another: what two readers could take for different requests is refused",
            with: {
                let raw = Bytes::from(request());
                Box::new(move || {
                    black_box(read_head(raw.clone()));
                })
            },
            without: {
                let raw = Bytes::from(request());
                Some(Box::new(move || {
                    black_box(loose_head(raw.clone()));
                }))
            },
        },
        Check {
            name: "Host and Origin",
            buys: "no page of somebody else's can talk to a gateway on the visitor's own machine",
            with: Box::new(move || {
                let asked = black_box(&*asked);
                names.check_host(asked, local).expect("it is ours");
                names.check_origin(asked).expect("it is no page");
            }),
            without: None,
        },
        Check {
            name: "hop-by-hop fields, both ways",
            buys: "nobody can take a field away from a check behind us, or speak for the connection to the server",
            with: {
                let answered = answered_fields();
                Box::new(move || {
                    let hop_by_hop = HopByHop::of(black_box(&passing));
                    assert!(!passing.keys().any(|name| hop_by_hop.has(name.as_str())));
                    black_box(respond::passing(answered.clone()));
                })
            },
            without: {
                let answered = answered_fields();
                Some(Box::new(move || {
                    black_box(answered.clone());
                }))
            },
        },
    ]
}

fn of_bodies() -> Vec<Check> {
    let limits = Limits::default();
    let (headers, message) = (head(&request()), message());
    vec![
        Check {
            name: "strict reading of the body",
            buys: "method, name and id are known, and are the same for whoever reads them next; depth and size are bounded",
            with: Box::new(move || {
                black_box(read_client(black_box(CALL.as_bytes()), &limits).is_ok());
            }),
            without: None,
        },
        Check {
            name: "of it: repeated keys",
            buys: "no tool's name or argument is there twice, of which rules read one and the server the other",
            with: Box::new(|| {
                black_box(json::check(black_box(CALL.as_bytes()), 64).is_ok());
            }),
            without: {
                let keyless = keyless();
                Some(Box::new(move || {
                    black_box(json::check(black_box(keyless.as_bytes()), 64).is_ok());
                }))
            },
        },
        Check {
            name: "headers against the body",
            buys: "who routes or bills by Mcp-Method and Mcp-Name is not lied to",
            with: Box::new(move || {
                let (headers, message) = (black_box(&headers), black_box(&message));
                black_box(check_version(headers, message, CALL.as_bytes()).is_ok());
                check_names(headers, message, CALL.as_bytes()).expect("the names match");
            }),
            without: None,
        },
        sealed_session(),
    ]
}

/// Of the era that has sessions: the others are not asked for one.
fn sealed_session() -> Check {
    let sealer = KeyRing::parse(&KeyRing::generate_text()).expect("a ring").sealer(Purpose::Session);
    let caller = Principal::anonymous(Box::default());
    let seal = Seal { sealer: &sealer, route: "/mcp", principal: &caller };
    let none = session::bind(&seal, Era::Legacy, &HeaderMap::new()).expect("no session");
    let id = none.outgoing(&seal, "4f0c7a52-9d1e-4b0b-8a53-0f6f2d1f7a11", 7, "2025-11-25").expect("it is short");
    let bind = move |headers: &HeaderMap| {
        let seal = Seal { sealer: &sealer, route: "/mcp", principal: &caller };
        black_box(session::bind(&seal, Era::Legacy, black_box(headers)).is_ok());
    };
    let (bind, bare) = (Rc::new(bind), head(&request()));
    let (with, mut named) = (Rc::clone(&bind), bare.clone());
    named.insert(session::SESSION_ID, id);
    Check {
        name: "a sealed session (2025 era)",
        buys: "a session belongs to its caller and route, and no node has to remember it",
        with: Box::new(move || with(&named)),
        without: Some(Box::new(move || bind(&bare))),
    }
}

fn of_answers() -> Vec<Check> {
    let observer = Observer::new(Arc::new(Catalog::new(1)), mpsc::channel(1).0);
    let (message, body) = (message(), Bytes::from_static(ANSWER.as_bytes()));
    vec![Check {
        name: "checking the answer",
        buys: "what a client gets is one message, the answer to its own question, and as strict as its question",
        with: Box::new(move || {
            let id = OwnedId::of(message.id.as_ref().expect("a request"), CALL.as_bytes());
            let awaited = Awaited::Request(id);
            let expected = Expected::new(awaited, Era::Modern, Some(Method::ToolsCall), Limits::default());
            black_box(respond::whole(expected, black_box(&body).clone(), &observer).is_ok());
        }),
        without: None,
    }]
}

/// The access line is the difference of two whole calls, see [`count`].
fn told() -> Check {
    let control = LogControl::detached();
    control.apply(&Log { level: "info", format: LogFormat::Json, access: false, arguments: false, redact: Vec::new() });
    let telemetry = Telemetry::new(&Controls { log: control.settings(), ..Controls::nowhere() });
    let (route, ids) = (telemetry.route("/mcp", "files"), RequestIds::new());
    Check {
        name: "metrics",
        buys: "what happened can be seen: counts and durations of each route, server and reason",
        with: Box::new(move || {
            telemetry.ended(black_box(&Ended {
                id: ids.next(),
                route: &route,
                peer: SocketAddr::from(([127, 0, 0, 1], 9)).into(),
                caller: "anonymous",
                issuer: "",
                said: Said::Method(Method::ToolsCall),
                method: "tools/call",
                name: "execute_sql",
                outcome: Outcome::Answered,
                reason: None,
                why: "",
                rule: "",
                limit: "",
                arguments: None,
                span: None,
                asked: None,
                status: 200,
                received: CALL.len() as u64,
                sent: ANSWER.len() as u64,
                total: Duration::from_micros(750),
                server: Some(Duration::from_micros(700)),
                added: Some(Duration::from_micros(30)),
            }));
        }),
        without: None,
    }
}

fn request() -> Vec<u8> {
    format!("{HEAD}Content-Length: {}\r\n\r\n{CALL}", CALL.len()).into_bytes()
}

fn answer() -> Vec<u8> {
    format!("{ANSWER_HEAD}Content-Length: {}\r\n\r\n{ANSWER}", ANSWER.len()).into_bytes()
}

fn answered_fields() -> HeaderMap {
    let fields = [
        ("content-type", "application/json".to_owned()),
        ("date", "Wed, 25 Nov 2026 09:00:00 GMT".to_owned()),
        ("content-length", ANSWER.len().to_string()),
    ];
    fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value"))).collect()
}

fn message() -> Message {
    match read_client(CALL.as_bytes(), &Limits::default()) {
        Ok(Body::One(message)) => message,
        other => panic!("the call is one message: {other:?}"),
    }
}

/// The call with an array in the place of each object: as many bytes and values, and no keys.
fn keyless() -> String {
    let mut quoted = false;
    let swapped = |character| {
        quoted ^= character == '"';
        match character {
            '{' if !quoted => '[',
            '}' if !quoted => ']',
            ':' if !quoted => ',',
            other => other,
        }
    };
    let keyless: String = CALL.chars().map(swapped).collect();
    assert!(json::check(keyless.as_bytes(), 64).is_ok() && keyless.len() == CALL.len());
    keyless
}

fn read_head(mut raw: Bytes) -> HeaderMap {
    let mut reader = Reader::new(HeadLimits { head: 65_536, headers: 100 });
    match reader.next(&mut raw) {
        Ok(Some(Part::Head(head))) => head.parts.headers,
        other => panic!("it is a head: {other:?}"),
    }
}

fn head(raw: &[u8]) -> HeaderMap {
    read_head(Bytes::copy_from_slice(raw))
}

/// The same by a parser that takes what most take, into the same map.
fn loose_head(raw: Bytes) -> HeaderMap {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut fields);
    assert!(parsed.parse(&raw).expect("it is sound").is_complete());
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for field in parsed.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_maybe_shared(raw.slice_ref(field.value)).expect("a value"));
    }
    headers
}
