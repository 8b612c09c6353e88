//! What the fuzz targets check, as plain tests: over the committed corpus, and over generated input.

use std::{fs, path::Path};

use proptest::prelude::*;

#[path = "fuzz/checks/reader.rs"]
mod reader;
#[path = "fuzz/inputs/reader.rs"]
mod reader_inputs;

#[test]
fn the_corpus_of_the_reader_holds() {
    for_each_of("reader", reader::check);
}

proptest! {
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
fn for_each_of(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
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
