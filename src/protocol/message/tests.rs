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
