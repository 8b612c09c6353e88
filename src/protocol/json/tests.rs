//! Where faults are, what look-ups give, and that many keys stay cheap. What is accepted is held against a model in
//! `tests/fuzz_corpus.rs`.

use std::borrow::Cow;

use proptest::prelude::*;

use super::{
    FaultReason, Kind, Looked, Marks, Repeats, Scanner, Span, Step, Value, Walk, check, distinct, elements, member,
    members,
};

fn all(text: &str) -> Span {
    Span { start: 0, end: text.len() as u32 }
}

#[test]
fn a_fault_names_its_byte() {
    for (text, reason, at) in [
        ("", FaultReason::Truncated, 0),
        (" ", FaultReason::Truncated, 1),
        ("{\"a\" 1}", FaultReason::ColonExpected, 5),
        ("{\"a\":1 \"b\":2}", FaultReason::CommaExpected, 7),
        ("[1}", FaultReason::CommaExpected, 2),
        ("[1,]", FaultReason::ValueExpected, 3),
        ("{\"a\":1,}", FaultReason::KeyExpected, 7),
        ("[truth]", FaultReason::ValueExpected, 4),
        ("[01]", FaultReason::Number, 2),
        ("[-]", FaultReason::Number, 2),
        ("[1.]", FaultReason::Number, 3),
        ("1e", FaultReason::Truncated, 2),
        ("\"abc", FaultReason::Truncated, 4),
        ("\"abcdefghi\u{1}\"", FaultReason::ControlCharacter, 10),
        ("\"abcdefghi\\q\"", FaultReason::Escape, 10),
        ("\"\\u12g4\"", FaultReason::Escape, 5),
        ("\"x\\ud800\"", FaultReason::LoneSurrogate, 2),
        ("\"x\\ud800\\u0041\"", FaultReason::LoneSurrogate, 2),
        ("{\"a\\u0000\":1}", FaultReason::NulInKey, 3),
        ("{\"a\":1,\"\\u0061\":2}", FaultReason::RepeatedKey, 7),
        ("[] x", FaultReason::Trailing, 3),
    ] {
        let fault = check(text.as_bytes(), 64).expect_err(text);
        assert_eq!((fault.reason, fault.at), (reason, at), "{text}");
    }
    let fault = check(b"[\"\xC0\"]", 64).expect_err("overlong");
    assert_eq!(fault.to_string(), "the text is not well-formed UTF-8 at byte 2");
}

#[test]
fn depth_is_a_bound_on_what_is_open_at_once() {
    assert_eq!(check(b"1", 0), Ok(()));
    assert_eq!(check(b"[]", 0).map_err(|fault| fault.at), Err(0));
    assert_eq!(check(b"[[],[{}]]", 3), Ok(()));
    assert_eq!(check(b"[[],[{}]]", 2).map_err(|fault| fault.at), Err(5));
}

/// One object of so many keys, the last of which is given.
fn wide(keys: usize, last: &str) -> String {
    let mut text = String::from("{");
    (0..keys).for_each(|key| text.push_str(&format!("\"key {key}\":{key},")));
    text + &format!("\"{last}\":0}}")
}

#[test]
fn repeated_keys_are_found_among_few_and_among_many() {
    for keys in [1, 3, 4, 5, 31, 32, 33, 1000, 100_000] {
        assert_eq!(check(wide(keys, "another").as_bytes(), 64), Ok(()));
        for last in ["key 0", "\\u006bey 0", &format!("key {}", keys - 1)] {
            let text = wide(keys, last);
            let fault = check(text.as_bytes(), 64).expect_err("it repeats");
            assert_eq!(fault.reason, FaultReason::RepeatedKey);
            assert!(text[fault.at as usize..].starts_with(&format!("\"{last}\":0")), "{keys} keys, {last}");
        }
    }
}

