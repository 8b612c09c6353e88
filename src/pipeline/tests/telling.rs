//! Every outcome is told once, whatever it is.

use http::StatusCode;

use super::*;

/// What is told of one request, by those of its fields that are the same each time.
fn told(of: impl FnOnce(Finish)) -> String {
    let mut heard = String::new();
    local(async {
        let server = Server::new().await;
        let (core, ear) = Plan::of(&[&server]).heard();
        of(Finish::begin(&core, 0, PEER.into()));
        core.telemetry.flush();
        heard = steady(&ear.heard());
    });
    heard
}

/// Without what differs from request to request.
fn steady(lines: &str) -> String {
    let line = |line: &str| {
        let (_, line) = line.split_once(' ').expect("a line begins with its time");
        let kept =
            line.split(' ').filter(|field| !["id=", "ms=", "added_ms="].iter().any(|key| field.starts_with(key)));
        kept.collect::<Vec<_>>().join(" ").replace("  ", " ")
    };
    lines.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_ending_is_one_line() {
    let refusal = |reason| Refusal::new(reason, "why not");
    let who = "route=/mcp server=files method=unread caller=\"\" peer=127.0.0.1:9";
    let count = "received=0 sent=0";
    for (ending, line) in [
        (Ending::Answered(StatusCode::ACCEPTED), format!("INFO answered {who} status=202 {count}")),
        (Ending::Answered(StatusCode::NOT_FOUND), format!("INFO server_status {who} status=404 {count}")),
        (
            Ending::Refused(&refusal(Reason::ParseError), StatusCode::BAD_REQUEST),
            format!("INFO refused {who} status=400 reason=parse_error why=\"why not\" {count}"),
        ),
        (
            Ending::Refused(&refusal(Reason::UpstreamReset), StatusCode::BAD_GATEWAY),
            format!("WARN failed {who} status=502 reason=upstream_reset why=\"why not\" {count}"),
        ),
        (
            Ending::Cut(&refusal(Reason::UpstreamBadResponse)),
            format!("WARN cut {who} status=0 reason=upstream_bad_response why=\"why not\" {count}"),
        ),
        (Ending::ClientLeft, format!("INFO client_left {who} status=0 {count}")),
        (Ending::Drained(StatusCode::OK), format!("INFO drained {who} status=200 {count}")),
    ] {
        assert_eq!(told(|finish| finish.end(&ending)), line, "{ending:?}");
    }
}

#[test]
fn without_an_ending_the_client_has_left() {
    assert!(told(drop).starts_with("INFO client_left "));
}

#[test]
fn a_walk_tells_nothing_itself_but_knows_who_and_what() {
    let mut told = String::new();
    local(async {
        let server = Server::new().await;
        let (core, ear) = Plan::of(&[&server]).heard();
        let finish = Finish::begin(&core, 0, PEER.into());
        let Request { verb, headers, body } = Request::legacy("tools/call\\u0000");
        let arrival = Arrival { route: 0, verb, headers, body: Full::new(Bytes::from(body)) };
        let walked = poll_once(flow::run(&core, arrival, &finish, &Drain::default())).await;
        core.telemetry.flush();
        assert!(walked.is_none() && ear.heard().is_empty());
        drop(finish);
        core.telemetry.flush();
        told = steady(&ear.heard());
    });
    assert!(told.contains("method=\"tools/call\\\\u0000\" caller=anonymous"), "{told}");
}
