//! Where faults are, what look-ups give, and that many keys stay cheap. What is accepted is held against a model in
//! `tests/fuzz_corpus.rs`.

use std::borrow::Cow;

use super::{FaultReason, Kind, Span, check, distinct, elements, member, members};

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
