//! A `result` that has been read before: what a reader would find in it, so that its bytes need only be compared.

use crate::protocol::json::{self, Span, Value};

use super::fields::{Fields, Meta};

/// Nesting of what may be known.
pub const KNOWN_DEPTH: u16 = 63;

/// What a reader keeps of a `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownResult {
    length: usize,
    /// Its `nextCursor`, counted from its beginning.
    cursor: Option<Value>,
}

impl KnownResult {
    /// Of a text that has passed [`json::check`] at a depth of [`KNOWN_DEPTH`]. `None` where it is no object, or a reader
    /// would keep more of it than its cursor.
    pub fn of(text: &[u8]) -> Option<Self> {
        let end = u32::try_from(text.len()).ok().filter(|_| text.starts_with(b"{"))?;
        let mut kept = Fields::default();
        for (key, value) in json::members(text, Span { start: 0, end }) {
            let name = key.content(text);
            if *name == *b"_meta" && !Meta::is_none_of(text, value) {
                return None;
            }
            if let Some(slot) = kept.slot_of_result(&name) {
                *slot = Some(value);
            }
        }
        let cursor = kept.cursor.take();
        (kept == Fields::default()).then_some(Self { length: text.len(), cursor })
    }

    /// How long it is.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Puts what is kept of it where a reader would, where it begins at `start`.
    pub(super) fn keep(&self, start: u32, fields: &mut Fields) {
        if let Some(cursor) = self.cursor {
            let span = Span { start: start + cursor.span.start, end: start + cursor.span.end };
            fields.cursor = Some(Value { span, ..cursor });
        }
    }
}
