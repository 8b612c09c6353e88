//! What must hold of the header checks. The input is three parts with an empty line between them: header lines
//! (`name: value`), the body that a client sent, and the `inputSchema` of the tool that it calls.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value as Tree;
use weir::protocol::{
    headers::{Fault, ParamHeaders, check_names, check_version, era},
    json::{self, Kind, Span, Value},
    message::{self, Body, Limits, Message, read_client},
};

/// Runs every check. Panics where one fails.
pub(crate) fn check(data: &[u8]) {
    let (head, rest) = part(data);
    let (body, schema) = part(rest);
    let headers = parse(head);
    let tool = tool(schema);
    let _ = era(&headers, false, false);
    let Ok(Body::One(message)) = read_client(body, &Limits::default()) else { return };
    // The model's parser has a range for numbers, ours has not.
    let Ok(tree) = serde_json::from_slice::<Tree>(body) else { return without_a_model(&headers, &message, body) };
    match check_version(&headers, &message, body) {
        Ok(Some(version)) => the_version_is_the_one_of_both(&headers, &tree, &version),
        Ok(None) => assert_ne!(message.kind, message::Kind::Request, "a request names its version"),
        Err(Fault::Mismatch(mismatch)) => is_safe(mismatch.message()),
        Err(fault @ Fault::Envelope(_)) => is_safe(&fault.to_string()),
    }
    match check_names(&headers, &message, body) {
        Ok(()) => the_names_are_the_ones_of_the_body(&headers, &message, &tree),
        Err(mismatch) => is_safe(mismatch.message()),
    }
    if let Some((tool, schema)) = tool {
        calls_are_judged_like_the_model(&headers, &message, body, &tree, &tool, &schema);
    }
}

fn without_a_model(headers: &HeaderMap, message: &Message, body: &[u8]) {
    let _ = check_version(headers, message, body);
    let _ = check_names(headers, message, body);
}

/// Up to an empty line, and behind it.
fn part(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[]),
    }
}

fn parse(head: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in head.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]))
        {
            headers.append(name, value);
        }
    }
    headers
}

/// The only value of a header, trimmed and, where it may be, decoded; with a decoder of the model's own.
fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut all = headers.get_all(name).iter();
    let only = all.next()?.to_str().expect("checked").trim_matches([' ', '\t']);
    assert!(all.next().is_none(), "{name} twice");
    let payload = only.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    Some(payload.map_or_else(|| only.to_owned(), |payload| String::from_utf8(base64(payload)).expect("checked")))
}

fn base64(payload: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = payload.trim_end_matches('=').bytes();
    let (mut out, mut bits, mut room) = (Vec::new(), 0u32, 0);
    for digit in digits {
        let digit = ALPHABET.iter().position(|&byte| byte == digit).expect("checked") as u32;
        bits = bits << 6 | digit;
        room += 6;
        if room >= 8 {
            room -= 8;
            out.push((bits >> room) as u8);
        }
    }
    out
}

fn is_safe(message: &str) {
    assert!(message.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{message:?}");
    assert!(message.len() < 66_000, "no longer than a header's name and two cut values");
}

fn the_version_is_the_one_of_both(headers: &HeaderMap, tree: &Tree, version: &str) {
    let meta = tree.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion");
    assert!(meta.is_none_or(|meta| meta == version), "{meta:?}");
    let header = headers.get("mcp-protocol-version");
    assert!(header.is_none_or(|header| header.to_str().expect("checked").trim_matches([' ', '\t']) == version));
    assert!(meta.is_some() || header.is_some());
}

fn the_names_are_the_ones_of_the_body(headers: &HeaderMap, message: &Message, tree: &Tree) {
    let Some(method) = tree["method"].as_str() else { return };
    let asked = message.kind == message::Kind::Request;
    let mirrored = headers.get("mcp-method").map(|header| header.to_str().expect("checked").trim_matches([' ', '\t']));
    assert!(mirrored == Some(method) || (mirrored.is_none() && !asked));
    let source = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return,
    };
    let body = tree["params"][source].as_str();
    match value(headers, "mcp-name") {
        Some(name) => assert_eq!(Some(name.as_str()), body),
        None => assert!(body.is_none() || !asked, "{body:?} is not mirrored"),
    }
}

