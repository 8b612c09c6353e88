//! Event streams: which events pass, and what the end of a stream means.

use proptest::prelude::*;

use super::*;
use crate::model::{Reason, RequestIds};

fn events(expected: Expected) -> Events {
    limited(expected, 4096)
}

fn limited(expected: Expected, limit: usize) -> Events {
    Events::new(RequestIds::new().next(), expected, limit)
}

/// What passes of a stream that comes in one piece, and the same in pieces of any size.
fn passed(events: &mut Events, stream: &str) -> String {
    let mut out = Vec::new();
    events.take(stream.as_bytes(), &mut out, &observer().0).expect("it is within the bounds");
    String::from_utf8(out).unwrap()
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

#[test]
fn messages_pass_until_the_answer_and_then_what_the_era_allows() {
    for era in ERAS {
        let mut events = events(one(era));
        assert_eq!(passed(&mut events, &event(NOTE)), event(NOTE));
        let request = if era == Era::Legacy { event(REQUEST) } else { String::new() };
        assert_eq!(passed(&mut events, &event(REQUEST)), request, "{era:?}");
        assert_eq!(passed(&mut events, &event(&answer("2"))), "", "somebody else's");
        assert_eq!(passed(&mut events, &event(&answer("1.0"))), "", "not an id");
        assert_eq!(passed(&mut events, &event(&answer("\"1\""))), "", "another type");
        assert!(!events.is_answered() && events.end().is_err());
        assert_eq!(passed(&mut events, &event(&answer("1"))), event(&answer("1")));
        assert!(events.is_answered() && events.end().is_ok());
        for second in [answer("1"), error("1"), error("")] {
            assert_eq!(passed(&mut events, &event(&second)), "", "{era:?} {second}");
        }
        let note = if era == Era::Legacy { event(NOTE) } else { String::new() };
        assert_eq!(passed(&mut events, &event(NOTE)), note, "{era:?}");
        assert_eq!(events.strays(), if era == Era::Legacy { 6 } else { 8 });
    }
}

#[test]
fn an_error_that_names_nobody_answers_the_only_one_who_waits() {
    let mut single = events(one(Era::Modern));
    assert_eq!(passed(&mut single, &event(&error("null"))), event(&error("null")));
    assert!(single.is_answered());
    let mut batch = events(several(&["1", "2"]));
    assert_eq!(passed(&mut batch, &event(&error(""))), event(&error("")), "whose it is nobody knows");
    assert!(!batch.is_answered());
}

#[test]
fn on_a_sessions_own_stream_answers_are_replays() {
    let mut get = events(Expected::new(Awaited::Any, Era::Legacy, None, Limits::default()));
    for text in [answer("1"), answer("\"x\""), answer("1"), error(""), NOTE.into(), REQUEST.into()] {
        assert_eq!(passed(&mut get, &event(&text)), event(&text));
    }
    assert_eq!(passed(&mut get, &event("{\"jsonrpc\":\"2.0\"}")), "", "the strict pass holds here too");
    assert!(get.is_endless() && get.end().is_ok() && matches!(get.awaited(), Awaited::Any));
}

#[test]
fn where_no_answer_was_asked_for_none_passes() {
    let mut none = events(Expected::new(Awaited::None, Era::Legacy, None, Limits::default()));
    assert_eq!(
        passed(&mut none, &(event(&answer("1")) + &event(REQUEST) + &event(NOTE))),
        event(REQUEST) + &event(NOTE)
    );
    assert!(none.is_endless() && none.end().is_ok());
}

#[test]
fn a_batch_is_answered_bit_by_bit_or_in_batches_and_a_stray_in_one_takes_it_along() {
    let mut events = events(several(&["1", "2", "3"]));
    let two = event(&format!("[{},{NOTE},{}]", answer("1"), answer("3")));
    assert_eq!(passed(&mut events, &two), two);
    let mixed = event(&format!("[{},{}]", answer("2"), answer("9")));
    assert_eq!(passed(&mut events, &mixed), "");
    assert!(matches!(events.awaited(), Awaited::Batch(ids) if ids == [id("2")]), "it is awaited still");
    assert_eq!(passed(&mut events, &event(&answer("1"))), "", "a second answer");
    assert_eq!(passed(&mut events, &event(&answer("2"))), event(&answer("2")));
    assert!(events.is_answered() && events.end().is_ok());

    let mut modern = limited(one(Era::Modern), 4096);
    assert_eq!(passed(&mut modern, &event(&format!("[{}]", answer("1")))), "");
    assert!(!modern.is_answered());
}

#[test]
fn an_event_that_is_dropped_keeps_its_place() {
    let mut events = events(one(Era::Legacy));
    let stray = format!("id: 7\nevent: message\nretry: 300\ndata: {}\n\n", answer("2"));
    assert_eq!(passed(&mut events, &stray), "id: 7\nretry: 300\ndata: \n\n");
    assert_eq!(passed(&mut events, &format!("retry: 5\ndata: {}\n\n", answer("2"))), "retry: 5\ndata: \n\n");
    assert_eq!(passed(&mut events, &format!("event: message\ndata: {}\n\n", answer("2"))), "");
}

#[test]
fn what_carries_no_message_passes_and_what_hides_one_does_not() {
    let mut events = events(one(Era::Modern));
    for stream in ["id: 1\ndata: \n\n", "retry: 300\n\n", "id: 2\n\n", "event: ping\ndata: 2026\n\n", "event: end\n\n"]
    {
        assert_eq!(passed(&mut events, stream), stream);
    }
    for hidden in [answer("1"), answer("2"), REQUEST.into(), format!("[{NOTE}]")] {
        assert_eq!(passed(&mut events, &format!("event: ping\ndata: {hidden}\n\n")), "", "{hidden}");
    }
    assert!(!events.is_answered());
    assert_eq!(passed(&mut events, ": comment\n\n"), "", "comments are for one connection");
}

#[test]
fn framing_is_ours_and_the_text_is_the_servers() {
    let spread = "\u{feff}id:9\r\ndata:{\"jsonrpc\":\"2.0\",\r\ndata: \"id\":1,\rdata:\"result\":{}}\n\r\n";
    let whole = passed(&mut events(one(Era::Modern)), spread);
    assert_eq!(whole, "id: 9\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\ndata: \"result\":{}}\n\n");
    let mut bit_by_bit = events(one(Era::Modern));
    let mut out = Vec::new();
    for byte in spread.as_bytes() {
        bit_by_bit.take(&[*byte], &mut out, &observer().0).unwrap();
    }
    assert_eq!(String::from_utf8(out).unwrap(), whole);
}

proptest! {
    #[test]
    fn however_a_stream_is_cut_the_same_passes(
        modern in any::<bool>(),
        picks in prop::collection::vec(0..PIECES.len(), 1..12),
        cuts in prop::collection::vec(1..40usize, 1..8),
    ) {
        let era = if modern { Era::Modern } else { Era::Legacy };
        let stream: String = picks.iter().map(|&pick| PIECES[pick]).collect();
        let (mut whole, mut cut) = (events(one(era)), events(one(era)));
        let expected = passed(&mut whole, &stream);
        let (mut out, mut rest, mut sizes) = (Vec::new(), stream.as_bytes(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            cut.take(piece, &mut out, &observer().0).unwrap();
            rest = behind;
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected.clone());
        prop_assert_eq!((cut.strays(), cut.is_answered()), (whole.strays(), whole.is_answered()));
        // Whatever the server says, its client reads at most one answer, and it is this request's.
        prop_assert!(expected.matches("\"result\"").count() <= 1 && !expected.contains("\"id\":2"));
    }
}

const PIECES: [&str; 9] = [
    "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n",
    "id: 3\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\n",
    "event: x\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n",
    "data: {\"jsonrpc\":\"2.0\",\r\ndata: \"method\":\"n\"}\r\n\r\n",
    "data: [{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}},{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}]\n\n",
    "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"roots/list\"}\n\n",
    "retry: 5\rdata: nonsense\r\r",
    "id: 4\ndata: \n\n",
    ": comment\n\n",
];

#[test]
fn a_stream_without_its_answer_is_a_reset_unless_the_client_can_come_back() {
    for (era, stream, lost) in [
        (Era::Legacy, event(NOTE), true),
        (Era::Modern, event(NOTE), true),
        (Era::Legacy, "id: 1\ndata: \n\n".into(), false),
        (Era::Legacy, format!("id: 1\ndata: {}\n\n", answer("2")), false),
        (Era::Legacy, format!("id:\ndata: {NOTE}\n\n"), true),
        (Era::Modern, "id: 1\ndata: \n\n".into(), true),
    ] {
        let mut events = events(one(era).reading_only(true));
        passed(&mut events, &stream);
        let ended = events.end();
        assert_eq!(ended.is_err(), lost, "{era:?} {stream}");
        assert_eq!(events.is_resumable(), !lost);
        if let Err(refusal) = ended {
            assert_eq!((refusal.reason, refusal.retryable), (Reason::UpstreamReset, true));
        }
    }
}

#[test]
fn a_subscription_has_no_end_of_its_own_until_its_answer() {
    let mut listen = events(awaiting(Awaited::Request(id("1")), Era::Modern, Method::Listen));
    assert!(listen.is_endless());
    assert_eq!(passed(&mut listen, &event(NOTE)), event(NOTE));
    assert_eq!(passed(&mut listen, &event(&answer("1"))), event(&answer("1")));
    assert!(!listen.is_endless(), "it has ended");
    // Without the envelope it is a method that nobody knows.
    assert!(!events(awaiting(Awaited::Request(id("1")), Era::Legacy, Method::Listen)).is_endless());
}

#[test]
fn beyond_the_bound_the_stream_is_over_but_what_came_before_passes() {
    let mut events = limited(one(Era::Legacy), 200);
    let mut out = Vec::new();
    let stream = event(NOTE) + "data: " + &"x".repeat(201);
    let refusal = events.take(stream.as_bytes(), &mut out, &observer().0).unwrap_err();
    assert_eq!((refusal.reason, String::from_utf8(out).unwrap()), (Reason::UpstreamBadResponse, event(NOTE)));
    assert!(matches!(events.awaited(), Awaited::Request(who) if who == id("1")));
}

#[test]
fn an_answer_in_an_event_is_cut_and_taught_like_any_other() {
    let (observer, mut sightings) = observer();
    let mut out = Vec::new();
    let mut discover = events(awaiting(Awaited::Request(id("1")), Era::Modern, Method::Discover));
    let answered = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28","2031-01-01"]}}"#;
    discover.take(format!("id: 4\ndata: {answered}\n\n").as_bytes(), &mut out, &observer).unwrap();
    let expected = format!("id: 4\ndata: {}\n\n", answered.replace(",\"2031-01-01\"", ""));
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert!(sightings.try_recv().is_ok());

    let mut initialize = events(awaiting(Awaited::Request(id("1")), Era::Legacy, Method::Initialize));
    let named = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}"#;
    passed(&mut initialize, &(event(REQUEST) + &event(NOTE)));
    assert_eq!(initialize.revision(), None);
    passed(&mut initialize, &event(named));
    assert_eq!(initialize.revision(), Some("2025-11-25"));
}
