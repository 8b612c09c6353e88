//! The order of the checks, their reasons, and whom each refusal is addressed to.

use std::cell::Cell;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use tokio::sync::mpsc;

use super::*;
use crate::catalog::{Catalog, Observer, publish};
use crate::model::{Reason, Refusal};
use crate::protocol::message::{Limits, read_server};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

async fn read_by(
    catalog: &Catalog,
    fields: &[(&'static str, &'static str)],
    body: &str,
) -> Result<WellFormed, Refused> {
    let checks = Checks { body: 4096, depth: 64, catalog, server: 0, awaited: &Cell::default() };
    let headers = headers(fields);
    let read = super::read(&checks, Verb::Post, &headers, Full::new(Bytes::from(body.to_owned()))).await?;
    match params(catalog, 0, &headers, &read) {
        Ok(()) => Ok(read),
        Err(refusal) => Err(Box::new((refusal, read.addressee()))),
    }
}

type Refused = crate::model::Refused;

async fn read(fields: &[(&'static str, &'static str)], body: &str) -> Result<WellFormed, Refused> {
    read_by(&Catalog::new(1), fields, body).await
}

async fn refused(fields: &[(&'static str, &'static str)], body: &str) -> (Refusal, Addressee) {
    *read(fields, body).await.expect_err(body)
}

async fn reason(fields: &[(&'static str, &'static str)], body: &str) -> Reason {
    refused(fields, body).await.0.reason
}

/// What a refusal is addressed to, in a word.
fn to(addressee: &Addressee) -> String {
    let text = |id: &OwnedId| String::from_utf8_lossy(id.raw()).into_owned();
    match addressee {
        Addressee::Nobody => "nobody".into(),
        Addressee::Unread(id) => format!("unread {}", text(id)),
        Addressee::Notification { era, awaited } => {
            format!("{}notification {era:?}", if *awaited { "awaited " } else { "" })
        }
        Addressee::Request { era, initialize, id } => {
            format!("{}{era:?} {}", if *initialize { "initialize " } else { "" }, text(id))
        }
        Addressee::Batch { ids, .. } => ids.iter().map(text).collect::<Vec<_>>().join(" "),
    }
}