/// The tool of a schema that is JSON, and valid; the reader and the model agree on whether it is.
fn tool(schema: &[u8]) -> Option<(ParamHeaders, Tree)> {
    json::check(schema, 64).ok()?;
    let tree: Tree = serde_json::from_slice(schema).ok()?;
    let kind = if tree.is_object() { Kind::Object } else { return None };
    let start = schema.iter().position(|&byte| byte == b'{')? as u32;
    let root = Value { span: Span { start, end: schema.len() as u32 }, kind, escaped: false };
    let mut found = Vec::new();
    let valid = annotations(&tree, Some(&mut Vec::new()), &mut found);
    match ParamHeaders::read(schema, root) {
        Ok(tool) => {
            assert!(valid, "valid, says the reader");
            let names: BTreeSet<_> = tool.names().map(|name| name.as_str().to_owned()).collect();
            assert_eq!(names, found.iter().map(|(_, name)| name.clone()).collect());
            Some((tool, tree))
        }
        Err(invalid) => {
            assert!(!valid, "{invalid}");
            is_safe(&invalid.to_string());
            None
        }
    }
}

/// Collects the annotations below `schema`, which is reached by `path` if by `properties` alone; false if one of them
/// is invalid.
fn annotations(schema: &Tree, path: Option<&mut Vec<String>>, found: &mut Vec<(Vec<String>, String)>) -> bool {
    let members = match schema {
        Tree::Array(elements) => return elements.iter().all(|element| annotations(element, None, found)),
        Tree::Object(members) => members,
        _ => return true,
    };
    if let Some(name) = members.get("x-mcp-header") {
        let kind = members.get("type").and_then(Tree::as_str);
        let tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let name = name.as_str().filter(|name| !name.is_empty() && name.len() < 60_000 && name.chars().all(tchar));
        let (Some(path), Some(name)) = (&path, name) else { return false };
        let name = format!("mcp-param-{}", name.to_ascii_lowercase());
        let fits = !path.is_empty()
            && matches!(kind, Some("string" | "integer" | "boolean"))
            && found.len() < 128
            && found.iter().all(|(_, other)| *other != name);
        if !fits {
            return false;
        }
        found.push((path.to_vec(), name));
    }
    let mut path = path;
    members.iter().all(|(key, value)| match (key.as_str(), value) {
        ("default" | "const" | "enum" | "examples" | "required" | "dependentRequired" | "type" | "x-mcp-header", _) => {
            true
        }
        ("properties", Tree::Object(properties)) => properties.iter().all(|(name, property)| match &mut path {
            Some(path) => {
                path.push(name.clone());
                let valid = annotations(property, Some(path), found);
                path.pop();
                valid
            }
            None => annotations(property, None, found),
        }),
        (
            "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties",
            Tree::Object(schemas),
        ) => schemas.values().all(|schema| annotations(schema, None, found)),
        _ => annotations(value, None, found),
    })
}

fn calls_are_judged_like_the_model(
    headers: &HeaderMap,
    message: &Message,
    body: &[u8],
    tree: &Tree,
    tool: &ParamHeaders,
    schema: &Tree,
) {
    let mut found = Vec::new();
    annotations(schema, Some(&mut Vec::new()), &mut found);
    let verdict = tool.check(headers, message.fields.arguments, body);
    if let Err(mismatch) = &verdict {
        return is_safe(mismatch.message());
    }
    for (path, name) in found {
        let argument = path.iter().try_fold(&tree["params"]["arguments"], |value, key| value.as_object()?.get(key));
        let header = value(headers, &name);
        match argument {
            Some(Tree::String(text)) => assert_eq!(header.as_ref(), Some(text), "{name}"),
            Some(Tree::Bool(flag)) => assert_eq!(header, Some(flag.to_string()), "{name}"),
            Some(Tree::Number(number)) if number.as_i64().is_some_and(|n| n.unsigned_abs() < 1 << 53) => {
                let header = header.expect("a safe integer is mirrored");
                assert_eq!(header.parse::<f64>().ok(), number.as_f64(), "{name}");
            }
            Some(Tree::Number(_)) => {}
            _ => assert_eq!(header, None, "{name}: {argument:?}"),
        }
    }
}
