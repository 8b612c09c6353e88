//! Several files as one: lists of sections add up, a plain section stands in one file only.

use toml::de::{DeArray, DeTable, DeValue};

use super::report::{Mistakes, Place};

/// Puts an included file behind what is there.
pub(super) fn into<'a>(whole: &mut DeTable<'a>, included: DeTable<'a>, mistakes: &Mistakes) {
    for (key, value) in included {
        let place = Place::at(key.span());
        if key.get_ref() == "include" {
            mistakes.add(place, "an included file cannot include others: name them in the main file");
            continue;
        }
        match (whole.get_mut(&**key.get_ref()), value.get_ref()) {
            (None, _) => _ = whole.insert(key, value),
            (Some(there), DeValue::Array(_)) if matches!(there.get_ref(), DeValue::Array(_)) => {
                if let (DeValue::Array(there), DeValue::Array(more)) = (there.get_mut(), value.into_inner()) {
                    let before = std::mem::replace(there, DeArray::new());
                    *there = before.into_iter().chain(more).collect();
                }
            }
            (Some(_), _) => {
                let message = format!(
                    "[{}] stands in another file already: a plain section may stand in one file only",
                    key.get_ref()
                );
                mistakes.add(place, message);
            }
        }
    }
}