fn modern(method: &str, params: &str, version: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"a","method":"{method}","params":{{{params}"_meta":{{"{VERSION}":"{version}","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}

fn call(version: &str) -> String {
    modern("tools/call", r#""name":"look","arguments":{"region":"eu"},"#, version)
}

const HEADERS: [(&str, &str); 3] =
    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "look")];

#[tokio::test]
async fn a_good_message_of_either_era_passes_to_the_byte() {
    let body = call("2026-07-28");
    let read_modern = read(&HEADERS, &body).await.unwrap();
    assert_eq!((read_modern.bytes(), read_modern.era()), (&Bytes::from(body), Era::Modern));
    assert_eq!(to(&read_modern.addressee()), "Modern \"a\"");
    let body = r#" { "method":"initialize" , "id":7,"jsonrpc":"2.0"}  "#;
    let legacy = read(&[("content-type", "application/json; charset=UTF-8")], body).await.unwrap();
    assert_eq!(
        (legacy.bytes(), legacy.era(), legacy.method()),
        (&Bytes::from(body), Era::Legacy, Some(Method::Initialize))
    );
    assert_eq!(to(&legacy.addressee()), "initialize Legacy 7");
}

/// Fields, body, and what is refused of them.
type Case<'a> = (&'a [(&'static str, &'static str)], &'a str, Reason);

/// Each line has every later fault as well, so that the order shows.
#[tokio::test]
async fn the_checks_of_a_modern_request_come_in_their_order() {
    let no_envelope = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"look"}}"#;
    let no_capabilities =
        format!(r#"{{"jsonrpc":"2.0","id":"a","method":"x","params":{{"_meta":{{"{VERSION}":"2031-01-01"}}}}}}"#);
    let unknown = call("2031-01-01");
    let cases: [Case; 8] = [
        (&[("mcp-method", "x")], &no_capabilities, Reason::HeaderMismatch),
        (&[("mcp-protocol-version", "2030-01-01"), ("mcp-method", "x")], no_envelope, Reason::InvalidParams),
        (&[("mcp-protocol-version", "2030-01-01"), ("mcp-method", "x")], &no_capabilities, Reason::InvalidParams),
        (&[("mcp-protocol-version", "2030-01-01"), ("mcp-method", "x")], &unknown, Reason::HeaderMismatch),
        (&[("mcp-protocol-version", "2031-01-01"), ("mcp-method", "x")], &unknown, Reason::UnsupportedVersion),
        (&[("mcp-protocol-version", "2026-07-28"), ("mcp-name", "other")], &call("2026-07-28"), Reason::HeaderMismatch),
        (&[HEADERS[0], HEADERS[1], ("mcp-name", "Look")], &call("2026-07-28"), Reason::HeaderMismatch),
        (&[HEADERS[0], HEADERS[1]], &call("2026-07-28"), Reason::HeaderMismatch),
    ];
    for (fields, body, expected) in cases {
        let (refusal, addressee) = refused(fields, body).await;
        assert_eq!(refusal.reason, expected, "{fields:?} {body}: {}", refusal.message);
        assert_eq!(to(&addressee), "Modern \"a\"");
    }
    let twice = [HEADERS[0], HEADERS[0], HEADERS[1], HEADERS[2]];
    assert_eq!(reason(&twice, &call("2026-07-28")).await, Reason::HeaderMismatch);
}

#[tokio::test]
async fn the_header_alone_makes_a_message_modern_and_the_method_never_does() {
    let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for version in ["2026-07-28", "2027-01-01", "2025-11-26", "draft", ""] {
        assert_eq!(reason(&[("mcp-protocol-version", version)], bare).await, Reason::InvalidParams, "{version}");
    }
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", " 2025-11-25\t"] {
        let fields = [("mcp-protocol-version", version), ("mcp-method", "anything"), ("mcp-name", "else")];
        assert_eq!(read(&fields, bare).await.unwrap().era(), Era::Legacy, "{version}");
    }
    let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
    assert_eq!(read(&[("mcp-method", "server/discover")], discover).await.unwrap().era(), Era::Legacy);
    // Two of them are no legacy revision, even where each is one.
    let twice = [("mcp-protocol-version", "2025-11-25"), ("mcp-protocol-version", "2025-11-25")];
    assert_eq!(reason(&twice, bare).await, Reason::HeaderMismatch);
}

#[tokio::test]
async fn what_is_supported_is_cut_to_what_the_server_was_seen_to_name() {
    let fields = [("mcp-protocol-version", "2031-\u{22}01"), HEADERS[1], HEADERS[2]];
    let body = call(r"2031-\u002201");
    let data = |refused: Refused| format!("{{{}}}", refused.0.data);
    let unseen = data(read(&fields, &body).await.unwrap_err());
    let expected = serde_json::json!({"supported": ["2026-07-28"], "requested": "2031-\"01"});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&unseen).unwrap(), expected);

    let discovered = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2027-01-01","2025-11-25"]}}"#;
    let seen = seen(discovered, |observer, bytes, message| observer.saw_supported(0, bytes, message)).await;
    let seen = data(read_by(&seen, &fields, &body).await.unwrap_err());
    let expected = serde_json::json!({"supported": [], "requested": "2031-\"01"});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&seen).unwrap(), expected);

    let long = format!("2031-{}", "é".repeat(500));
    let cut = data(read(&[HEADERS[1], HEADERS[2], ("mcp-protocol-version", "x")], &call(&long)).await.unwrap_err());
    assert_eq!(cut, "{}", "what differs is not looked up");
}

#[tokio::test]
async fn parameters_are_held_against_the_tool_that_was_seen() {
    let schema = r#"{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}"#;
    let list = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"look","inputSchema":{schema}}}]}}}}"#);
    let seen = seen(&list, |observer, bytes, message| observer.saw_tools(0, bytes, message, true)).await;
    let body = call("2026-07-28");
    let with = |value| [HEADERS[0], HEADERS[1], HEADERS[2], ("mcp-param-region", value)];
    assert!(read_by(&seen, &with("eu"), &body).await.is_ok());
    assert!(read_by(&seen, &with("=?base64?ZXU=?="), &body).await.is_ok());
    for wrong in [&with("us")[..], &with("=?base64?ZXU?="), &HEADERS] {
        assert_eq!(read_by(&seen, wrong, &body).await.unwrap_err().0.reason, Reason::HeaderMismatch, "{wrong:?}");
    }
    // A tool that nobody has seen is for its server to judge.
    assert!(read(&with("us"), &body).await.is_ok());
}

