//! Annotations read from schemas, and calls held against them.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{InvalidReason, ParamHeaders};
use crate::protocol::json::{self, Kind, Span, Value};

fn value(text: &str) -> Value {
    json::check(text.as_bytes(), 64).unwrap();
    let kind = if text.starts_with('{') { Kind::Object } else { Kind::Array };
    Value { span: Span { start: 0, end: text.len() as u32 }, kind, escaped: false }
}

fn read(schema: &str) -> Result<ParamHeaders, InvalidReason> {
    ParamHeaders::read(schema.as_bytes(), value(schema)).map_err(|invalid| invalid.reason)
}

fn properties(properties: &str) -> String {
    format!(r#"{{"type":"object","properties":{{{properties}}}}}"#)
}

fn check(schema: &str, arguments: &str, headers: &[(&str, &str)]) -> Result<(), String> {
    let pair = |&(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let headers: HeaderMap = headers.iter().map(pair).collect();
    let params = read(schema).unwrap();
    params.check(&headers, Some(value(arguments)), arguments.as_bytes()).map_err(|mismatch| mismatch.message().into())
}

#[test]
fn annotations_are_found_along_properties_at_any_depth() {
    let schema = properties(
        r#""region":{"type":"string","x-mcp-header":"Region"},
           "where":{"type":"object","properties":{"geo":{"properties":{"zone":{"type":"integer","x-mcp-header":"X-Zone"}}}}},
           "properties":{"type":"boolean","x-mcp-header":"method"},
           "x-mcp-header":{"type":"string"},
           "defined":{"$defs":{"x-mcp-header":{"type":"string"}},"patternProperties":{"x-mcp-header":{}}},
           "free":{"type":"number","default":{"x-mcp-header":"data"},"enum":[{"x-mcp-header":"data"}]}"#,
    );
    let found = read(&schema).unwrap();
    let mut names: Vec<_> = found.names().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["mcp-param-method", "mcp-param-region", "mcp-param-x-zone"]);
    assert!(read(r#"{"type":"object"}"#).unwrap().is_empty());
    assert!(read(r#"[]"#).unwrap().is_empty());
}

#[test]
fn an_annotation_anywhere_else_makes_the_definition_invalid() {
    const ANNOTATED: &str = r#"{"type":"string","x-mcp-header":"A"}"#;
    for keyword in ["items", "additionalProperties", "not", "if", "then", "else", "contains", "unknown", "$ref"] {
        for place in [
            format!(r#"{{"{keyword}":{ANNOTATED}}}"#),
            format!(r#"{{"{keyword}":{{"properties":{{"a":{ANNOTATED}}}}}}}"#),
            properties(&format!(r#""a":{{"{keyword}":{ANNOTATED}}}"#)),
        ] {
            assert_eq!(read(&place).unwrap_err(), InvalidReason::Misplaced, "{place}");
        }
    }
    for place in [
        ANNOTATED.to_owned(),
        format!(r#"{{"oneOf":[{{}},{ANNOTATED}]}}"#),
        format!(r#"{{"allOf":[[{ANNOTATED}]]}}"#),
        format!(r#"{{"$defs":{{"x-mcp-header":{ANNOTATED}}}}}"#),
        format!(r#"{{"patternProperties":{{"^a":{ANNOTATED}}}}}"#),
        format!(r#"{{"properties":[{ANNOTATED}]}}"#),
        properties(&format!(r#""a":[{ANNOTATED}]"#)),
    ] {
        assert_eq!(read(&place).unwrap_err(), InvalidReason::Misplaced, "{place}");
    }
}

#[test]
fn names_are_tokens_and_types_are_primitive() {
    let reason = |name: &str, kind: &str| {
        read(&properties(&format!(r#""a":{{"x-mcp-header":{name}{kind}}}"#))).map(|_| ()).unwrap_err()
    };
    for name in [r#""""#, "7", "null", r#""a b""#, r#""a:b""#, r#""a\nb""#, r#""é""#, r#""a/b""#] {
        assert_eq!(reason(name, r#","type":"string""#), InvalidReason::Name, "{name}");
    }
    for kind in ["", r#","type":"number""#, r#","type":"object""#, r#","type":["string","null"]"#, r#","type":7"#] {
        assert_eq!(reason(r#""A""#, kind), InvalidReason::Type, "{kind}");
    }
    let token = r#""!#$%&'*+-.^_`|~09AZaz""#;
    assert!(read(&properties(&format!(r#""a":{{"type":"string","x-mcp-header":{token}}}"#))).is_ok());
}

#[test]
fn names_are_unique_without_regard_to_case_and_bounded() {
    let twice = r#""a":{"type":"string","x-mcp-header":"Region"},"b":{"properties":{"c":{"type":"string","x-mcp-header":"rEGION"}}}"#;
    assert_eq!(read(&properties(twice)).unwrap_err(), InvalidReason::Repeated);
    let many = |count: usize| {
        let each = (0..count).map(|n| format!(r#""p{n}":{{"type":"string","x-mcp-header":"h{n}"}}"#));
        properties(&each.collect::<Vec<_>>().join(","))
    };
    assert_eq!(read(&many(128)).unwrap().names().count(), 128);
    assert_eq!(read(&many(129)).unwrap_err(), InvalidReason::TooMany);
    // The last of the most is checked like the first.
    let arguments = r#"{"p127":"x"}"#;
    assert!(check(&many(128), arguments, &[]).is_err());
    assert_eq!(check(&many(128), arguments, &[("Mcp-Param-H127", "x")]), Ok(()));
}

#[test]
fn a_reason_names_the_property() {
    let schema = properties(r#""a":{"properties":{"b\u00e9":{"type":"number","x-mcp-header":"A"}}}"#);
    let invalid = ParamHeaders::read(schema.as_bytes(), value(&schema)).unwrap_err();
    assert_eq!(
        invalid.to_string(),
        r#"x-mcp-header only stands on properties of type string, integer or boolean (property "a.b\u{e9}")"#
    );
}

fn three() -> String {
    properties(
        r#""region":{"type":"string","x-mcp-header":"Region"},"count":{"type":"integer","x-mcp-header":"Count"},
           "deep":{"type":"object","properties":{"dry":{"type":"boolean","x-mcp-header":"Dry"}}},"query":{"type":"string"}"#,
    )
}

#[test]
fn what_the_body_has_the_headers_say() {
    let arguments = r#"{"query":"x","region":"us-west1","deep":{"other":1,"dry":false},"count":42}"#;
    let good = [("Mcp-Param-Region", "us-west1"), ("MCP-PARAM-COUNT", "42"), ("mcp-param-dry", "false")];
    assert_eq!(check(&three(), arguments, &good), Ok(()));
    let error = check(&three(), arguments, &good[1..]).unwrap_err();
    assert_eq!(error, "mcp-param-region is missing, the body has arguments.region");
    for (index, wrong) in [(0, "US-WEST1"), (0, "=?base64?dXM?="), (1, "43"), (1, "forty-two"), (2, "False"), (2, "")] {
        let mut headers = good;
        headers[index].1 = wrong;
        assert!(check(&three(), arguments, &headers).is_err(), "{wrong}");
    }
    let twice = [good[0], good[1], good[2], good[0]];
    assert_eq!(check(&three(), arguments, &twice).unwrap_err(), "mcp-param-region occurs more than once");
}

#[test]
fn strings_are_exact_after_decoding() {
    let schema = properties(r#""t":{"type":"string","x-mcp-header":"T"}"#);
    let with = |text: &str, header: &str| check(&schema, &format!(r#"{{"t":"{text}"}}"#), &[("Mcp-Param-T", header)]);
    assert_eq!(with("Hello", "=?base64?SGVsbG8=?="), Ok(()));
    assert_eq!(with("SGVsbG8=", "SGVsbG8="), Ok(()));
    assert_eq!(with("=?base64?SGVsbG8=", "=?base64?SGVsbG8="), Ok(()));
    assert_eq!(with("", ""), Ok(()));
    assert_eq!(with("", "=?base64??="), Ok(()));
    assert_eq!(with(r"l\u0069ne1\nline2", "=?base64?bGluZTEKbGluZTI=?="), Ok(()));
    assert!(with("Hello", "=?base64?SGVsbG8?=").is_err());
    assert!(with("42", "42.0").is_err());
    assert!(with("é", "é").is_err());
}

#[test]
fn numbers_are_compared_as_numbers_and_exactly() {
    let schema = properties(r#""n":{"type":"integer","x-mcp-header":"N"}"#);
    let with = |number: &str, header: &str| check(&schema, &format!(r#"{{"n":{number}}}"#), &[("Mcp-Param-N", header)]);
    assert_eq!(with("42", "42.0"), Ok(()));
    assert_eq!(with("42.0", "42"), Ok(()));
    assert_eq!(with("1e2", "100"), Ok(()));
    assert_eq!(with("9007199254740993", "9007199254740993"), Ok(()));
    assert!(with("9007199254740993", "9007199254740992").is_err());
    assert!(with("42", "042").is_err());
    assert!(with("42", "").is_err());
    // Beyond the safe range the TypeScript SDK sends no header.
    assert_eq!(check(&schema, r#"{"n":9007199254740993}"#, &[]), Ok(()));
    assert!(check(&schema, r#"{"n":9007199254740991}"#, &[]).is_err());
    assert!(check(&schema, r#"{"n":1.5}"#, &[]).is_err());
}

#[test]
fn what_the_body_has_not_the_headers_must_not_claim() {
    let schema = three();
    for arguments in
        [r#"{"query":"x"}"#, r#"{"region":null,"count":null}"#, r#"{"region":{},"deep":7}"#, r#"{"deep":{"dry":null}}"#]
    {
        assert_eq!(check(&schema, arguments, &[]), Ok(()), "{arguments}");
        for header in [("Mcp-Param-Region", "us-west1"), ("Mcp-Param-Dry", "true"), ("Mcp-Param-Region", "null")] {
            assert!(check(&schema, arguments, &[header]).is_err(), "{arguments}");
        }
    }
    assert!(read(&schema).unwrap().check(&HeaderMap::new(), None, b"").is_ok());
}

#[test]
fn headers_that_the_tool_does_not_declare_are_left_alone() {
    assert_eq!(check(&three(), "{}", &[("Mcp-Param-Other", "é"), ("Mcp-Param-Regions", "x")]), Ok(()));
    assert_eq!(check(r#"{"type":"object"}"#, "{}", &[("Mcp-Param-Region", "x")]), Ok(()));
}

#[test]
fn keys_match_after_unescaping_and_only_in_their_place() {
    let arguments = r#"{"r\u0065gion":"a","query":{"region":"b"},"dry":true}"#;
    assert_eq!(check(&three(), arguments, &[("Mcp-Param-Region", "a")]), Ok(()));
    assert!(check(&three(), arguments, &[("Mcp-Param-Region", "b")]).is_err());
}
