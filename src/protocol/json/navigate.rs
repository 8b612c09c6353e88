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
        while let Some(b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') = self.bytes.get(self.at) {
            self.at += 1;
        }
        let start = self.at;
        let mut escaped = false;
        let (kind, end) = match self.bytes.get(start)? {
            b'"' => {
                let ending = strings::skip(self.bytes, start)?;
                escaped = ending.escaped;
                (Kind::String, ending.end)
            }
            b'{' => (Kind::Object, nested(self.bytes, start)?),
            b'[' => (Kind::Array, nested(self.bytes, start)?),
            b't' => (Kind::True, start + 4),
            b'f' => (Kind::False, start + 5),
            b'n' => (Kind::Null, start + 4),
            b'-' | b'0'..=b'9' => (Kind::Number, number(self.bytes, start)),
            _ => return self.stop(),
        };
        self.at = end;
        Some(Value { span: Span::new(start, end), kind, escaped })
    }

    fn stop<T>(&mut self) -> Option<T> {
        self.at = self.bytes.len();
        None
    }
}

/// Offset behind the array or object that begins at `start`.
fn nested(bytes: &[u8], start: usize) -> Option<usize> {
    let mut open = 0usize;
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = strings::skip(bytes, at)?.end;
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
