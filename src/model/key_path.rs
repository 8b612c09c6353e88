//! A path to values in JSON, as policy writes it: keys one below the other, with dots between them.
//!
//! `*` and `?` stand for characters of a key, in whatever case. On a list `*` is each of its items and a number the item at
//! that place; any other step means every item of the list, as if there were none.

use std::fmt;

use super::Glob;

/// Bytes of a path, and steps.
const MOST: usize = 256;
const MOST_STEPS: usize = 16;

/// A path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPath {
    text: Box<str>,
    steps: Box<[PathStep]>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// In lower case.
    key: Glob,
    /// The place in a list, where it is a number.
    place: Option<usize>,
}

impl KeyPath {
    /// The meaning of a text. The error is a sentence without subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "takes paths like \"content.*.email\", of 1 to {MOST_STEPS} keys and {MOST} bytes, with dots between, not \
                 {text:?}"
            )
        };
        let steps: Result<Box<[_]>, _> = text.split('.').map(PathStep::parse).collect();
        let steps = steps.map_err(|_| wrong())?;
        if text.len() > MOST || steps.len() > MOST_STEPS {
            return Err(wrong());
        }
        Ok(Self { text: text.into(), steps })
    }

    /// Its steps; never none.
    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PathStep {
    /// The meaning of one step.
    fn parse(text: &str) -> Result<Self, String> {
        let key = Glob::parse(&text.to_lowercase())?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(Self { key, place: digits.then(|| text.parse().ok()).flatten() })
    }

    /// The step that is this key, in lower case and without anything that is special in a pattern.
    pub fn key(key: &str) -> Self {
        let key = Glob::parse(key).unwrap_or_else(|_| Glob::any());
        Self { key, place: None }
    }

    /// Whether a key fits, which is in lower case.
    pub fn fits(&self, key: &str) -> bool {
        self.key.matches(key)
    }

    /// The pattern of keys that are several steps at once, with the dots between them. Where it would be longer than a
    /// pattern may be, every key fits.
    pub fn joined(steps: &[Self]) -> Glob {
        let joined = steps.iter().map(|step| step.key.as_str()).collect::<Vec<_>>().join(".");
        Glob::parse(&joined).unwrap_or_else(|_| Glob::any())
    }

    /// What it means of an item of a list: `Some(true)` that it is this item, `None` that it says nothing of lists.
    pub fn is_item(&self, place: usize) -> Option<bool> {
        match self.place {
            Some(wanted) => Some(wanted == place),
            None if self.key.is_any() => Some(true),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_keys_and_dots() {
        let path = KeyPath::parse("Content.*.e?mail*.3").unwrap();
        assert_eq!(path.to_string(), "Content.*.e?mail*.3");
        let [content, any, key, third] = path.steps() else { panic!("{path:?}") };
        assert!(content.fits("content") && any.fits("") && key.fits("e-mail_2") && !key.fits("email"));
        assert_eq!(
            [content, any, third, third].map(|step| step.is_item(3)),
            [None, Some(true), Some(true), Some(true)]
        );
        assert_eq!(third.is_item(2), Some(false));
        let (long, deep) = (format!("a.{}", "b".repeat(MOST)), ["a"; MOST_STEPS + 1].join("."));
        for wrong in ["", ".", "a.", ".a", "a..b", "a.\n", long.as_str(), deep.as_str()] {
            assert!(KeyPath::parse(wrong).unwrap_err().starts_with("takes paths like"), "{wrong}");
        }
    }
}
