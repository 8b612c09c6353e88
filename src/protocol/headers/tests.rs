//! The standard headers against whole messages, check by check as the specification and the official suite ask.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Fault, check_names, check_version, era};
use crate::protocol::{
    message::{Body, Limits, Message, read_client},
    revision::Era,
};

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
const VERSION: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let pair = |&(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    headers.iter().map(pair).collect()
}

fn read(body: &str) -> Message {
    match read_client(body.as_bytes(), &Limits::default()).unwrap() {
        Body::One(message) => message,
        Body::Batch(_) => panic!("a batch"),
    }
}

fn version(headers: &[(&str, &str)], body: &str) -> Result<Option<String>, String> {
    match check_version(&map(headers), &read(body), body.as_bytes()) {
        Ok(version) => Ok(version.map(String::from)),
        Err(Fault::Mismatch(mismatch)) => Err(format!("-32020 {mismatch}")),
        Err(fault @ Fault::Envelope(_)) => Err(format!("-32602 {fault}")),
    }
}

fn names(headers: &[(&str, &str)], body: &str) -> Result<(), String> {
    check_names(&map(headers), &read(body), body.as_bytes()).map_err(|mismatch| mismatch.message().to_owned())
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#)
}

#[test]
fn a_request_names_its_version_twice() {
    let body = request("tools/list", META);
    assert_eq!(version(&[VERSION], &body), Ok(Some("2026-07-28".into())));
    assert_eq!(version(&[("mcp-protocol-version", "\t2026-07-28 ")], &body), Ok(Some("2026-07-28".into())));
    assert!(version(&[], &body).unwrap_err().starts_with("-32020 MCP-Protocol-Version is missing"));
    assert_eq!(
        version(&[("MCP-Protocol-Version", "2026-07-29")], &body).unwrap_err(),
        "-32020 MCP-Protocol-Version is \"2026-07-29\", the body says \"2026-07-28\""
    );
    assert!(version(&[VERSION, VERSION], &body).unwrap_err().starts_with("-32020"));
    assert!(version(&[("MCP-Protocol-Version", "é")], &body).unwrap_err().starts_with("-32020"));
}

#[test]
fn a_version_that_nobody_serves_is_the_callers_business() {
    let body = request("ping", &META.replace("2026-07-28", "2031-01-01"));
    assert_eq!(version(&[("MCP-Protocol-Version", "2031-01-01")], &body), Ok(Some("2031-01-01".into())));
}

#[test]
fn the_envelope_is_asked_for_behind_the_header_and_before_the_comparison() {
    let missing = |headers: &[(&str, &str)], params: &str| version(headers, &request("ping", params)).unwrap_err();
    assert!(missing(&[], "").starts_with("-32020"));
    for params in [
        "",
        r#""_meta":{}"#,
        r#""_meta":7"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":7,"io.modelcontextprotocol/clientCapabilities":{}}"#,
    ] {
        let error = missing(&[VERSION], params);
        assert!(error.starts_with("-32602") && error.contains("io.modelcontextprotocol/protocolVersion"), "{error}");
    }
    for capabilities in ["", r#","io.modelcontextprotocol/clientCapabilities":[]"#] {
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-30"{capabilities}}}"#);
        let error = missing(&[VERSION], &meta);
        assert!(error.starts_with("-32602") && error.contains("clientCapabilities"), "{error}");
    }
}

#[test]
fn of_a_notification_nothing_is_asked_but_what_is_there_must_match() {
    let plain = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let enveloped = format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{{META}}}}}"#);
    assert_eq!(version(&[], plain), Ok(None));
    assert_eq!(version(&[VERSION], plain), Ok(Some("2026-07-28".into())));
    assert_eq!(version(&[], &enveloped), Ok(Some("2026-07-28".into())));
    assert!(version(&[("MCP-Protocol-Version", "2026-07-29")], &enveloped).unwrap_err().starts_with("-32020"));
    assert_eq!(names(&[], plain), Ok(()));
    assert_eq!(names(&[("Mcp-Method", "notifications/x")], plain), Ok(()));
    assert!(names(&[("Mcp-Method", "notifications/y")], plain).is_err());
}

