//! What the fuzz targets check, as plain tests: over the committed corpus, and over generated input.

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;

#[path = "fuzz/checks/arguments.rs"]
mod arguments;
#[path = "fuzz/checks/expressions.rs"]
mod expressions;
#[path = "fuzz/checks/guard.rs"]
mod guard;
#[path = "fuzz/checks/headers.rs"]
mod headers;
#[path = "fuzz/checks/reader.rs"]
mod reader;
#[path = "fuzz/inputs/reader.rs"]
mod reader_inputs;
#[path = "fuzz/checks/seal.rs"]
mod seal;
#[path = "fuzz/checks/sse.rs"]
mod sse;
#[path = "fuzz/checks/upstream.rs"]
mod upstream;

/// Panics where something does not hold.
type Check = fn(&[u8]);

/// Every target, and its check.
const TARGETS: [(&str, Check); 8] = [
    ("arguments", arguments::check),
    ("expressions", expressions::check),
    ("guard", guard::check),
    ("headers", headers::check),
    ("reader", reader::check),
    ("seal", seal::check),
    ("sse", sse::check),
    ("upstream", upstream::check),
];

#[test]
fn every_corpus_holds() {
    for (target, check) in TARGETS {
        for_each_of(target, check);
    }
}

#[test]
fn every_target_is_run_here_and_has_its_three_files() {
    let run_here: BTreeSet<_> = TARGETS.map(|(target, _)| target.to_owned()).into();
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("the manifest of the fuzz targets");
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let bins = manifest["bin"].as_array().expect("[[bin]]").iter();
    let bins = bins.map(|bin| {
        let name = bin["name"].as_str().expect("a name");
        assert_eq!(bin["path"].as_str(), Some(format!("fuzz_targets/{name}.rs").as_str()));
        name.to_owned()
    });
    assert_eq!(bins.collect::<BTreeSet<_>>(), run_here, "[[bin]] in tests/fuzz/Cargo.toml");
    assert_eq!(names("fuzz_targets"), run_here, "tests/fuzz/fuzz_targets");
    assert_eq!(names("corpus"), run_here, "tests/fuzz/corpus");
    for target in &run_here {
        assert!(fuzz().join(format!("checks/{target}.rs")).is_file(), "tests/fuzz/checks/{target}.rs");
    }
    let readme = fs::read_to_string(fuzz().join("README.md")).expect("tests/fuzz/README.md");
    for target in &run_here {
        assert!(readme.contains(&format!("| `{target}` |")), "tests/fuzz/README.md says nothing of {target}");
    }
}

/// Schemas that are somewhat like schemas.
fn any_schema() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        r#"{"type":"string"}"#,
        r#"{"type":["integer","null"]}"#,
        r#"{"enum":[1,"a",[2]]}"#,
        r#"{"const":{"a":1}}"#,
        "true",
        "false",
        "{}",
        r#"{"pattern":"^(a|b)*b{2,40}$"}"#,
        r##"{"$ref":"#"}"##,
        r##"{"$ref":"#/$defs/d"}"##,
        r##"{"$ref":"#/properties/a"}"##,
        r#"{"minLength":1,"maxItems":3}"#,
        r#"{"uniqueItems":true}"#,
        r#"{"multipleOf":0.1}"#,
        r#"{"required":["a","b"]}"#,
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(5, 48, 4, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..4).prop_map(|all| all.join(","));
        prop_oneof![
            (prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]), list())
                .prop_map(|(key, all)| format!(r#"{{"{key}":[{all}]}}"#)),
            (prop::sample::select(vec!["items", "not", "contains", "additionalProperties", "propertyNames", "unevaluatedItems"]), inner.clone())
                .prop_map(|(key, one)| format!(r#"{{"{key}":{one}}}"#)),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, d)| {
                format!(r#"{{"properties":{{"a":{a}}},"patternProperties":{{"^b":{b}}},"unevaluatedProperties":false,"$defs":{{"d":{d}}}}}"#)
            }),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!(r#"{{"if":{a},"then":{b},"else":{c}}}"#)),
        ]
    })
}

fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "1.0",
        "-2.5e3",
        "1e400",
        "\"abbb\"",
        "\"\"",
        "true",
        "null",
        "18446744073709551616",
        "[]",
        "{}",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(5, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|all| format!("[{}]", all.join(","))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!(r#"{{"a":{a},"bb":{b}}}"#)),
            inner.prop_map(|a| format!(r#"{{"a/~":{a}}}"#)),
        ]
    })
}

