//! A value of a document: where it is and what it is, without its contents.

use std::borrow::Cow;

use super::strings;

/// A stretch of a text, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{...}`
    Object,
    /// `[...]`
    Array,
    /// `"..."`
    String,
    /// Any number; only its grammar has been checked, never its range.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

/// A value in a text that has been checked: its place and kind.
///
/// It is only meaningful together with the bytes that it was found in; with others it answers something, without panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The whole token: strings with their quotes, arrays and objects with their brackets.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// Whether a string holds a backslash, so that its contents are not its bytes.
    pub escaped: bool,
}

impl Span {
    /// The bytes of this span; none where it does not lie within `bytes`.
    #[inline]
    pub fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// A span of offsets that are known to fit, as the length of the text was checked.
    #[inline]
    pub(in crate::protocol) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }
}

/// The contents of a token that is all of a text; `None` if it is no string.
pub fn string(token: &[u8]) -> Option<Cow<'_, str>> {
    let kind = if token.starts_with(b"\"") { Kind::String } else { Kind::Null };
    Value::of_token(token, kind).text(token)
}

impl Value {
    /// The token as it stands in the text.
    #[inline]
    pub fn raw<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.span.of(bytes)
    }

    /// The contents of a string, unescaped; `None` if this is no string.
    pub fn text<'a>(&self, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
        if self.kind != Kind::String {
            return None;
        }
        match self.content(bytes) {
            Cow::Borrowed(content) => std::str::from_utf8(content).ok().map(Cow::Borrowed),
            Cow::Owned(content) => String::from_utf8(content).ok().map(Cow::Owned),
        }
    }

    /// Whether this is a string whose contents, unescaped, are exactly `text`.
    #[inline]
    pub fn is(&self, bytes: &[u8], text: &str) -> bool {
        if self.kind != Kind::String {
            return false;
        }
        let inner = self.inner(bytes);
        if self.escaped { strings::unescape(inner).eq(text.bytes()) } else { inner == text.as_bytes() }
    }

    /// The value that is all of a token.
    pub(in crate::protocol) fn of_token(token: &[u8], kind: Kind) -> Value {
        Value { span: Span::new(0, token.len()), kind, escaped: kind == Kind::String && token.contains(&b'\\') }
    }

    /// The bytes of a string's contents, unescaped; allocates only where there is an escape.
    #[inline]
    pub(in crate::protocol) fn content<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let inner = self.inner(bytes);
        if self.escaped { Cow::Owned(strings::unescape(inner).collect()) } else { Cow::Borrowed(inner) }
    }

    /// What is between the quotes, as it stands in the text.
    #[inline]
    pub(in crate::protocol) fn inner<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        match self.span.of(bytes) {
            [b'"', inner @ .., b'"'] => inner,
            _ => &[],
        }
    }
}