/// A catalog that has seen an answer.
async fn seen(answer: &str, look: impl FnOnce(&Observer, &[u8], &Message)) -> Arc<Catalog> {
    let (sender, receiver) = mpsc::channel(1);
    let catalog = Arc::new(Catalog::new(1));
    let observer = Observer::new(Arc::clone(&catalog), sender);
    let Ok(Body::One(message)) = read_server(answer.as_bytes(), &Limits::default()) else { panic!("{answer}") };
    look(&observer, answer.as_bytes(), &message);
    drop(observer);
    publish(receiver).await;
    catalog
}

#[tokio::test]
async fn notifications_are_asked_for_no_header_but_what_is_there_matches() {
    let note = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let read_note = read(&[HEADERS[0]], note).await.unwrap();
    assert_eq!((read_note.era(), to(&read_note.addressee())), (Era::Modern, "notification Modern".into()));
    for (fields, expected) in [
        (&[HEADERS[0], ("mcp-method", "notifications/progress")], Reason::HeaderMismatch),
        (
            &[("mcp-protocol-version", "2031-01-01"), ("mcp-method", "notifications/cancelled")],
            Reason::UnsupportedVersion,
        ),
    ] {
        let (refusal, addressee) = refused(fields, note).await;
        assert_eq!((refusal.reason, to(&addressee)), (expected, "notification Modern".into()));
    }
    assert_eq!(to(&read(&[], note).await.unwrap().addressee()), "notification Legacy");
}

