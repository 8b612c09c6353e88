//! The text of an expression and where it stands, so that what is wrong in it can be shown there.

use std::ops::Range;

use crate::config::{report::Place, section::Section};

/// An expression as it is written. What it means is for whoever evaluates it: see [`Settings::flaws`].
///
/// [`Settings::flaws`]: crate::config::Settings::flaws
#[derive(Debug, Clone)]
pub struct Expression {
    /// The text.
    pub text: String,
    /// The value in the file, with its quotes.
    pub(in crate::config) place: Place,
}

impl Expression {
    /// One that stands in no file.
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned(), place: Place::Whole }
    }

    /// That of a key, where there is one.
    pub(in crate::config) fn read(section: &Section<'_>, key: &str) -> Option<Self> {
        let text = section.text(key, |text| match text.trim() {
            "" => Err("takes an expression, and this is empty".to_owned()),
            _ => Ok(text.to_owned()),
        })?;
        Some(Self { text, place: section.place(key) })
    }

    /// The place of a part of it in `whole`, the text of all files: the whole value where the file spells it with escapes.
    pub(in crate::config) fn part(&self, whole: &str, part: Range<usize>) -> Place {
        let Place::At(start, end) = self.place else { return self.place.clone() };
        let written = whole.get(start..end).unwrap_or_default();
        match written.find(&self.text) {
            Some(at) if part.start <= part.end && part.end <= self.text.len() => {
                Place::At(start + at + part.start, start + at + part.end)
            }
            _ => Place::At(start, end),
        }
    }
}

/// It means the same wherever it stands.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}
