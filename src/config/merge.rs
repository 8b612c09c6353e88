//! Several files as one: lists of sections add up, a plain section stands in one file only.

use toml::de::{DeTable, DeValue};

use super::{
    report::{Mistakes, Place},
    root, schema,
    section::{Section, value_of},
    shape::Shape,
    sources::Texts,
};

/// Puts an included file behind what is there.
pub(super) fn into<'a>(whole: &mut DeTable<'a>, included: DeTable<'a>, texts: &Texts, mistakes: &Mistakes) {
    for (key, value) in included {
        let (place, name) = (Place::at(key.span()), key.get_ref().clone());
        if name == "include" {
            mistakes.add(place, "an included file cannot include others: name them in the main file");
            continue;
        }
        let Some(there) = whole.get_mut(&*name) else {
            whole.insert(key, value);
            continue;
        };
        let before = there.span();
        match (there.get_mut(), value.into_inner()) {
            (DeValue::Array(there), DeValue::Array(more)) => more.into_iter().for_each(|one| there.push(one)),
            // What is there is no list, is told where it is, and hides nothing of this one.
            (there, more @ DeValue::Array(_)) if is_list(&name) => {
                mistakes.add(Place::at(before), not_a_list(&name, there));
                *there = more;
            }
            (_, other) if is_list(&name) => mistakes.add(place, not_a_list(&name, &other)),
            (_, other) => {
                let (file, ..) = texts.file(before.start);
                let message = format!("[{name}] stands in {file} already: a plain section may stand in one file only");
                mistakes.add(place, message);
                if let Some((shape, _)) = schema::inside(&root::SHAPE, &name) {
                    names(shape, &other, mistakes);
                }
            }
        }
    }
}

/// Notes the unknown keys of a section that is not read.
fn names(shape: &'static Shape, value: &DeValue<'_>, mistakes: &Mistakes) {
    let DeValue::Table(table) = value else { return };
    Section::open(shape, Some(table), Place::Whole, mistakes);
    for (key, value) in table {
        if let Some((shape, _)) = schema::inside(shape, key.get_ref()) {
            names(shape, value.get_ref(), mistakes);
        }
    }
}

fn is_list(name: &str) -> bool {
    schema::inside(&root::SHAPE, name).is_some_and(|(_, is_list)| is_list)
}

fn not_a_list(name: &str, found: &DeValue<'_>) -> String {
    match found {
        DeValue::Table(_) => format!("this is a list of tables: write [[{name}]], with double brackets"),
        other => {
            let takes = root::SHAPE.key(name).kind.describe();
            format!("`{name}` takes {takes}, not {}", value_of(other).describe())
        }
    }
}
