//! The beginning of a name that a client sent, for what is told of its request.

use std::borrow::Cow;

/// At most `MOST` bytes of a JSON string, as it is written. They are copied into place: a share of the body would keep
/// all of it for as long as a stream lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<const MOST: usize> {
    bytes: [u8; MOST],
    length: u8,
}

impl<const MOST: usize> Shown<MOST> {
    /// Of a JSON string with its quotes.
    pub(super) fn of(token: &[u8]) -> Self {
        const { assert!(MOST <= u8::MAX as usize) };
        let name = token.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(token);
        let length = name.len().min(MOST);
        let mut shown = Self { bytes: [0; MOST], length: length as u8 };
        shown.bytes[..length].copy_from_slice(&name[..length]);
        shown
    }

    /// It as text; a character that was cut is replaced.
    pub(super) fn text(&self) -> Cow<'_, str> {
        let bytes = &self.bytes[..usize::from(self.length)];
        // Nearly all are text whole, which is seen at once; the other looks at one character after the other.
        str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
    }
}

impl<const MOST: usize> Default for Shown<MOST> {
    fn default() -> Self {
        Self { bytes: [0; MOST], length: 0 }
    }
}
