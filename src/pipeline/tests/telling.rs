//! Every outcome is told once, whatever it is.

use std::fmt;
use std::sync::Mutex;

use http::StatusCode;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};

use super::*;

/// Keeps what is told by this module's parent, a line each.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<String>>>);

impl Ear {
    fn heard(&self) -> Vec<String> {
        self.0.lock().expect("one thread").clone()
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        if event.metadata().target().contains("telemetry") {
            self.0.lock().expect("one thread").push(format!("{}{}", event.metadata().level(), line.0));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if ["message", "route", "server", "reason", "status", "why", "method"].contains(&field.name()) {
            self.0 += &format!(" {}={value:?}", field.name());
        }
    }
}

/// What is told of one request.
fn told(of: impl FnOnce(Finish)) -> Vec<String> {
    let ear = Ear::default();
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        with_default(ear.clone(), || of(Finish::begin(&core, 0, PEER)));
    });
    ear.heard()
}

#[test]
fn each_ending_is_one_line() {
    let refusal = |reason| Refusal::new(reason, "why not");
    let who = "route=\"/mcp\" server=\"files\" method=\"\"";
    for (ending, line) in [
        (
            Ending::Answered(StatusCode::ACCEPTED),
            format!("DEBUG message=answered {who} reason=\"\" status=202 why=\"\""),
        ),
        (
            Ending::Answered(StatusCode::NOT_FOUND),
            format!("DEBUG message=server_status {who} reason=\"\" status=404 why=\"\""),
        ),
        (
            Ending::Refused(&refusal(Reason::ParseError), StatusCode::BAD_REQUEST),
            format!("DEBUG message=refused {who} reason=\"parse_error\" status=400 why=\"why not\""),
        ),
        (
            Ending::Refused(&refusal(Reason::UpstreamReset), StatusCode::BAD_GATEWAY),
            format!("WARN message=failed {who} reason=\"upstream_reset\" status=502 why=\"why not\""),
        ),
        (
            Ending::Cut(&refusal(Reason::UpstreamBadResponse)),
            format!("WARN message=cut {who} reason=\"upstream_bad_response\" status=0 why=\"why not\""),
        ),
        (Ending::ClientLeft, format!("DEBUG message=client_left {who} reason=\"\" status=0 why=\"\"")),
        (Ending::Drained(StatusCode::OK), format!("DEBUG message=drained {who} reason=\"\" status=200 why=\"\"")),
    ] {
        assert_eq!(told(|finish| finish.end(&ending)), [line], "{ending:?}");
    }
}

#[test]
fn without_an_ending_the_client_has_left() {
    assert_eq!(
        told(drop),
        ["DEBUG message=client_left route=\"/mcp\" server=\"files\" method=\"\" reason=\"\" status=0 why=\"\""]
    );
}

#[test]
fn a_walk_tells_nothing_itself_but_knows_the_method() {
    let ear = Ear::default();
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let guard = tracing::subscriber::set_default(ear.clone());
        let finish = Finish::begin(&core, 0, PEER);
        let Request { verb, headers, body } = Request::legacy("tools/call\\u0000");
        let arrival = Arrival { route: 0, verb, headers, body: Full::new(Bytes::from(body)) };
        let walked = poll_once(flow::run(&core, arrival, &finish, &Drain::default())).await;
        assert!(walked.is_none() && ear.heard().is_empty());
        drop(finish);
        drop(guard);
    });
    let told = ear.heard();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(r#"method="tools/call\\u0000""#), "{told:?}");
}
