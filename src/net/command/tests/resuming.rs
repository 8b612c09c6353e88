//! What a client that comes back is sent again, and only that.

use super::*;
use crate::net::command::session::event_id;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}"#;

fn log(text: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"data":"{text}"}}}}"#)
}

/// The ids of the events in a text, in their order.
fn ids(text: &str) -> Vec<(u32, u32)> {
    text.lines().filter_map(|line| event_id(line.strip_prefix("id: ")?)).collect()
}

#[test]
fn a_call_that_is_left_goes_on_and_its_client_finds_it_again() {
    let mut stage = Stage::dedicated();
    let mut call = stage.says(Some(1), CALL);
    let number = number_of(&stage.sent()[0]);
    stage.hears(&log("one"));
    let (_, text, _) = came(&mut call);
    let [(stream, seen)] = ids(&text)[..] else { panic!("{text}") };
    call.let_go(Some(Box::new(())));
    let left = stage.lefts.1.try_recv().unwrap();
    stage.traffic.left(left.exchange, left.goes_on);
    assert_eq!(stage.sent(), [""; 0], "leaving is not cancelling");
    stage.hears(&log("two"));
    let (mut back, sink) = exchange(77, &stage.lefts.0);
    let missed = stage.sessions[&1].after(stream, seen).expect("it is known");
    assert!(stage.traffic.resume((1, stream), 77, &sink, missed));
    drop(sink);
    stage.hears(&log("three"));
    stage.hears(&format!(r#"{{"jsonrpc":"2.0","id":{number},"result":{{}}}}"#));
    let (status, text, over) = came(&mut back);
    assert_eq!((status, over), (Some(200), true));
    let places: Vec<_> = ["one", "two", "three", "\"result\""].iter().map(|part| text.find(part)).collect();
    assert!(places[0].is_none() && places[1..].is_sorted() && places[1].is_some(), "{text}");
    assert!(ids(&text).iter().all(|(of, event)| *of == stream && *event > seen), "{text}");
}

#[test]
fn only_the_stream_that_is_named_is_sent_again() {
    let mut stage = Stage::dedicated();
    let mut one = stage.says(Some(1), CALL);
    stage.hears(&log("of one"));
    let (stream, seen) = ids(&came(&mut one).1)[0];
    let mut two = stage.says(Some(1), &CALL.replace("\"id\":1", "\"id\":2"));
    stage.hears(&log("of two"));
    assert!(came(&mut two).1.contains("of two"));
    let missed = stage.sessions[&1].after(stream, seen).unwrap();
    assert!(missed.is_empty());
    assert!(stage.sessions[&1].after(99, 0).is_none(), "nothing is known of it");
}

#[test]
fn what_nobody_heard_waits_for_who_listens_and_is_sent_once() {
    let mut stage = Stage::dedicated();
    stage.hears(&log("early"));
    let mut listener = stage.listens(1, None);
    let (_, text, _) = came(&mut listener);
    assert!(text.contains("early"), "{text}");
    stage.hears(&log("late"));
    let text = more(&mut listener);
    assert!(text.contains("late") && !text.contains("early"), "{text}");
    let (_, last) = ids(&text)[0];
    // Another one takes its place, and the first is let go.
    let mut second = stage.listens(1, None);
    more(&mut listener);
    assert!(listener.is_over());
    assert_eq!(came(&mut second).1, "", "it was told all of it");
    let mut back = stage.listens(1, Some(last - 1));
    assert!(came(&mut back).1.contains("late"), "it says that it was not");
}

#[test]
fn what_is_kept_is_bounded() {
    let mut stage = Stage::dedicated();
    for number in 0..2000 {
        stage.hears(&log(&format!("{number} {}", "x".repeat(2000))));
    }
    let (_, text, _) = came(&mut stage.listens(1, None));
    assert!(text.len() <= 1024 * 1024 && text.contains("1999 "), "{}", text.len());
}

#[test]
fn a_client_of_2025_11_25_can_come_back_before_the_first_message() {
    let mut stage = Stage::dedicated();
    stage.sessions.get_mut(&1).unwrap().speaks("2025-11-25");
    let mut call = stage.says(Some(1), CALL);
    stage.hears(&log("one"));
    let (_, text, _) = came(&mut call);
    assert_eq!(ids(&text).len(), 2, "{text}");
    assert!(text.starts_with("id: 1-0\ndata: \n\n"), "{text}");
}
