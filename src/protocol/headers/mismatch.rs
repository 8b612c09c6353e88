//! What is wrong with a message's headers, told so that a person can mend it and a log can hold it.

use std::fmt::{self, Write as _};

/// Values are shown up to this many characters.
const SHOWN: usize = 64;

/// A header is missing, malformed, or says something else than the body: `HeaderMismatch`, -32020.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

/// Why the headers and the envelope of a message do not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// -32020.
    Mismatch(Mismatch),
    /// This key of `params._meta` is absent or of a wrong type: -32602.
    Envelope(&'static str),
}

impl Mismatch {
    /// The whole sentence, in printable ASCII and bounded in length.
    pub fn message(&self) -> &str {
        &self.0
    }

    pub(super) fn missing(header: &str, source: &str) -> Self {
        Self(format!("{header} is missing, the body has {source}"))
    }

    pub(super) fn repeated(header: &str) -> Self {
        Self(format!("{header} occurs more than once"))
    }

    pub(super) fn characters(header: &str) -> Self {
        Self(format!("{header} holds characters other than visible ASCII, space and tab"))
    }

    pub(super) fn base64(header: &str) -> Self {
        Self(format!("{header} holds a malformed Base64 value"))
    }

    pub(super) fn differs(header: &str, value: &str, body: &str) -> Self {
        Self(format!("{header} is {}, the body says {}", shown(value), shown(body)))
    }

    pub(super) fn unexpected(header: &str, value: &str, source: &str) -> Self {
        Self(format!("{header} is {}, the body has no such value ({source})", shown(value)))
    }
}

/// In quotes, cut, with everything but plain ASCII escaped: a value from the wire in a sentence of ours.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::from('"');
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN {
            out.push_str("\"...");
            return out;
        }
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            ' '..='~' => out.push(character),
            _ => write!(out, "{}", character.escape_unicode()).expect("a String takes all that is written to it"),
        }
    }
    out.push('"');
    out
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch(mismatch) => mismatch.fmt(f),
            Self::Envelope(key) => write!(f, "params._meta needs \"{key}\" (absent, or of a wrong type)"),
        }
    }
}

impl From<Mismatch> for Fault {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

impl std::error::Error for Mismatch {}
impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_safely_and_cut() {
        assert_eq!(shown("get_weather"), "\"get_weather\"");
        assert_eq!(shown("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(shown("é\u{202e}\n"), r#""\u{e9}\u{202e}\u{a}""#);
        assert_eq!(shown(&"x".repeat(64)).len(), 66);
        assert_eq!(shown(&"x".repeat(65)), format!("\"{}\"...", "x".repeat(64)));
    }

    #[test]
    fn a_mismatch_says_what_differs() {
        let mismatch = Mismatch::differs("Mcp-Name", "foo", "bar");
        assert_eq!(mismatch.message(), "Mcp-Name is \"foo\", the body says \"bar\"");
    }
}
