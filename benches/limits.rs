//! What a limit costs a request: a key that this core knows, among few and among a million, and a whole message.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, criterion_group, criterion_main};
use weir::config::Settings;
use weir::model::{Caller, Means, Principal};
use weir::protocol::message::{self, Body};
use weir::stages::limit::{Asked, Ledger, Limits, Ruled, Said, Taken};
use weir::telemetry::{Controls, Telemetry};

const SERVER: &str = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n";

/// So much that nobody is refused: those who ask in turn are so many that each has time enough between.
const WIDE: &str = "rate = \"1000000/s\"\nburst = 1000000\n";

/// How many ask in turn.
const TURNS: u32 = 256;

fn limits(text: &str, cores: usize) -> Vec<Limits> {
    let settings = Settings::parse(&format!("{text}{SERVER}"), "weir.toml").expect("it is sound");
    let (telemetry, ledger) = (Telemetry::new(&Controls::nowhere()), Ledger::build(&settings.limits, None));
    (0..cores).map(|_| ledger.on_core(|name| telemetry.limit(name))).collect()
}

/// Addresses by their number, met in an order that no cache foresees.
fn address(number: u32, of: u32) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::from(number.wrapping_mul(2_654_435_761) % of)))
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limit");
    for of in [TURNS, 1000, 100_000, 1_000_000] {
        let text = format!("[[limits]]\nname = \"a\"\nkey = \"client_ip\"\n{WIDE}");
        let limits = limits(&text, 1).remove(0);
        let check = |number| {
            let mut taken = Taken::default();
            let tried = limits.address(address(number, of), &mut taken);
            drop(black_box(tried.expect("there is enough")));
        };
        (0..of).for_each(check);
        let mut number = 0_u32;
        group.bench_function(format!("one of {of} addresses"), |bencher| {
            bencher.iter(|| {
                number = number.wrapping_add(1);
                check(number);
            });
        });
    }
    group.finish();
}

fn message(criterion: &mut Criterion) {
    let text = format!(
        "[[limits]]\nname = \"a\"\nkey = \"principal\"\nquota = \"1000000000/day\"\n{WIDE}\
         [[limits]]\nname = \"b\"\nkey = \"principal+tool\"\ntools = [\"files:*\"]\n{WIDE}\
         [[limits]]\nname = \"c\"\nkey = \"server\"\nconcurrent = 1000000\n"
    );
    let limits = limits(&text, 1).remove(0);
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"query":"what is it"}}}"#;
    let Ok(Body::One(call)) = message::read_client(body, &message::Limits::default()) else {
        panic!("it is a message")
    };
    let principal = |number| {
        let (issuer, subject) = ("https://issuer.example".into(), format!("caller-{number}").into());
        Principal::new(Caller { means: Means::Jwt, issuer, subject, roles: Box::default(), scopes: Box::default() })
    };
    let (principals, messages): (Vec<_>, _) = ((0..TURNS).map(principal).collect(), [call]);
    let said = Said::Messages(&messages, body);
    let mut turn = 0;
    criterion.bench_function("limit/a call by caller, tool and server", |bencher| {
        bencher.iter(|| {
            turn = (turn + 1) % principals.len();
            let principal = &principals[turn];
            let asked =
                Asked { address: None, principal, roles: &[], server: "files", session: None, said, keys: None };
            let mut taken = Taken::default();
            let called = limits.caller(&asked, &mut taken).expect("there is enough");
            let admitted = limits.target(&asked, Ruled { class: None, cost: 1 }, &mut taken).expect("there is enough");
            drop(black_box((called, admitted, taken)));
        });
    });
}

criterion_group!(benches, keys, message);
criterion_main!(benches);
