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
