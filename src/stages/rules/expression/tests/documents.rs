//! What the documents say of names and functions is what there is.

use super::super::{check, functions, names, parse};

#[test]
fn the_table_of_names_is_complete() {
    let module = include_str!("../mod.rs");
    for (name, of, means) in names() {
        let row = format!("//! | `{name}` | {of} | {means} |\n");
        assert!(module.contains(&row), "src/stages/rules/expression/mod.rs lacks the row:\n{row}");
    }
}

#[test]
fn functions_are_written_as_the_table_says_and_give_what_it_says() {
    for (written, of, _) in functions() {
        for text in written.split(" or ") {
            let (tree, source) = parse::parse(text).expect(text);
            let (_, given, _) = check::check(text, &tree, &source).expect(text);
            assert_eq!(given.to_string(), of, "{text}");
        }
    }
}
