//! Who is sampled, what goes on, and what the collector is told.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::{SpanKind, Status};

use super::export::spans;
use super::facts::Facts;
use super::*;
use crate::config;
use crate::model::{Reason, RequestIds};
use crate::protocol::method::Method;
use crate::telemetry::{Controls, Ended, Outcome, Said, Telemetry};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn traces(sample: f64) -> config::Traces {
    let traces = format!("traces = {{ otlp = \"http://127.0.0.1:1\", sample = {sample:?} }}");
    let text =
        format!("[telemetry]\n{traces}\n[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n");
    let settings = config::Settings::parse(&text, "test").unwrap_or_else(|report| panic!("{report}"));
    settings.telemetry.traces.expect("they are written")
}

fn tracer(sample: Option<f64>) -> (Tracer, TraceControl) {
    let settings = sample.map(traces);
    // The task that sends is not run: what it is told stays in its channel.
    let (control, task) = start(settings.as_ref());
    std::mem::forget(task);
    (Tracer::new(&control), control)
}

fn asked(tracer: &Tracer, parents: &[&str]) -> Trace {
    let values = parents.iter().map(|parent| HeaderValue::from_str(parent).unwrap());
    let mut headers = HeaderMap::new();
    values.for_each(|value| _ = headers.append("traceparent", value));
    tracer.trace(&headers)
}

fn sampled(trace: Trace) -> Span {
    match trace {
        Trace::Sampled(span) => *span,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_caller_decides_where_it_has() {
    let unsampled = &PARENT.replace("-01", "-00");
    let (tracer, _) = tracer(Some(0.0));
    let span = sampled(asked(&tracer, &[PARENT]));
    assert!(span.has_parent() && &*span.trace() == "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(matches!(asked(&tracer, &[unsampled]), Trace::Passes));
    let (tracer, _) = self::tracer(Some(1.0));
    assert!(matches!(asked(&tracer, &[unsampled]), Trace::Passes));
}

#[test]
fn what_cannot_be_read_is_none_and_does_not_go_on() {
    for parents in [&["00-1"][..], &[PARENT, PARENT], &[""], &[]] {
        let (never, _) = tracer(Some(0.0));
        assert!(matches!(asked(&never, parents), Trace::Dropped), "{parents:?}");
        let (always, _) = tracer(Some(1.0));
        let span = sampled(asked(&always, parents));
        assert!(!span.has_parent() && span != sampled(asked(&always, parents)), "{parents:?}");
        let mut out = Vec::new();
        span.write(&mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.len() == 55 && out.starts_with(&format!("00-{}-", &*span.trace())) && out.ends_with("-03"),
            "{out}"
        );
    }
}

#[test]
fn without_traces_everything_passes_and_a_reload_turns_them_on() {
    let (tracer, control) = tracer(None);
    for parents in [&[PARENT][..], &["00-1"], &[]] {
        assert!(matches!(asked(&tracer, parents), Trace::Passes), "{parents:?}");
    }
    control.apply(Some(&traces(0.0)));
    sampled(asked(&tracer, &[PARENT]));
    control.apply(None);
    assert!(matches!(asked(&tracer, &[PARENT]), Trace::Passes));
}

#[test]
fn so_many_are_sampled_as_is_asked_for() {
    let (tracer, _) = tracer(Some(0.25));
    let sampled = (0..10_000).filter(|_| matches!(asked(&tracer, &[]), Trace::Sampled(_))).count();
    // Ten standard deviations on either side.
    assert!((2_060..2_940).contains(&sampled), "{sampled}");
}

/// What is told of a call that ended so.
fn facts(change: impl FnOnce(&mut Ended<'_>)) -> Facts {
    let (tracer, _) = tracer(Some(1.0));
    let span = sampled(asked(&tracer, &[PARENT]));
    let route = Telemetry::new(&Controls::nowhere()).route("/files/mcp", "files");
    let mut ended = Ended {
        id: RequestIds::new().next(),
        route: &route,
        peer: SocketAddr::from(([10, 0, 0, 7], 50_123)).into(),
        caller: "anonymous",
        issuer: "",
        said: Said::Method(Method::ToolsCall),
        method: "tools/call",
        name: "echo",
        rule: "",
        outcome: Outcome::Answered,
        reason: None,
        why: "",
        status: 200,
        received: 321,
        sent: 1234,
        total: Duration::from_millis(10),
        asked: Some(Duration::from_millis(1)),
        server: Some(Duration::from_millis(7)),
        added: None,
        limit: "",
        arguments: None,
        span: None,
    };
    change(&mut ended);
    Facts::of(span, &ended)
}

#[test]
fn a_call_is_two_spans_one_below_the_other() {
    let facts = facts(|_| {});
    let [request, call] = &spans(&facts)[..] else { panic!("two") };
    assert_eq!(facts.spans(), 2);
    assert_eq!((&request.span_kind, &call.span_kind), (&SpanKind::Server, &SpanKind::Client));
    assert_eq!((&*request.name, &request.status), ("tools/call echo", &Status::Unset));
    assert_eq!(request.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(request.parent_span_is_remote && !call.parent_span_is_remote);
    assert_eq!(call.parent_span_id, request.span_context.span_id());
    assert_eq!(call.span_context.trace_id(), request.span_context.trace_id());
    let mut out = Vec::new();
    facts.span.write(&mut out);
    let told = format!("00-{}-{}-01", call.span_context.trace_id(), call.span_context.span_id());
    assert_eq!(String::from_utf8(out).unwrap(), told, "the server is told the call's span");
    let lasted = |span: &opentelemetry_sdk::trace::SpanData| span.end_time.duration_since(span.start_time).unwrap();
    assert_eq!((lasted(request), lasted(call)), (Duration::from_millis(10), Duration::from_millis(7)));
    assert_eq!(call.start_time.duration_since(request.start_time).unwrap(), Duration::from_millis(1));
}

#[test]
fn failures_are_errors_and_a_clients_mistakes_are_not() {
    for (outcome, status, reason, is_error) in [
        (Outcome::Failed, 502, Some(Reason::UpstreamReset), true),
        (Outcome::Cut, 0, Some(Reason::UpstreamBadResponse), true),
        (Outcome::ServerStatus, 500, None, true),
        (Outcome::ServerStatus, 404, None, false),
        (Outcome::Refused, 400, Some(Reason::ParseError), false),
        (Outcome::ClientLeft, 0, None, false),
    ] {
        let facts = facts(|ended| {
            (ended.outcome, ended.status, ended.reason, ended.why) = (outcome, status, reason, "why");
            (ended.asked, ended.server) = (None, None);
        });
        let [span] = &spans(&facts)[..] else { panic!("there was no call") };
        assert_eq!(facts.spans(), 1);
        assert_eq!(span.status == Status::error("why"), is_error, "{outcome:?}");
        let has = |key: &str| span.attributes.iter().any(|attribute| attribute.key.as_str() == key);
        assert_eq!((has("error.type"), has("weir.reason")), (is_error, reason.is_some()), "{outcome:?}");
        assert!(has("weir.request.id") && has("weir.outcome") && has("gen_ai.tool.name"), "{:?}", span.attributes);
    }
}

#[test]
fn spans_without_room_are_counted() {
    let (tracer, control) = tracer(Some(1.0));
    let one = facts(|_| {});
    for _ in 0..2050 {
        control.take(one.clone());
    }
    assert_eq!((control.lost(), control.sent()), (4, 0));
    drop(tracer);
}
