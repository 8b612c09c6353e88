//! What paths name is replaced, wherever it stands, and nothing else is: held against a tree.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::protocol::message::{Body, Limits, read_server};

fn redaction(paths: &[&str]) -> Arc<Redaction> {
    let paths: Vec<_> = paths.iter().map(|path| KeyPath::parse(path).unwrap()).collect();
    Arc::new(Redaction::of(&paths))
}

/// A result after its redaction, and the text of the answer that it stood in, with `@` in the place of what was replaced.
fn redacted(result: &str, all: &[Arc<Redaction>], inside: bool) -> (String, String) {
    let text = format!(r#"{{ "jsonrpc":"2.0","id":1 , "result": {result}}}"#);
    let Ok(Body::One(message)) = read_server(text.as_bytes(), &Limits::default()) else { panic!("{text}") };
    let mut places = Vec::new();
    redact(all, inside, message.result.unwrap(), text.as_bytes(), &mut places);
    let changed = String::from_utf8(respelt(text.as_bytes(), &places)).unwrap();
    places.iter_mut().for_each(|(_, replacement)| *replacement = b"@".to_vec());
    let marked = String::from_utf8(respelt(text.as_bytes(), &places)).unwrap();
    let inner = |text: &str| {
        text.strip_prefix(r#"{ "jsonrpc":"2.0","id":1 , "result": "#).unwrap().strip_suffix('}').unwrap().to_owned()
    };
    (inner(&changed), inner(&marked))
}

fn one(result: &str, paths: &[&str]) -> String {
    redacted(result, &[redaction(paths)], false).0
}

#[test]
fn what_is_named_is_replaced_by_its_kind_and_all_else_stays_to_the_byte() {
    let result =
        r#"{"content":[ {"type":"text","text":"hi","email":"HUSH"} ,{"e\u006dail":1e400}],"n" : {"email":"seen"}}"#;
    let expected = r#"{"content":[ {"type":"text","text":"hi","email":"[redacted]"} ,{"e\u006dail":"[redacted]"}],"n" : {"email":"seen"}}"#;
    for path in ["content.*.email", "content.email", "Content.*.E?AIL", "c*t.*.email"] {
        assert_eq!(one(result, &[path]), expected, "{path}");
    }
    let first = one(result, &["content.0.email"]);
    assert!(first.contains("1e400") && !first.contains("HUSH"), "{first}");
    let kinds = r#"{"a":{"b":1},"c":[1],"d":null,"e":true,"f":-0.0}"#;
    assert_eq!(
        one(kinds, &["a", "c", "d", "e", "f"]),
        r#"{"a":{},"c":[],"d":"[redacted]","e":"[redacted]","f":"[redacted]"}"#
    );
    assert_eq!(one(kinds, &["a.b.c", "x", "c.1", "d.x"]), kinds);
}

#[test]
fn a_key_that_stands_twice_in_whatever_case_or_with_dots_is_redacted_each_time() {
    for result in [
        r#"{"user":{"pass":"HUSH","pass":"HUSH","x":1}}"#,
        r#"{"USER":{"Pass":"HUSH","x":1}}"#,
        r#"{"user.pass":"HUSH","x":1}"#,
        r#"{"user":[[{"pass":"HUSH"}],{"x":1}]}"#,
        r#"{"user":"{\"pass\":\"HUSH\",\"x\":1}"}"#,
        r#"{"user":"[\"{\\\"pass\\\":\\\"HUSH\\\",\\\"x\\\":1}\"]"}"#,
    ] {
        let redacted = one(result, &["user.pass"]);
        assert!(!redacted.contains("HUSH") && redacted.contains('x') && redacted.contains("[redacted]"), "{redacted}");
    }
}

#[test]
fn the_text_that_says_the_structured_content_once_more_is_redacted_as_well() {
    let text = |text: &str| {
        let text = json::quoted(text);
        format!(r#"{{"content":[{{"type":"text","text":{text}}}],"structuredContent":{{"email":"HUSH","n":1}}}}"#)
    };
    let structured = r#""structuredContent":{"email":"[redacted]","n":1}"#;
    for (before, after) in [
        ("{\"email\": \"HUSH\",\n \"n\":1.0}", "{\"email\": \"[redacted]\",\n \"n\":1.0}"),
        (" [{\"email\":[\"HUSH\"]}] ", " [{\"email\":[]}] "),
        // What looks like JSON and is none, or may be read in two ways.
        ("{'email': 'HUSH'}", "[redacted]"),
        ("{\"email\":1,\"email\":\"HUSH\"}", "[redacted]"),
        ("\u{feff}{\"email\":\"HUSH\"}", "[redacted]"),
        ("{\"email\":\"HUSH\"}\n{\"email\":\"HUSH\"}", "[redacted]"),
        // Words are not looked into, and what holds nothing of it stays.
        ("see {n}", "see {n}"),
        ("\"hi\" he said", "\"hi\" he said"),
        ("{ \"n\" : 1 }", "{ \"n\" : 1 }"),
    ] {
        let expected = text(after).replace(r#""structuredContent":{"email":"HUSH","n":1}"#, structured);
        for path in ["structuredContent.email", "structured*.email"] {
            assert_eq!(one(&text(before), &[path]), expected);
        }
    }
    assert_eq!(
        one(&text("all of it"), &["structuredContent"]),
        r#"{"content":[{"type":"text","text":"[redacted]"}],"structuredContent":{}}"#
    );
    assert!(one(&text("{\"email\":\"HUSH\"}"), &["content.*.text.email"]).contains(r#"{\"email\":\"[redacted]\"}"#));
}

#[test]
fn what_is_said_of_a_task_holds_the_result_of_its_call() {
    let task = r#"{"taskId":"t","status":"completed","result":{"content":[{"email":"HUSH"}]}}"#;
    let all = [redaction(&["content.*.email"])];
    assert!(!redacted(task, &all, true).0.contains("HUSH"));
    assert_eq!(redacted(task, &all, false).0, task);
}

#[test]
fn what_is_deeper_than_any_path_or_at_a_longer_key_is_replaced_whole() {
    let deep = format!(r#"{{"a":{}{{"b":"HUSH"}}{}}}"#, "[".repeat(50), "]".repeat(50));
    let long = format!(r#"{{"a":{{"{}":"HUSH"}}}}"#, "b.".repeat(MOST_KEY));
    for result in [deep, long] {
        let redacted = one(&result, &["a.b.c.d"]);
        assert!(!redacted.contains("HUSH"), "{redacted}");
    }
}

/// What a path means, said once more and slowly: without dots in keys, and without texts.
fn slowly(value: &mut Json, path: &[&str]) {
    let Some((step, rest)) = path.split_first() else {
        *value = match value {
            Json::Object(_) => serde_json::json!({}),
            Json::Array(_) => serde_json::json!([]),
            _ => "[redacted]".into(),
        };
        return;
    };
    match value {
        Json::Object(members) => {
            for (key, inner) in members.iter_mut().filter(|(key, _)| *step == "*" || key.to_lowercase() == *step) {
                let _ = key;
                slowly(inner, rest);
            }
        }
        Json::Array(items) => {
            for (place, item) in items.iter_mut().enumerate() {
                match step.parse::<usize>() {
                    Ok(wanted) if wanted != place => {}
                    Ok(_) => slowly(item, rest),
                    Err(_) if *step == "*" => slowly(item, rest),
                    Err(_) => slowly(item, path),
                }
            }
        }
        _ => {}
    }
}

fn documents() -> impl Strategy<Value = String> {
    let leaf =
        prop::sample::select(vec!["1", "\"s\"", "null", "true", "\"\\u00e9 x\"", "{}", "[ ]"]).prop_map(String::from);
    let space = || prop::sample::select(vec!["", " ", "\n"]);
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let key = prop::sample::select(vec!["a", "b", "B", "c", "0", "1", "\\u0061x"]);
        prop_oneof![
            (prop::collection::vec((inner.clone(), space()), 0..5)).prop_map(|items| format!(
                "[{}]",
                items.into_iter().map(|(item, space)| format!("{space}{item}")).collect::<Vec<_>>().join(",")
            )),
            prop::collection::vec((key, inner, space()), 0..5).prop_map(|members| {
                let mut seen = Vec::new();
                let once = members.into_iter().filter(|(key, ..)| {
                    !seen.contains(key) && {
                        seen.push(*key);
                        true
                    }
                });
                format!(
                    "{{{}}}",
                    once.map(|(key, value, space)| format!("{space}\"{key}\":{space}{value}{space}"))
                        .collect::<Vec<_>>()
                        .join(",")
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn it_is_what_a_tree_would_become_and_every_other_byte_stays(
        document in documents(),
        paths in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "ax", "*", "0", "1"]), 1..5), 1..4),
    ) {
        let result = format!(r#"{{"a":{document},"z":{document}}}"#);
        let texts: Vec<_> = paths.iter().map(|path| path.join(".")).collect();
        let all: Vec<_> = texts.iter().map(|text| redaction(&[text])).collect();
        let (changed, marked) = redacted(&result, &all, false);
        let mut tree: Json = serde_json::from_str(&result).unwrap();
        // The shortest last: what is replaced holds nothing that could be named.
        let mut paths = paths;
        paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
        paths.iter().for_each(|path| slowly(&mut tree, path));
        let read: Json = serde_json::from_str(&changed).unwrap();
        prop_assert_eq!(&read, &tree, "{:?} {}", texts, changed);
        // Outside of what was replaced the text is the one that came.
        let mut rest = result.as_str();
        for part in marked.split('@') {
            let at = rest.find(part);
            prop_assert!(at.is_some(), "{} {}", part, marked);
            rest = &rest[at.unwrap_or(0) + part.len()..];
        }
        prop_assert!(marked.contains('@') || changed == result);
    }
}
