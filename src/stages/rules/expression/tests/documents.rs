//! What the documents say of names is what there is.

use super::super::names;

#[test]
fn the_table_of_names_is_complete() {
    let module = include_str!("../mod.rs");
    for (name, of, means) in names() {
        let row = format!("//! | `{name}` | {of} | {means} |\n");
        assert!(module.contains(&row), "src/stages/rules/expression/mod.rs lacks the row:\n{row}");
    }
}
