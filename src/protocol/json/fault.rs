//! Why a text is not a document that we read, and at which byte.

use std::fmt;

/// A fault of a text, with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub reason: FaultReason,
    /// Offset of the offending byte from the start of the text; of the end, where the text stops too early.
    pub at: u32,
}

/// What can be wrong with a text.
///
/// It is as wide as an offset, so that a `Result<Value, Fault>` is made of whole words: with a narrower one the
/// compiler assembles values from pieces, which costs the strict pass a third of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FaultReason {
    /// Longer than spans can address (4 GiB).
    Oversized,
    /// Begins with U+FEFF (RFC 8259, section 8.1).
    ByteOrderMark,
    /// No well-formed UTF-8 (RFC 3629): overlong forms, surrogates and truncated sequences included.
    Utf8,
    /// The text ends inside the document, or holds none.
    Truncated,
    /// No value where one must be.
    ValueExpected,
    /// No key where one must be.
    KeyExpected,
    /// No colon behind a key.
    ColonExpected,
    /// Neither a comma nor the end of this array or object behind a value.
    CommaExpected,
    /// Something follows the document.
    Trailing,
    /// A number that the grammar does not have: leading zero, bare sign, dot or exponent without digits.
    Number,
    /// A control character that is not escaped, in a string.
    ControlCharacter,
    /// A backslash with something behind it that is no escape.
    Escape,
    /// A `\uD800`..`\uDFFF` without its other half.
    LoneSurrogate,
    /// U+0000 in a key.
    NulInKey,
    /// A key that its object already has, after unescaping.
    RepeatedKey,
    /// Nested deeper than allowed.
    Depth,
    /// An object that we read has more keys than are remembered while it passes.
    TooManyKeys,
}

impl Fault {
    /// A fault at an offset; offsets past 4 GiB are given as the last one that can be.
    pub(in crate::protocol) fn new(reason: FaultReason, at: usize) -> Fault {
        Fault { reason, at: u32::try_from(at).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.at)
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for FaultReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultReason::Oversized => "the text is longer than 4 GiB",
            FaultReason::ByteOrderMark => "the text begins with a byte-order mark",
            FaultReason::Utf8 => "the text is not well-formed UTF-8",
            FaultReason::Truncated => "the text ends before the document does",
            FaultReason::ValueExpected => "expected a value",
            FaultReason::KeyExpected => "expected a key in double quotes",
            FaultReason::ColonExpected => "expected a colon after the key",
            FaultReason::CommaExpected => "expected a comma or the end of the array or object",
            FaultReason::Trailing => "something follows the document",
            FaultReason::Number => "malformed number",
            FaultReason::ControlCharacter => "control character in a string, which must be escaped",
            FaultReason::Escape => "unknown or incomplete escape in a string",
            FaultReason::LoneSurrogate => "escape of half a surrogate pair",
            FaultReason::NulInKey => "U+0000 in a key",
            FaultReason::RepeatedKey => "the object already has this key",
            FaultReason::Depth => "nested too deep",
            FaultReason::TooManyKeys => "the object has too many keys",
        })
    }
}
