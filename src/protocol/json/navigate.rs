//! Look-ups in bytes that have been checked: they skip fast and trust what they skip.
//!
//! On bytes that have not passed the strict pass they end somewhere, without panic and without meaning.

use super::{
    keys::Keys,
    strings,
    value::{Kind, Span, Value},
};

/// The members of the object at `span`, in their order; none if it is no object.
pub fn members(bytes: &[u8], span: Span) -> Members<'_> {
    Members(Inside::new(bytes, span, b'{'))
}

/// The elements of the array at `span`, in their order; none if it is no array.
pub fn elements(bytes: &[u8], span: Span) -> Elements<'_> {
    Elements(Inside::new(bytes, span, b'['))
}

/// The value of the first member of the object at `span` whose key, unescaped, is `name`.
pub fn member(bytes: &[u8], span: Span, name: &str) -> Option<Value> {
    members(bytes, span).find(|(key, _)| key.is(bytes, name)).map(|(_, value)| value)
}

/// Whether no own key of the object at `span` repeats. In the answers of servers this is only known of the envelope,
/// `params`, `result`, `error` and their `_meta`: whoever reads deeper asks first.
pub fn distinct(bytes: &[u8], span: Span) -> bool {
    let mut keys = Keys::new();
    members(bytes, span).for_each(|(key, _)| keys.push(bytes, key));
    keys.close(bytes, 0).is_none()
}

/// See [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Inside<'a>);

/// See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Inside<'a>);

impl Iterator for Members<'_> {
    type Item = (Value, Value);

    fn next(&mut self) -> Option<(Value, Value)> {
        let key = self.0.value()?;
        if key.kind != Kind::String {
            return self.0.stop();
        }
        let value = self.0.value()?;
        Some((key, value))
    }
}

impl Iterator for Elements<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        self.0.value()
    }
}

/// A place inside an array or object, before a member or the end.
#[derive(Clone, Debug)]
struct Inside<'a> {
    /// The text up to the end of the array or object, so that offsets are those of the whole.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Inside<'a> {
    fn new(bytes: &'a [u8], span: Span, bracket: u8) -> Inside<'a> {
        let bytes = bytes.get(..span.end as usize).unwrap_or_default();
        let start = span.start as usize;
        let at = if bytes.get(start) == Some(&bracket) { start + 1 } else { bytes.len() };
        Inside { bytes, at }
    }

    /// The next value, behind white space, commas and colons.
    fn value(&mut self) -> Option<Value> {
        let start = token_at(self.bytes, self.at);
        match token(self.bytes, start, &mut Unseen) {
            Some(value) => {
                self.at = value.span.end as usize;
                Some(value)
            }
            None => self.stop(),
        }
    }

    fn stop<T>(&mut self) -> Option<T> {
        self.at = self.bytes.len();
        None
    }
}

/// Who is told of the strings that are skipped.
pub(super) trait Skips {
    /// A string of so many bytes, with so many escapes.
    fn string(&mut self, length: usize, escapes: usize);
}

/// Nobody is.
struct Unseen;

impl Skips for Unseen {
    #[inline(always)]
    fn string(&mut self, _: usize, _: usize) {}
}

/// Offset of the next token at or behind `at`, behind white space, commas and colons.
#[inline]
pub(super) fn token_at(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The value that begins at `start`.
#[inline]
pub(super) fn token(bytes: &[u8], start: usize, skips: &mut impl Skips) -> Option<Value> {
    let mut escaped = false;
    let (kind, end) = match bytes.get(start)? {
        b'"' => {
            let (end, escapes) = string(bytes, start, skips)?;
            escaped = escapes;
            (Kind::String, end)
        }
        b'{' => (Kind::Object, nested(bytes, start, skips)?),
        b'[' => (Kind::Array, nested(bytes, start, skips)?),
        b't' => (Kind::True, start + 4),
        b'f' => (Kind::False, start + 5),
        b'n' => (Kind::Null, start + 4),
        b'-' | b'0'..=b'9' => (Kind::Number, number(bytes, start)),
        _ => return None,
    };
    Some(Value { span: Span::new(start, end), kind, escaped })
}

/// Offset behind the string that begins at `start`, and whether there is an escape in it.
#[inline]
fn string(bytes: &[u8], start: usize, skips: &mut impl Skips) -> Option<(usize, bool)> {
    let mut escapes = 0;
    let end = strings::skip(bytes, start, || escapes += 1)?;
    skips.string(end - start, escapes);
    Some((end, escapes > 0))
}

/// Offset behind the array or object that begins at `start`.
fn nested(bytes: &[u8], start: usize, skips: &mut impl Skips) -> Option<usize> {
    let mut open = 0usize;
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string(bytes, at, skips)?.0;
                continue;
            }
            b'{' | b'[' => open += 1,
            b'}' | b']' => {
                open -= 1;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Offset behind the number that begins at `start`.
fn number(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let more = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    start + rest.iter().position(|byte| !more(byte)).unwrap_or(rest.len())
}