/// Pieces of expressions over what [`any_value`] gives, and some that fit nowhere.
fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "0",
        "-2",
        "2.5",
        "'a'",
        "'abbb'",
        "\"\"",
        "true",
        "false",
        "null",
        "[]",
        "[1, 'a']",
        "{}",
        "{'a': 1}",
        "arguments",
        "arguments.a",
        "arguments.bb",
        "arguments[0]",
        "arguments.a[1]",
        "arguments['a/~']",
        "x",
        "x.a",
        "size(arguments)",
        "has(arguments.a)",
        "has(arguments.a.bb)",
        "'a' in arguments",
        "1 in arguments.a",
        "3u",
        "é",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec![
            "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "&&", "||", " in ", "?",
        ]);
        let method = prop::sample::select(vec!["all", "exists", "exists_one", "map", "filter"]);
        let call = prop::sample::select(vec!["size", "int", "double", "string", "!", "-", "has", "bool", "dyn"]);
        let search = prop::sample::select(vec!["startsWith", "endsWith", "contains", "matches"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            (inner.clone(), method, inner.clone()).prop_map(|(a, method, b)| format!("{a}.{method}(x, {b})")),
            (call, inner.clone()).prop_map(|(call, a)| format!("{call}({a})")),
            (inner.clone(), search, inner.clone()).prop_map(|(a, search, b)| format!("{a}.{search}({b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{a}[{b}]")),
        ]
    })
}

proptest! {
    #[test]
    fn the_check_holds_on_generated_expressions(text in any_expression(), value in any_value()) {
        expressions::check(format!("{text}\n{value}").as_bytes());
    }

    #[test]
    fn checks_end_on_generated_schemas_and_values(schema in any_schema(), value in any_value()) {
        arguments::check(format!("{schema}\n{value}").as_bytes());
    }

    #[test]
    fn the_reader_holds_on_generated_input(input in reader_inputs::any_input()) {
        reader::check(&input);
    }
}

#[test]
fn the_reader_holds_on_all_small_numbers_and_structures() {
    for number in reader_inputs::all_of(&["0", "1", "-", "+", ".", "e"], 5) {
        reader::check(number.as_bytes());
        reader::check(format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"a\":{number}}}}}").as_bytes());
        reader::check(format!("{{\"jsonrpc\":\"2.0\",\"result\":{{}},\"id\":{number}}}").as_bytes());
    }
    for structure in reader_inputs::all_of(&["{", "}", "[", "]", ",", ":", "\"a\"", "1", " "], 5) {
        reader::check(structure.as_bytes());
        reader::check(format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{structure}}}").as_bytes());
    }
}

#[test]
fn the_reader_holds_on_all_small_strings() {
    const UNITS: &[&str] =
        &["\\u0000", "\\ud7ff", "\\ud800", "\\uDBFF", "\\udc00", "\\uDfff", "\\ue000", "\\n", "\\", "u", "d", "x", "ß"];
    for string in reader_inputs::all_of(UNITS, 3) {
        reader::check(format!("{{\"jsonrpc\":\"2.0\",\"id\":\"{string}\",\"result\":{{}}}}").as_bytes());
        reader::check(format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"{string}\":1}}}}").as_bytes());
    }
    // Each byte at each place of a string, around the eight that are looked at together.
    for length in 1..18 {
        for place in 0..length {
            for byte in 0..=255 {
                let mut string = vec![b'a'; length + 2];
                (string[0], string[length + 1], string[place + 1]) = (b'"', b'"', byte);
                reader::check(&string);
            }
        }
    }
}

/// Runs a check on each file of a target's corpus, naming the file that fails.
fn for_each_of(target: &str, check: Check) {
    let folder = fuzz().join("corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("the corpus is committed").map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", folder.display());
    for file in files {
        let data = fs::read(&file).expect("readable");
        println!("{}", file.display());
        check(&data);
    }
}

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz"))
}

/// What lies in a folder of `tests/fuzz`, without endings.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz().join(folder)).expect("a folder of tests/fuzz");
    let names = entries.map(|entry| entry.expect("readable").file_name().into_string().expect("plain names"));
    names.map(|name| name.trim_end_matches(".rs").to_owned()).collect()
}
