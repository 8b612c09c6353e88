//! Answers in one piece: read whole, and the same answers checked while they pass.

use bytes::Bytes;

use super::*;
use crate::model::{Accepted, Reason};
use crate::protocol::message::Progressive;

/// Both readers have to say the same.
fn passes(expected: &Expected, text: &str) -> bool {
    let whole = whole(expected.clone(), Bytes::from(text.to_owned()), &observer().0);
    let mut progressive = Progressive::new(&expected.limits);
    let seen =
        text.as_bytes().chunks(7).try_for_each(|chunk| progressive.push(chunk)).and_then(|()| progressive.finish());
    let passed = seen.map_err(|fault| bad(fault, false)).and_then(|seen| passed(expected.clone(), &seen));
    assert_eq!(whole.is_ok(), passed.is_ok(), "{text}");
    match whole {
        Ok(checked) => {
            assert_eq!(checked.bytes, text);
            true
        }
        Err(refusal) => {
            assert_eq!((refusal.reason, refusal.accepted), (Reason::UpstreamBadResponse, Accepted::Unknown));
            false
        }
    }
}

#[test]
fn an_answer_is_to_this_request_and_the_only_one() {
    for era in ERAS {
        assert!(passes(&one(era), &answer("1")));
        assert!(passes(&one(era), &format!(" {} \n", answer("1"))));
        assert!(passes(&one(era), &error("1")));
        assert!(passes(&one(era), &error("")), "the server could not read the id");
        assert!(passes(&one(era), &error("null")));
        for wrong in [
            answer("2").as_str(),
            &answer("\"1\""),
            &answer("1.0"),
            &answer("null"),
            &error("2"),
            &error("\"1\""),
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
            r#"{"id":1,"result":{}}"#,
            NOTE,
            REQUEST,
            &format!("[{}]", answer("1")),
            &format!("[{},{NOTE}]", answer("1")),
            &format!("{}{}", answer("1"), answer("1")),
            "",
            "{}",
            "\"ok\"",
        ] {
            assert!(!passes(&one(era), wrong), "{era:?} {wrong}");
        }
    }
}

#[test]
fn ids_compare_by_what_they_are_and_come_back_as_they_are_written() {
    let of = |token| awaiting(Awaited::Request(id(token)), Era::Modern, Method::Other);
    for (asked, answered) in [
        (r#""a\u0062""#, r#""ab""#),
        (r#""""#, r#""""#),
        ("9007199254740991", "9007199254740991"),
        ("-5", "-5"),
        (r#""0123456789012345678901234567890""#, r#""0123456789012345678901234567890""#),
    ] {
        assert!(passes(&of(asked), &answer(answered)), "{asked} {answered}");
    }
    for (asked, answered) in [("1", "\"1\""), ("\"1\"", "1"), ("1", "-1"), ("10", "1e1"), ("\"a\"", "\"A\"")] {
        assert!(!passes(&of(asked), &answer(answered)), "{asked} {answered}");
    }
}

#[test]
fn a_batch_has_an_answer_to_each_request_and_nothing_else() {
    let both = || several(&["1", "\"1\""]);
    assert!(passes(&both(), &format!("[{},{}]", answer("\"1\""), error("1"))));
    assert!(passes(&both(), &error("")), "the server could not read the batch");
    assert!(passes(&several(&["1"]), &answer("1")), "as the SDKs' servers answer a batch of one");
    assert!(passes(&several(&["1", "1"]), &format!("[{},{}]", answer("1"), answer("1"))));
    for wrong in [
        format!("[{}]", answer("1")),
        answer("1"),
        format!("[{},{},{}]", answer("1"), answer("\"1\""), answer("1")),
        format!("[{},{},{NOTE}]", answer("1"), answer("\"1\"")),
        format!("[{},{}]", answer("1"), answer("2")),
        format!("[{},{}]", answer("1"), error("")),
        "[]".into(),
    ] {
        assert!(!passes(&both(), &wrong), "{wrong}");
    }
}

#[test]
fn whether_it_may_be_repeated_is_said_of_calls_that_read() {
    for reads_only in [false, true] {
        let refusal = whole(one(Era::Modern).reading_only(reads_only), Bytes::new(), &observer().0).unwrap_err();
        assert_eq!(refusal.retryable, reads_only);
    }
}

#[test]
fn a_failure_is_the_servers_verdict_and_passes_to_the_byte() {
    for era in ERAS {
        for expected in [one(era), Expected::new(Awaited::None, era, None, Limits::default())] {
            for text in [
                error("1").as_str(),
                &error("null"),
                &error(""),
                // The Python SDK's servers: a lost session is 404 with this id.
                &error("\"server-error\""),
                &format!("[{},{}]", error("1"), error("2")),
                r#"{"detail":"Not Found"}"#,
                r#"{"error":"invalid_token","error":"twice"}"#,
                "\"Unauthorized\"",
                "no JSON at all",
                "",
            ] {
                let passed = failed(expected.clone(), Bytes::from(text.to_owned())).unwrap();
                assert_eq!(passed, text, "{era:?}");
            }
            for foreign in [answer("2").as_str(), NOTE, REQUEST, &format!("[{},{}]", error("1"), answer("2"))] {
                assert!(failed(expected.clone(), Bytes::from(foreign.to_owned())).is_err(), "{era:?} {foreign}");
            }
        }
        assert!(failed(one(era), Bytes::from(answer("1"))).is_ok(), "for this request");
    }
}

#[test]
fn only_the_versions_that_are_not_served_are_cut() {
    let unsupported = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"","data":{"supported":["2031-01-01","2026-07-28"],"requested":"x"}}}"#;
    let less = unsupported.replace("\"2031-01-01\",", "");
    let bytes = || Bytes::from(unsupported);
    assert_eq!(failed(one(Era::Modern), bytes()).unwrap(), less);
    assert_eq!(whole(one(Era::Modern), bytes(), &observer().0).unwrap().bytes, less);
    let discovered = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":[ "2031-01-01" , "2026-07-28" ]}}"#;
    let asked = awaiting(Awaited::Request(id("1")), Era::Modern, Method::Discover);
    let (observer, mut sightings) = observer();
    let cut = whole(asked, Bytes::from(discovered), &observer).unwrap().bytes;
    assert_eq!(cut, r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":[ "2026-07-28" ]}}"#);
    assert!(matches!(sightings.try_recv(), Ok(Sighting { seen: Seen::Supported { .. }, .. })));
    // To another request it is a field like any other.
    assert_eq!(whole(one(Era::Modern), Bytes::from(discovered), &observer).unwrap().bytes, discovered);
}

#[test]
fn the_answer_to_initialize_names_the_revision_and_a_list_is_shown_to_the_catalog() {
    let (observer, mut sightings) = observer();
    let initialize = awaiting(Awaited::Request(id("1")), Era::Legacy, Method::Initialize);
    let named = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-\u00306-18"}}"#;
    let revision = |text: &'static str| whole(initialize.clone(), Bytes::from(text), &observer).unwrap().revision;
    assert_eq!(revision(named).as_deref(), Some("2025-06-18"));
    assert_eq!(revision(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":7}}"#), None);
    let list = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
    let asked = awaiting(Awaited::Request(id("1")), Era::Legacy, Method::ToolsList);
    whole(asked, Bytes::from(list), &observer).unwrap();
    assert!(matches!(sightings.try_recv(), Ok(Sighting { seen: Seen::Tools { first_page: true, .. }, .. })));
}
