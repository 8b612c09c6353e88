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
        if event.metadata().target().ends_with("finish") {
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
        if !["id", "ms"].contains(&field.name()) {
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
        with_default(ear.clone(), || of(Finish::begin(&core, 0)));
    });
    ear.heard()
}

#[test]
fn each_ending_is_one_line() {
    let refusal = |reason| Refusal::new(reason, "why not");
    let who = "route=\"/mcp\" server=\"files\" method=\"\"";
    for (ending, line) in [
        (Ending::Answered(StatusCode::ACCEPTED), format!("DEBUG message=answered {who} status=202")),
        (
            Ending::Refused(&refusal(Reason::ParseError)),
            format!("DEBUG message=refused {who} reason=\"parse_error\" why=why not"),
        ),
        (
            Ending::Refused(&refusal(Reason::UpstreamReset)),
            format!("WARN message=failed {who} reason=\"upstream_reset\" why=why not"),
        ),
        (
            Ending::Cut(&refusal(Reason::UpstreamBadResponse)),
            format!("WARN message=failed {who} reason=\"upstream_bad_response\" why=why not"),
        ),
        (Ending::ClientLeft, format!("DEBUG message=the client left {who}")),
        (Ending::Drained, format!("DEBUG message=ended by draining {who}")),
    ] {
        assert_eq!(told(|finish| finish.end(&ending)), [line], "{ending:?}");
    }
}

#[test]
fn without_an_ending_the_client_has_left() {
    assert_eq!(told(drop), ["DEBUG message=the client left route=\"/mcp\" server=\"files\" method=\"\""]);
}

#[test]
fn a_walk_tells_nothing_itself_but_knows_the_method() {
    let ear = Ear::default();
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let guard = tracing::subscriber::set_default(ear.clone());
        let mut finish = Finish::begin(&core, 0);
        let Request { verb, headers, body } = Request::legacy("tools/call\\u0000");
        let arrival = Arrival { route: 0, verb, headers, body: Full::new(Bytes::from(body)) };
        let walked = poll_once(flow::run(&core, arrival, &mut finish)).await;
        assert!(walked.is_none() && ear.heard().is_empty());
        drop(finish);
        drop(guard);
    });
    let told = ear.heard();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(r#"method="tools/call\\u0000""#), "{told:?}");
}
