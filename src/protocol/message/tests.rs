//! What is read of messages, and what is refused.

use super::{Body, Fault, FaultReason, Id, Kind, Limits, Message, OwnedId, read_client, read_server};
use crate::protocol::json;

const CALL: &str = r#"{"jsonrpc":"2.0","id":"a-1","method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Zürich","name":"inner"},"_meta":{"progressToken":7,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}"#;

fn one(body: Result<Body, Fault>) -> Message {
    match body {
        Ok(Body::One(message)) => message,
        other => panic!("expected one message: {other:?}"),
    }
}

fn client(body: &str) -> Result<Body, Fault> {
    read_client(body.as_bytes(), &Limits::default())
}

fn server(body: &str) -> Result<Body, Fault> {
    read_server(body.as_bytes(), &Limits::default())
}

fn raw(value: Option<json::Value>, body: &str) -> Option<&str> {
    value.map(|value| &body[value.span.start as usize..value.span.end as usize])
}

#[test]
fn a_call_is_read_into_its_spans() {
    let message = one(client(CALL));
    assert_eq!(message.kind, Kind::Request);
    assert_eq!(message.id.unwrap().raw(CALL.as_bytes()), b"\"a-1\"");
    assert!(message.method.unwrap().is(CALL.as_bytes(), "tools/call"));
    assert_eq!(raw(message.fields.name, CALL), Some("\"get_weather\""));
    assert_eq!(raw(message.fields.arguments, CALL), Some(r#"{"city":"Zürich","name":"inner"}"#));
    assert_eq!(raw(message.meta.progress_token, CALL), Some("7"));
    assert_eq!(raw(message.meta.protocol_version, CALL), Some("\"2026-07-28\""));
    assert_eq!(raw(message.meta.client_capabilities, CALL), Some(r#"{"elicitation":{}}"#));
    assert_eq!(message.span.of(CALL.as_bytes()), CALL.as_bytes());
    assert_eq!(message.fields.uri, None);
}

#[test]
fn a_message_is_one_of_four() {
    for (body, kind) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Kind::Request),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, Kind::Notification),
        (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, Kind::Answer),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#, Kind::Error),
    ] {
        assert_eq!(one(client(body)).kind, kind, "{body}");
        assert_eq!(one(server(body)).kind, kind, "{body}");
    }
}

#[test]
fn a_fault_of_the_envelope_names_the_request_and_its_byte() {
    for (body, reason, at, id) in [
        (r#"{"method":"a","params":[],"id":7,"jsonrpc":"2.0"}"#, FaultReason::Params, 23, Some("7")),
        (r#"{"method":1,"id":"x","jsonrpc":"2.0"}"#, FaultReason::Method, 10, Some("\"x\"")),
        (r#"{"Method":"a","id":7,"jsonrpc":"2.0"}"#, FaultReason::Lookalike, 1, Some("7")),
        (r#"{"method":"a","id":7,"jsonrpc":"1.0"}"#, FaultReason::Version, 31, Some("7")),
        (r#" {"method":"a","id":7}"#, FaultReason::Version, 1, Some("7")),
        (r#"{"jsonrpc":"2.0","id":7}"#, FaultReason::Kindless, 0, Some("7")),
        (r#"{"jsonrpc":"2.0","id":7,"result":1,"error":{}}"#, FaultReason::Ambiguous, 0, Some("7")),
        (r#"{"jsonrpc":"2.0","id":7,"result":1,"params":{}}"#, FaultReason::Ambiguous, 0, Some("7")),
        (r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, FaultReason::NullId, 22, None),
        (r#"{"jsonrpc":"2.0","id":null,"result":1}"#, FaultReason::NullId, 22, None),
        (r#"{"jsonrpc":"2.0","result":1}"#, FaultReason::MissingId, 0, None),
        (r#"{"jsonrpc":"2.0","id":[7],"method":"a"}"#, FaultReason::Id, 22, None),
    ] {
        for read in [read_client, read_server] {
            let fault = read(body.as_bytes(), &Limits::default()).expect_err(body);
            assert_eq!((fault.reason, fault.at), (reason, at), "{body}");
            assert!(!fault.is_parse_error());
            assert_eq!(fault.id.map(|id| id.raw(body.as_bytes())), id.map(str::as_bytes), "{body}");
        }
    }
    // The text decides first, and then no id is trusted.
    let fault = client(r#"{"method":"a","params":[],"id":7,"jsonrpc":"2.0""#).expect_err("cut off");
    assert_eq!((fault.is_parse_error(), fault.id, fault.at), (true, None, 48));
    assert_eq!(fault.to_string(), "the text ends before the document does at byte 48");
}

#[test]
fn only_a_server_may_not_know_whom_it_answers() {
    for body in [r#"{"jsonrpc":"2.0","id":null,"error":{}}"#, r#"{"jsonrpc":"2.0","error":{}}"#] {
        assert_eq!(one(server(body)).id, None);
        assert!(client(body).is_err());
    }
}

#[test]
fn a_servers_repeated_key_passes_below_what_is_read() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"a":1,"a":2}],"structuredContent":{"b":1,"b":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"x":{"a":1,"a":2}}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"data":{"a":1,"a":2}}}"#,
        r#"{"jsonrpc":"2.0","method":"m","params":{"data":{"a":1,"a":2},"Name":"n","name":"n"}}"#,
    ] {
        one(server(body));
        assert!(client(body).is_err(), "{body}");
    }
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"x":0,"x":0,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"\u0074ools":[]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"a":1,"a":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"code":2}}"#,
        r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"a":1,"a":2}}}"#,
    ] {
        let fault = server(body).expect_err(body);
        assert_eq!(fault.reason, FaultReason::Text(json::FaultReason::RepeatedKey), "{body}");
    }
    assert_eq!(
        server(r#"{"jsonrpc":"2.0","id":1,"Result":{}}"#).expect_err("it shadows").reason,
        FaultReason::Lookalike
    );
}

#[test]
fn the_meta_of_a_servers_result_is_read() {
    let body =
        r#"{"jsonrpc":"2.0","id":1,"result":{"nextCursor":"c","_meta":{"io.modelcontextprotocol/subscriptionId":4}}}"#;
    let message = one(server(body));
    assert_eq!(raw(message.meta.subscription_id, body), Some("4"));
    assert_eq!(raw(json::member(body.as_bytes(), message.result.unwrap().span, "nextCursor"), body), Some("\"c\""));
    assert_eq!(one(client(body)).meta.subscription_id, None, "a client's result is not looked into");
}

#[test]
fn batches_are_bounded() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let batch = |count: usize| format!("[{}]", vec![ping; count].join(", "));
    let Ok(Body::Batch(messages)) = client(&batch(50)) else {
        panic!("fifty may be");
    };
    assert_eq!(messages.len(), 50);
    assert_eq!(messages[1].span.of(batch(50).as_bytes()), ping.as_bytes());
    let fault = client(&batch(51)).expect_err("fifty-one may not");
    assert_eq!((fault.reason, fault.at), (FaultReason::LongBatch, 1 + 50 * 42));
    for (body, reason, at) in [
        ("[]", FaultReason::EmptyBatch, 0),
        ("[1]", FaultReason::BatchElement, 1),
        ("[[]]", FaultReason::BatchElement, 1),
        ("1", FaultReason::NotAMessage, 0),
    ] {
        let fault = client(body).expect_err(body);
        assert_eq!((fault.reason, fault.at), (reason, at));
    }
    let fault = client(&format!(r#"[{ping},{{"jsonrpc":"2.0","id":9,"method":0}}]"#)).expect_err("one is wrong");
    assert_eq!((fault.reason, fault.id.is_some()), (FaultReason::Method, true));
}

/// The id of a message, with the body that it is in.
fn id(token: &str) -> Result<(Id, String), FaultReason> {
    let body = format!(r#"{{"jsonrpc":"2.0","id":{token},"method":"a"}}"#);
    match client(&body) {
        Ok(Body::One(message)) => Ok((message.id.expect("a request has one"), body)),
        Err(fault) => Err(fault.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ids_are_strings_of_256_bytes_or_integers_that_all_read_alike() {
    for token in ["0", "-0", "9007199254740991", "-9007199254740991", "\"\"", "\"1\""] {
        let (id, body) = id(token).expect(token);
        assert_eq!(id.raw(body.as_bytes()), token.as_bytes());
    }
    for token in ["9007199254740992", "-9007199254740992", "1.0", "1e3", "true", "{}", "18446744073709551617"] {
        assert_eq!(id(token).err(), Some(FaultReason::Id), "{token}");
    }
    for character in ["a", "ß", "😀", "\\u0061", "\\ud83d\\ude00", "\\n"] {
        let bytes = match character {
            "ß" => 2,
            "😀" | "\\ud83d\\ude00" => 4,
            _ => 1,
        };
        let token = |count| format!("\"{}\"", character.repeat(count));
        assert!(id(&token(256 / bytes)).is_ok(), "{character}");
        assert_eq!(id(&token(256 / bytes + 1)).err(), Some(FaultReason::LongId), "{character}");
    }
}

#[test]
fn ids_are_the_same_by_content_and_never_across_kinds() {
    let long = format!("\"{}\"", "l".repeat(100));
    let long_escaped = format!("\"\\u006c{}\"", "l".repeat(99));
    for (one, other, same) in [
        ("1", "1", true),
        ("0", "-0", true),
        ("1", "\"1\"", false),
        ("1", "10", false),
        ("\"a\"", "\"\\u0061\"", true),
        ("\"\\u0061\"", "\"\\u0061\"", true),
        ("\"a\"", "\"A\"", false),
        ("\"\"", "\"\"", true),
        (&long, &long_escaped, true),
        (&long, "\"l\"", false),
    ] {
        let ((id_one, body_one), (id_other, body_other)) = (id(one).expect(one), id(other).expect(other));
        let (body_one, body_other) = (body_one.as_bytes(), body_other.as_bytes());
        assert_eq!(id_one.same(body_one, &id_other, body_other), same, "{one} {other}");
        let kept = OwnedId::of(&id_one, body_one);
        assert_eq!(kept.raw(), one.as_bytes());
        assert_eq!(kept.matches(&id_other, body_other), same, "{one} {other}");
        assert_eq!(kept == OwnedId::of(&id_other, body_other), same, "{one} {other}");
    }
}
