//! The strict reader against the public corpus of JSON parsing tests, and against bodies that split parsers.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use weir::protocol::{
    json::{self, FaultReason as Text},
    message::{Body, FaultReason, Limits, read_client, read_server},
};

/// What the corpus leaves open: our verdict, and so the rule.
const OPEN: &[(&str, Result<(), Text>)] = &[
    // Numbers are checked by their grammar, never by their range: what forwards them does not compute with them.
    ("i_number_double_huge_neg_exp.json", Ok(())),
    ("i_number_huge_exp.json", Ok(())),
    ("i_number_neg_int_huge_exp.json", Ok(())),
    ("i_number_pos_double_huge_exp.json", Ok(())),
    ("i_number_real_neg_overflow.json", Ok(())),
    ("i_number_real_pos_overflow.json", Ok(())),
    ("i_number_real_underflow.json", Ok(())),
    ("i_number_too_big_neg_int.json", Ok(())),
    ("i_number_too_big_pos_int.json", Ok(())),
    ("i_number_very_big_negative_int.json", Ok(())),
    // Half a surrogate pair: one parser replaces it, another refuses, a third keeps it, so that strings differ.
    ("i_object_key_lone_2nd_surrogate.json", Err(Text::LoneSurrogate)),
    ("i_string_1st_surrogate_but_2nd_missing.json", Err(Text::LoneSurrogate)),
    ("i_string_1st_valid_surrogate_2nd_invalid.json", Err(Text::LoneSurrogate)),
    ("i_string_incomplete_surrogate_and_escape_valid.json", Err(Text::LoneSurrogate)),
    ("i_string_incomplete_surrogate_pair.json", Err(Text::LoneSurrogate)),
    ("i_string_incomplete_surrogates_escape_valid.json", Err(Text::LoneSurrogate)),
    ("i_string_invalid_lonely_surrogate.json", Err(Text::LoneSurrogate)),
    ("i_string_invalid_surrogate.json", Err(Text::LoneSurrogate)),
    ("i_string_inverted_surrogates_U+1D11E.json", Err(Text::LoneSurrogate)),
    ("i_string_lone_second_surrogate.json", Err(Text::LoneSurrogate)),
    // No UTF-8 (RFC 8259, section 8.1, asks for it): other encodings, overlong forms, bytes that are cut off.
    ("i_string_UTF-16LE_with_BOM.json", Err(Text::Utf8)),
    ("i_string_UTF-8_invalid_sequence.json", Err(Text::Utf8)),
    ("i_string_UTF8_surrogate_U+D800.json", Err(Text::Utf8)),
    ("i_string_invalid_utf-8.json", Err(Text::Utf8)),
    ("i_string_iso_latin_1.json", Err(Text::Utf8)),
    ("i_string_lone_utf8_continuation_byte.json", Err(Text::Utf8)),
    ("i_string_not_in_unicode_range.json", Err(Text::Utf8)),
    ("i_string_overlong_sequence_2_bytes.json", Err(Text::Utf8)),
    ("i_string_overlong_sequence_6_bytes.json", Err(Text::Utf8)),
    ("i_string_overlong_sequence_6_bytes_null.json", Err(Text::Utf8)),
    ("i_string_truncated-utf-8.json", Err(Text::Utf8)),
    ("i_string_utf16BE_no_BOM.json", Err(Text::Utf8)),
    ("i_string_utf16LE_no_BOM.json", Err(Text::Utf8)),
    // A mark that must not be sent (section 8.1): parsers skip it or refuse it.
    ("i_structure_UTF-8_BOM_empty_object.json", Err(Text::ByteOrderMark)),
    // Deeper than 64: recursive parsers give up at depths of their own.
    ("i_structure_500_nested_arrays.json", Err(Text::Depth)),
];

/// What the corpus accepts and our rules refuse.
const STRICTER: &[(&str, Text)] = &[
    ("y_object_duplicated_key.json", Text::RepeatedKey),
    ("y_object_duplicated_key_and_value.json", Text::RepeatedKey),
    ("y_object_escaped_null_in_key.json", Text::NulInKey),
];

#[test]
fn the_parsing_corpus_is_judged_as_written_down() {
    let Some(folder) = corpus("json-parsing/test_parsing") else {
        return;
    };
    let mut open = OPEN.to_vec();
    let mut stricter = STRICTER.to_vec();
    let mut counts = [0, 0];
    for file in fs::read_dir(folder).expect("readable") {
        let file = file.expect("readable").path();
        let name = file.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        let verdict = json::check(&fs::read(&file).expect("readable"), 64).map_err(|fault| fault.reason);
        if name.starts_with("n_") {
            assert!(verdict.is_err(), "{name} passes");
            counts[1] += 1;
        } else if let Some(place) = stricter.iter().position(|(listed, _)| *listed == name) {
            assert_eq!(verdict, Err(stricter.remove(place).1), "{name}");
        } else if let Some(place) = open.iter().position(|(listed, _)| *listed == name) {
            assert_eq!(verdict, open.remove(place).1, "{name}");
        } else if name.starts_with("y_") {
            assert_eq!(verdict, Ok(()), "{name}");
            counts[0] += 1;
        } else {
            panic!("{name} is not in the table: {verdict:?}");
        }
    }
    assert!(open.is_empty() && stricter.is_empty(), "not in the corpus: {open:?} {stricter:?}");
    assert!(counts[0] > 80 && counts[1] > 180, "the corpus is not whole: {counts:?}");
}