#[tokio::test]
async fn posted_answers_are_of_the_legacy_era() {
    for answer in
        [r#"{"jsonrpc":"2.0","id":3,"result":{}}"#, r#"{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":""}}"#]
    {
        assert_eq!(
            to(&read(&[("mcp-protocol-version", "2025-11-25")], answer).await.unwrap().addressee()),
            "awaited notification Legacy"
        );
        let (refusal, addressee) = refused(&[HEADERS[0]], answer).await;
        assert_eq!((refusal.reason, to(&addressee)), (Reason::InvalidRequest, "awaited notification Modern".into()));
    }
}

#[tokio::test]
async fn batches_are_of_2025_03_26_alone() {
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":"1","method":"ping"}]"#;
    for fields in [&[][..], &[("mcp-protocol-version", "2025-03-26")]] {
        let read_batch = read(fields, batch).await.unwrap();
        assert_eq!((read_batch.era(), to(&read_batch.addressee())), (Era::Legacy, "1 \"1\"".into()));
    }
    let mut wrong = Vec::new();
    for version in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", "", "x"] {
        wrong.push((vec![("mcp-protocol-version", version)], batch.to_owned()));
    }
    wrong.push((vec![], r#"[{"jsonrpc":"2.0","id":1,"method":"initialize"}]"#.into()));
    wrong.push((vec![], r#"[{"jsonrpc":"2.0","id":1,"method":"init\u0069alize"}]"#.into()));
    wrong.push((vec![], "[]".into()));
    wrong.push((vec![], "[[]]".into()));
    wrong.push((vec![], format!("[{}]", [r#"{"jsonrpc":"2.0","method":"x"}"#; 51].join(","))));
    for (fields, body) in wrong {
        let (refusal, addressee) = refused(&fields, &body).await;
        assert_eq!((refusal.reason, to(&addressee)), (Reason::InvalidRequest, "nobody".into()), "{fields:?} {body}");
    }
    let notes = read(&[], r#"[{"jsonrpc":"2.0","method":"x"}]"#).await.unwrap();
    assert_eq!(to(&notes.addressee()), "notification Legacy", "nothing in it takes an answer");
}

#[tokio::test]
async fn what_takes_no_answer_may_be_awaited() {
    for (body, expected) in [
        (r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#, "notification Legacy"),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "awaited notification Legacy"),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "awaited notification Legacy"),
        (r#"{"jsonrpc":"2.0","id":1,"error":{}}"#, "awaited notification Legacy"),
        (r#"[{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":1,"result":{}}]"#, "awaited notification Legacy"),
    ] {
        assert_eq!(to(&read(&[], body).await.unwrap().addressee()), expected, "{body}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_as_far_as_its_id_was() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":5,"method":"x","params":{{"arguments":{}{}}}}}"#,
        "[".repeat(63),
        "]".repeat(63)
    );
    for (body, expected, addressee) in [
        ("", Reason::ParseError, "nobody"),
        ("{", Reason::ParseError, "nobody"),
        ("\u{feff}{}", Reason::ParseError, "nobody"),
        (r#"{"jsonrpc":"2.0","id":5,"id":5,"method":"x"}"#, Reason::ParseError, "nobody"),
        (&deep, Reason::ParseError, "nobody"),
        ("7", Reason::InvalidRequest, "nobody"),
        (r#"{"jsonrpc":"1.0","id":5,"method":"x"}"#, Reason::InvalidRequest, "unread 5"),
        (r#"{"jsonrpc":"2.0","id":"a\u0062","method":"x","params":[]}"#, Reason::InvalidRequest, r#"unread "a\u0062""#),
        (r#"{"jsonrpc":"2.0","id":5,"method":"x","Method":"y"}"#, Reason::InvalidRequest, "unread 5"),
        (r#"{"jsonrpc":"2.0","id":1.0,"method":"x"}"#, Reason::InvalidRequest, "nobody"),
        (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, Reason::InvalidRequest, "nobody"),
    ] {
        let (refusal, to_whom) = refused(&[], body).await;
        assert_eq!((refusal.reason, to(&to_whom).as_str()), (expected, addressee), "{body}: {}", refusal.message);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_to_whom_it_is_of() {
    let text = "x".repeat(4096);
    let meta = format!(r#""_meta":{{"{VERSION}":"2026-07-28"}}"#);
    let named = |method: &str, id: &str, params: &str| {
        format!(r#"{{"method":"{method}","params":{{"text":"{text}"{params}}},"jsonrpc":"2.0"{id}}}"#)
    };
    let call = |params: &str| named("tools/call", r#","id":5"#, params);
    let modern = &[("mcp-protocol-version", "2026-07-28")][..];
    let legacy = &[("mcp-protocol-version", "2025-11-25")][..];
    for (fields, body, addressee) in [
        (&[][..], " ".repeat(4097), "nobody"),
        (&[], call(""), "Legacy 5"),
        (legacy, call(""), "Legacy 5"),
        (modern, call(""), "Modern 5"),
        (&[], call(&format!(",{meta}")), "Modern 5"),
        (&[], named("initialize", r#","id":5"#, ""), "initialize Legacy 5"),
        (&[], named("notifications/cancelled", "", ""), "notification Legacy"),
        (modern, named("notifications/cancelled", "", ""), "notification Modern"),
        (&[], named("notifications/initialized", "", ""), "awaited notification Legacy"),
        (&[], format!(r#"{{"jsonrpc":"2.0","id":5,"result":"{text}"}}"#), "awaited notification Legacy"),
        (&[], format!("[{}]", call("")), "nobody"),
        (&[], format!("{}]", call("")), "nobody"),
        (&[], call("").replace(r#""id":5"#, r#""id":5,"id":5"#), "nobody"),
        (&[("expect", "100-continue")], call(""), "nobody"),
    ] {
        let (refusal, to_whom) = refused(fields, &body).await;
        let shown = body.replace(&text, "...");
        assert_eq!((refusal.reason, to(&to_whom).as_str()), (Reason::TooLarge, addressee), "{fields:?} {shown}");
    }
}

#[tokio::test]
async fn what_a_server_might_decode_to_another_text_is_not_read() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for fields in [
        &[("content-encoding", "gzip")][..],
        &[("content-encoding", "identity"), ("content-encoding", "br")],
        &[("content-encoding", "identity, gzip")],
        &[("content-type", "application/json; charset=utf-16")],
        &[("content-type", "application/json; charset*=utf-8''utf-16")],
        &[("content-type", "application/json; x=\"\\\"; charset=utf-16")],
        &[("content-type", "application/json"), ("content-type", "application/json")],
    ] {
        let (refusal, addressee) = refused(fields, body).await;
        assert_eq!((refusal.reason, to(&addressee).as_str()), (Reason::UnsupportedMediaType, "nobody"), "{fields:?}");
    }
    for fields in
        [&[][..], &[("content-encoding", "Identity")], &[("content-type", "text/plain; x=\";charset=utf-16\"")]]
    {
        assert!(read(fields, body).await.is_ok(), "{fields:?}");
    }
}

#[tokio::test]
async fn get_and_delete_carry_no_message() {
    let catalog = Catalog::new(1);
    for verb in [Verb::Get, Verb::Delete] {
        let checks = Checks { body: 4096, depth: 64, catalog: &catalog, server: 0, awaited: &Cell::default() };
        let none = super::read(&checks, verb, &HeaderMap::new(), Full::new(Bytes::new())).await.unwrap();
        assert_eq!((none.era(), none.method(), to(&none.addressee())), (Era::Legacy, None, "nobody".into()));
    }
}
