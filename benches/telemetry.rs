//! What it costs a core to tell of a request that has ended, and what a fold and a page cost the control runtime.

use std::hint::black_box;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use weir::config::{Log, LogFormat};
use weir::model::{Reason, RequestIds};
use weir::protocol::method::Method;
use weir::telemetry::log::LogControl;
use weir::telemetry::{Controls, Ended, Fold, Observed, Outcome, RouteMeter, Said, Sample, Telemetry};

/// A house of some size.
const ROUTES: usize = 100;
const CORES: usize = 8;

fn ended<'a>(ids: &RequestIds, route: &'a RouteMeter, said: Said, reason: Option<Reason>) -> Ended<'a> {
    Ended {
        id: ids.next(),
        route,
        peer: SocketAddr::from(([127, 0, 0, 1], 9)).into(),
        caller: "anonymous",
        issuer: "",
        said,
        method: "tools/call",
        name: "look",
        rule: "",
        outcome: if reason.is_some() { Outcome::Refused } else { Outcome::Answered },
        reason,
        why: "",
        limit: "",
        arguments: None,
        span: None,
        asked: None,
        status: 200,
        received: 400,
        sent: 300,
        total: Duration::from_micros(750),
        server: Some(Duration::from_micros(700)),
        added: Some(Duration::from_micros(30)),
    }
}

fn sample() -> Sample {
    Sample {
        resident: Some(1 << 26),
        virtual_memory: Some(1 << 30),
        memory_limit: Some(1 << 32),
        cpu: Some(Duration::from_secs(1)),
        open_files: Some(100),
        most_files: Some(1 << 20),
        ready: true,
        ..Sample::default()
    }
}

/// A core whose access lines are built like this, and then thrown away.
fn logging(format: LogFormat, access: bool) -> Telemetry {
    let control = LogControl::detached();
    control.apply(&Log { level: "info", format, access, arguments: false, redact: Vec::new() });
    Telemetry::new(&Controls { log: control.settings(), ..Controls::nowhere() })
}

/// What a line costs is the difference to `quiet`.
fn telling(criterion: &mut Criterion) {
    let ids = RequestIds::new();
    for (name, telemetry) in [
        ("quiet", logging(LogFormat::Text, false)),
        ("text", logging(LogFormat::Text, true)),
        ("json", logging(LogFormat::Json, true)),
    ] {
        let route = telemetry.route("/mcp", "files");
        let call = ended(&ids, &route, Said::Method(Method::ToolsCall), None);
        criterion.bench_function(&format!("answered/{name}"), |bench| bench.iter(|| telemetry.ended(black_box(&call))));
        let refused = ended(&ids, &route, Said::Unread, Some(Reason::ParseError));
        criterion
            .bench_function(&format!("refused/{name}"), |bench| bench.iter(|| telemetry.ended(black_box(&refused))));
    }
}

/// Every route has been used on every core, by three methods.
fn folding(criterion: &mut Criterion) {
    let (observed, ids) = (Observed::new(), RequestIds::new());
    let cores: Vec<_> = (0..CORES).map(|number| Rc::new(observed.core(number, &Controls::nowhere()))).collect();
    for core in &cores {
        for route in 0..ROUTES {
            let route = core.route(&format!("/server-{route}/mcp"), &format!("server-{route}"));
            for method in [Method::Initialize, Method::ToolsList, Method::ToolsCall] {
                core.ended(&ended(&ids, &route, Said::Method(method), None));
            }
        }
    }
    let (mut fold, sample) = (Fold::new(observed), sample());
    let exposition = fold.exposition();
    criterion.bench_function("fold", |bench| bench.iter(|| fold.fold(&sample)));
    criterion.bench_function("fold_and_render", |bench| {
        bench.iter(|| {
            fold.fold(&sample);
            exposition.render()
        });
    });
    criterion.bench_function("render_again", |bench| bench.iter(|| exposition.render()));
}

criterion_group!(benches, telling, folding);
criterion_main!(benches);