#[test]
fn the_method_is_mirrored_to_the_letter() {
    let body = request("tools/list", META);
    assert_eq!(names(&[("MCP-METHOD", " tools/list ")], &body), Ok(()));
    assert_eq!(names(&[], &body).unwrap_err(), "Mcp-Method is missing, the body has a method");
    assert!(names(&[("Mcp-Method", "TOOLS/LIST")], &body).is_err());
    assert!(names(&[("Mcp-Method", "prompts/list")], &body).is_err());
    assert!(names(&[("Mcp-Method", "tools/list"), ("mcp-method", "tools/list")], &body).is_err());
    // The body is compared after unescaping.
    assert_eq!(names(&[("Mcp-Method", "tools/list")], &request(r"tools\/l\u0069st", META)), Ok(()));
}

#[test]
fn the_name_is_mirrored_from_where_the_method_has_it() {
    for (method, field) in [
        ("tools/call", "name"),
        ("prompts/get", "name"),
        ("resources/read", "uri"),
        ("tasks/get", "taskId"),
        ("tasks/update", "taskId"),
        ("tasks/cancel", "taskId"),
    ] {
        let body = request(method, &format!(r#""{field}":"the one",{META}"#));
        let with = |name: &str| names(&[("Mcp-Method", method), ("Mcp-Name", name)], &body);
        assert_eq!(with(" the one "), Ok(()));
        assert_eq!(with("=?base64?dGhlIG9uZQ==?="), Ok(()));
        assert_eq!(with("another").unwrap_err(), "Mcp-Name is \"another\", the body says \"the one\"");
        assert!(with("The One").is_err());
        assert!(with("=?base64?dGhlIG9uZQ?=").unwrap_err().contains("Base64"));
        let missing = names(&[("Mcp-Method", method)], &body).unwrap_err();
        assert_eq!(missing, format!("Mcp-Name is missing, the body has params.{field}"));
        assert!(names(&[("Mcp-Method", method), ("Mcp-Name", "the one"), ("Mcp-Name", "the one")], &body).is_err());
    }
}

#[test]
fn a_name_that_the_body_has_not_is_refused_and_a_name_that_nothing_mirrors_is_not() {
    let call = |params: &str, name: Option<&str>| {
        let mut headers = vec![("Mcp-Method", "tools/call")];
        headers.extend(name.map(|name| ("Mcp-Name", name)));
        names(&headers, &request("tools/call", params))
    };
    assert!(call(META, Some("foo")).is_err());
    assert!(call(r#""name":7"#, Some("7")).is_err());
    assert_eq!(call(META, None), Ok(()));
    assert_eq!(call(r#""name":7"#, None), Ok(()));
    assert_eq!(call(r#""name":"""#, Some("")), Ok(()));
    assert_eq!(names(&[("Mcp-Method", "tools/list"), ("Mcp-Name", "x")], &request("tools/list", META)), Ok(()));
}

#[test]
fn names_beyond_ascii_come_encoded() {
    let body = request("tools/call", r#""name":"wetter_k\u00f6ln""#);
    let with = |name: &str| names(&[("Mcp-Method", "tools/call"), ("Mcp-Name", name)], &body);
    assert_eq!(with("=?base64?d2V0dGVyX2vDtmxu?="), Ok(()));
    assert!(with("wetter_köln").unwrap_err().contains("visible ASCII"));
}

#[test]
fn the_era_by_the_headers_of_a_post() {
    assert_eq!(era(&map(&[]), false, false), Era::Legacy);
    assert_eq!(era(&map(&[("Mcp-Method", "tools/list")]), false, false), Era::Legacy);
    assert_eq!(era(&map(&[("MCP-Protocol-Version", "2025-06-18 ")]), false, false), Era::Legacy);
    assert_eq!(era(&map(&[VERSION]), false, false), Era::Modern);
    assert_eq!(era(&map(&[VERSION]), true, true), Era::Legacy);
    // Repeated or unreadable, it names no legacy revision: the checks of the modern side refuse it.
    let twice = [("MCP-Protocol-Version", "2025-06-18"), ("MCP-Protocol-Version", "2026-07-28")];
    assert_eq!(era(&map(&twice), false, false), Era::Modern);
    assert_eq!(era(&map(&[("MCP-Protocol-Version", "é")]), false, false), Era::Modern);
}