#[test]
fn keys_of_one_tag_are_told_apart() {
    // Ends and lengths agree, only the middle differs.
    let text = format!("{{{}}}", (10..40).map(|n| format!("\"abcd{n}wxyz\":0")).collect::<Vec<_>>().join(","));
    assert_eq!(check(text.as_bytes(), 64), Ok(()));
    assert_eq!(
        check(text.replace("abcd39wxyz", "abcd10wxyz").as_bytes(), 64).map_err(|fault| fault.at),
        Err(1 + 29 * 15)
    );
    // Keys of neighbouring objects are no repeats of each other.
    assert_eq!(check(br#"{"a":{"a":[{"a":1},{"a":1}]},"b":{"a":1}}"#, 64), Ok(()));
    assert_eq!(check(br#"{"a":{"b":1},"c":2,"a":{}}"#, 64).map_err(|fault| fault.at), Err(19));
}

#[test]
fn values_give_their_text() {
    let text = r#"{"plain":"Zürich","esc\u0061ped":"\ud83d\ude00\n\"","n":-1.5e3,"o":{"x":[]},"t":true}"#;
    check(text.as_bytes(), 64).expect("it is sound");
    let bytes = text.as_bytes();
    let plain = member(bytes, all(text), "plain").unwrap();
    assert!(matches!(plain.text(bytes), Some(Cow::Borrowed("Zürich"))));
    assert!(plain.is(bytes, "Zürich") && !plain.is(bytes, "Z"));
    let escaped = member(bytes, all(text), "escaped").unwrap();
    assert_eq!(escaped.text(bytes).as_deref(), Some("😀\n\""));
    assert!(escaped.escaped && escaped.is(bytes, "😀\n\"") && !escaped.is(bytes, "😀\n"));
    let number = member(bytes, all(text), "n").unwrap();
    assert_eq!((number.kind, number.raw(bytes), number.text(bytes)), (Kind::Number, &b"-1.5e3"[..], None));
    assert_eq!(member(bytes, all(text), "x"), None, "only own members");
    let object = member(bytes, all(text), "o").unwrap();
    assert_eq!(member(bytes, object.span, "x").map(|value| value.raw(bytes)), Some(&b"[]"[..]));
    assert_eq!(member(bytes, all(text), "t").map(|value| value.kind), Some(Kind::True));
    assert!(!member(bytes, all(text), "t").unwrap().is(bytes, "true"), "no string");
}

#[test]
fn look_ups_walk_in_order() {
    let text = r#" [ 1 , "a]" , {"k" : [2, "}"]} , null , [ ] ] "#;
    let bytes = text.as_bytes();
    check(bytes, 64).expect("it is sound");
    let array = Span { start: 1, end: text.len() as u32 - 1 };
    let raw: Vec<_> = elements(bytes, array).map(|value| value.raw(bytes)).collect();
    assert_eq!(raw, [&b"1"[..], b"\"a]\"", br#"{"k" : [2, "}"]}"#, b"null", b"[ ]"]);
    assert_eq!(members(bytes, array).count(), 0, "it is no object");
    let object = elements(bytes, array).nth(2).unwrap();
    let (key, value) = members(bytes, object.span).next().unwrap();
    assert!(key.is(bytes, "k"));
    assert_eq!(value.raw(bytes), br#"[2, "}"]"#);
    assert!(distinct(bytes, object.span));
    assert!(!distinct(br#"{"a":1,"\u0061":2}"#, Span { start: 0, end: 18 }));
}

/// A text, with what its reader has noted.
fn marked(text: &str) -> (Value, Marks) {
    let mut marks = Marks::default();
    let mut scanner = Scanner::new(text.as_bytes(), 64, Repeats::Refused).expect("it is sound");
    let value = marks.read(&mut scanner).expect("it is sound");
    assert_eq!(scanner.end(), Ok(()));
    (value, marks)
}

/// Walks over a value and all that is in it: what the look-ups find is found, and what is looked at is counted.
fn walked(text: &str, value: Value, marks: &[Value]) {
    let bytes = text.as_bytes();
    let expected: Vec<(Option<Value>, Value)> = match value.kind {
        Kind::Object => members(bytes, value.span).map(|(key, value)| (Some(key), value)).collect(),
        _ => elements(bytes, value.span).map(|value| (None, value)).collect(),
    };
    let mut walk = Walk::new(bytes, value.span, marks);
    let (mut found, mut total) = (Vec::new(), Looked::default());
    let mut count = |looked: Looked| {
        (total.bytes, total.text) = (total.bytes + looked.bytes, total.text + looked.text);
    };
    loop {
        match walk.next(usize::MAX) {
            Step::At { key, value, marks, looked } => {
                count(looked);
                found.push((key, value));
                assert!(marks.iter().all(|mark| mark.span.start > value.span.start && mark.span.end < value.span.end));
                walked(text, value, marks);
            }
            Step::End(looked) => break count(looked),
            Step::Short => panic!("it may look at everything"),
        }
    }
    assert_eq!(found, expected, "{text}");
    let length = value.raw(bytes).len();
    if matches!(value.kind, Kind::Object | Kind::Array) && marks.is_empty() {
        assert!(total.bytes + total.text >= length - 2, "{total:?} of {length}: {text}");
    }
    // Whoever may look at less finds the same, up to where it does not suffice.
    for most in [0, 1, 7, 40, 600, length] {
        let mut walk = Walk::new(bytes, value.span, marks);
        let cut = std::iter::from_fn(|| match walk.next(most) {
            Step::At { key, value, .. } => Some((key, value)),
            Step::End(_) | Step::Short => None,
        });
        let cut: Vec<_> = cut.collect();
        assert_eq!(cut, expected[..cut.len()], "{most} of {text}");
    }
}

#[test]
fn the_notes_of_long_values_lead_behind_them() {
    let long = "x".repeat(600);
    let text = format!(r#"{{"a":"{long}","b":[1,{{"c":"{long}","d":[[["{long}\n"]]]}},"s"],"e":{{}}}}"#);
    let (value, marks) = marked(&text);
    let begin: Vec<_> = marks.all().iter().map(|mark| mark.raw(text.as_bytes())[0]).collect();
    assert_eq!(begin, *b"\"[{\"[[[\"");
    walked(&text, value, marks.all());
    let mut walk = Walk::new(text.as_bytes(), value.span, marks.all());
    let Step::At { looked, .. } = walk.next(16) else { panic!("`a` is passed without a look at it") };
    assert!(looked.bytes + looked.text < 100, "{looked:?}");
    let mut walk = Walk::new(text.as_bytes(), value.span, &[]);
    assert!(matches!(walk.next(16), Step::Short));
    assert!(marked("[1,2,3]").1.all().is_empty() && marked(&format!("\"{long}\"")).1.all().is_empty());
    let deep = format!("{}\"{long}\"{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(marked(&deep).1.all().len(), 6, "what is deeper is looked through");
}

fn any_json() -> impl Strategy<Value = String> {
    let long = (0usize..1200, "[a\u{e9}]").prop_map(|(length, of)| format!("\"{}\"", of.repeat(length)));
    let leaf = prop_oneof![
        prop::sample::select(vec!["0", "-1.5e3", "true", "false", "null", "\"\"", "\"}]\\\"\\\\\"", "[]", "{ }"])
            .prop_map(str::to_owned),
        long,
        (0usize..300).prop_map(|count| format!("[{}0]", "[], ".repeat(count))),
        (500usize..600).prop_map(|count| format!("\"{}\"", "\\n".repeat(count / 2))),
    ];
    leaf.prop_recursive(8, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|all| format!("[ {} ]", all.join(" ,\n"))),
            prop::collection::vec(inner, 0..6).prop_map(|all| {
                let members = all.iter().enumerate().map(|(at, value)| format!("\"k{at}\\t\" : {value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_walk_with_notes_finds_what_look_ups_find(text in any_json()) {
        let (value, marks) = marked(&text);
        prop_assert_eq!(check(text.as_bytes(), 64), Ok(()));
        walked(&text, value, marks.all());
        walked(&text, value, &[]);
    }
}