/// What no client's body may be, whatever it means to whom. Each is a request to one parser and another to the next.
const HOSTILE: &[(&str, &[u8], FaultReason)] = &[
    ("a repeated method", br#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#, REPEATED),
    ("a repeated id", br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, REPEATED),
    (
        "a repeated name",
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        REPEATED,
    ),
    (
        "repeated params",
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#,
        REPEATED,
    ),
    (
        "a repeated name, escaped",
        br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"name":"a","n\u0061me":"b"}}"#,
        REPEATED,
    ),
    (
        "a repeated method, escaped",
        br#"{"jsonrpc":"2.0","id":1,"method":"ping","\u006d\u0065thod":"tools/call"}"#,
        REPEATED,
    ),
    (
        "a repeated argument",
        br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"arguments":{"path":"/tmp","path":"/"}}}"#,
        REPEATED,
    ),
    (
        "a repeated key, deep",
        br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"arguments":[[{"a":{"b":1,"b":2}}]]}}"#,
        REPEATED,
    ),
    (
        "a repeated key of _meta",
        br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"progressToken":1,"progressToken":2}}}"#,
        REPEATED,
    ),
    ("equal repeated values", br#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}"#, REPEATED),
    ("another case", br#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#, FaultReason::Lookalike),
    ("another case, alone", br#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call"}"#, FaultReason::Lookalike),
    ("another case, escaped", br#"{"jsonrpc":"2.0","id":1,"method":"a","\u0050arams":{}}"#, FaultReason::Lookalike),
    (
        "another case in params",
        br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"name":"a","Name":"b"}}"#,
        FaultReason::Lookalike,
    ),
    (
        "a long s",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"param\u{17f}\":{}}".as_bytes(),
        FaultReason::Lookalike,
    ),
    ("a long s, escaped", br#"{"jsonrpc":"2.0","id":1,"method":"a","param\u017f":{}}"#, FaultReason::Lookalike),
    ("a Kelvin sign", br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"tas\u212aId":"b"}}"#, FaultReason::Lookalike),
    ("a comment", br#"{"jsonrpc":"2.0","id":1,/* "x" */"method":"ping"}"#, FaultReason::Text(Text::KeyExpected)),
    ("a line comment", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} // x", FaultReason::Text(Text::Trailing)),
    ("a trailing comma", br#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#, FaultReason::Text(Text::KeyExpected)),
    (
        "a trailing comma in an array",
        br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"a":[1,]}}"#,
        FaultReason::Text(Text::ValueExpected),
    ),
    ("NaN", br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"a":NaN}}"#, FaultReason::Text(Text::ValueExpected)),
    (
        "-Infinity",
        br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"a":-Infinity}}"#,
        FaultReason::Text(Text::Number),
    ),
    ("a leading zero", br#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#, FaultReason::Text(Text::Number)),
    ("a leading plus", br#"{"jsonrpc":"2.0","id":+1,"method":"ping"}"#, FaultReason::Text(Text::ValueExpected)),
    ("a hexadecimal number", br#"{"jsonrpc":"2.0","id":0x1,"method":"ping"}"#, FaultReason::Text(Text::CommaExpected)),
    ("single quotes", br#"{'jsonrpc':'2.0','id':1,'method':'ping'}"#, FaultReason::Text(Text::KeyExpected)),
    ("a bare key", br#"{jsonrpc:"2.0","id":1,"method":"ping"}"#, FaultReason::Text(Text::KeyExpected)),
    (
        "a byte-order mark",
        b"\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        FaultReason::Text(Text::ByteOrderMark),
    ),
    ("UTF-16", b"{\0\"\0j\0", FaultReason::Text(Text::KeyExpected)),
    (
        "a NUL behind the document",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\0",
        FaultReason::Text(Text::Trailing),
    ),
    (
        "a NUL in a string",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\0\"}",
        FaultReason::Text(Text::ControlCharacter),
    ),
    (
        "a NUL in a key, escaped",
        br#"{"jsonrpc":"2.0","id":1,"method":"ping","method\u0000":"tools/call"}"#,
        FaultReason::Text(Text::NulInKey),
    ),
    (
        "a line feed in a string",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\nng\"}",
        FaultReason::Text(Text::ControlCharacter),
    ),
    ("half a pair", br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"name":"a\ud83d"}}"#, LONE),
    ("the other half", br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"name":"\ude00"}}"#, LONE),
    ("half a pair in a key", br#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"arguments":{"\ud83d":1}}}"#, LONE),
    ("an overlong quote", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\xC0\xA2\"}", FaultReason::Text(Text::Utf8)),
    (
        "an overlong slash",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools\xE0\x80\xAFcall\"}",
        FaultReason::Text(Text::Utf8),
    ),
    (
        "a surrogate in UTF-8",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xED\xA0\xBD\"}",
        FaultReason::Text(Text::Utf8),
    ),
    ("an unknown escape", br#"{"jsonrpc":"2.0","id":1,"method":"p\ing"}"#, FaultReason::Text(Text::Escape)),
    ("an escape in hexadecimal", br#"{"jsonrpc":"2.0","id":1,"method":"\x70ing"}"#, FaultReason::Text(Text::Escape)),
    (
        "a no-break space",
        "{\"jsonrpc\":\"2.0\",\u{a0}\"id\":1,\"method\":\"ping\"}".as_bytes(),
        FaultReason::Text(Text::KeyExpected),
    ),
    (
        "two documents",
        br#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
        FaultReason::Text(Text::Trailing),
    ),
    ("two lines", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{}", FaultReason::Text(Text::Trailing)),
    ("nothing", b"", FaultReason::Text(Text::Truncated)),
    ("a cut off document", br#"{"jsonrpc":"2.0","id":1,"method":"ping""#, FaultReason::Text(Text::Truncated)),
    ("no object", br#""ping""#, FaultReason::NotAMessage),
    ("params by position", br#"{"jsonrpc":"2.0","id":1,"method":"a","params":["a"]}"#, FaultReason::Params),
    ("a fraction as id", br#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#, FaultReason::Id),
    ("an exponent as id", br#"{"jsonrpc":"2.0","id":1e0,"method":"ping"}"#, FaultReason::Id),
    ("an id that doubles lose", br#"{"jsonrpc":"2.0","id":9007199254740992,"method":"ping"}"#, FaultReason::Id),
    ("a request and its answer", br#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, FaultReason::Ambiguous),
    ("a batch in a batch", br#"[[{"jsonrpc":"2.0","id":1,"method":"ping"}]]"#, FaultReason::BatchElement),
    ("an empty batch", b"[]", FaultReason::EmptyBatch),
];

const REPEATED: FaultReason = FaultReason::Text(Text::RepeatedKey);
const LONE: FaultReason = FaultReason::Text(Text::LoneSurrogate);

#[test]
fn bodies_that_split_parsers_are_refused() {
    for (what, body, reason) in HOSTILE {
        let fault = read_client(body, &Limits::default()).expect_err(what);
        assert_eq!(fault.reason, *reason, "{what}: {fault}");
        assert!(fault.at as usize <= body.len(), "{what}: {fault}");
    }
}

/// What looks odd and yet means one thing to every parser.
#[test]
fn odd_bodies_that_mean_one_thing_pass() {
    for body in [
        r#"{"\u006d\u0065thod":"ping","id":1,"json\u0072pc":"\u0032.0"}"#,
        " \t\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n",
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"arguments":{"Name":1,"name":2,"METHOD":3}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"ProgressToken":1,"progressToken":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"arguments":{"a":1e400,"b":1180591620717411303424,"c":-0}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"arguments":{"a":"\u0000","b":"\ud83d\ude00"}}}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"foreign\":\"\u{feff}\u{7f}\u{ffff}\"}",
    ] {
        let read = read_client(body.as_bytes(), &Limits::default());
        assert!(matches!(read, Ok(Body::One(_))), "{body}: {read:?}");
    }
}

#[test]
fn depth_counts_the_envelope_and_cannot_overflow_the_stack() {
    let nested = |open: &str, close: &str, levels: usize| {
        let (open, close) = (open.repeat(levels), close.repeat(levels));
        format!(r#"{{"jsonrpc":"2.0","method":"a","params":{{"a":{open}1{close}}}}}"#)
    };
    let limits = Limits::default();
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for read in [read_client, read_server] {
            assert!(read(nested(open, close, 62).as_bytes(), &limits).is_ok());
            for levels in [63, 100_000] {
                let fault = read(nested(open, close, levels).as_bytes(), &limits).expect_err("too deep");
                assert_eq!(fault.reason, FaultReason::Text(Text::Depth));
                let fault = read(open.repeat(levels).as_bytes(), &limits);
                assert!(fault.is_err());
            }
            // As deep as can be asked for.
            let deepest = Limits { depth: u16::MAX, ..limits };
            assert!(read(nested(open, close, usize::from(u16::MAX) - 2).as_bytes(), &deepest).is_ok());
            assert!(read(nested(open, close, usize::from(u16::MAX) - 1).as_bytes(), &deepest).is_err());
        }
    }
    // A batch is a level of its own.
    let batch = |levels| format!("[{}]", nested("[", "]", levels));
    assert!(read_client(batch(61).as_bytes(), &limits).is_ok());
    assert!(read_client(batch(62).as_bytes(), &limits).is_err());
}

/// A folder of the corpora; says so where it is not there.
fn corpus(name: &str) -> Option<PathBuf> {
    let corpora = env::var_os("WEIR_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"), PathBuf::from);
    let folder = corpora.join(name);
    if !folder.is_dir() {
        println!("skipped: no corpus {name} in {}", corpora.display());
        return None;
    }
    Some(folder)
}
