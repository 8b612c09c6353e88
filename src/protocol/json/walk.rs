//! Look-ups that tell what they have looked at, for who has to pay for it, and that pass over what is noted as long.

use super::{
    navigate::{self, Skips},
    value::{Kind, Span, Value},
};

/// What finding the place of a note costs, in bytes that are looked at one by one.
const NOTE: usize = 64;
/// The same of a string, and of an escape in it, beside its bytes: each is where a fast search ends and begins.
const STOP: usize = 4;

/// A walk over the members of an object or the elements of an array, in bytes that have been checked.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    /// The text up to the end of the object or array, so that offsets are those of the whole.
    bytes: &'a [u8],
    at: usize,
    /// The long values that are ahead.
    marks: &'a [Value],
    is_object: bool,
}

/// What a walk comes upon.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A member, or an element, which has no key.
    At {
        /// The key.
        key: Option<Value>,
        /// The value.
        value: Value,
        /// The long values inside of it.
        marks: &'a [Value],
        /// What was looked at to pass it.
        looked: Looked,
    },
    /// There is no more.
    End(Looked),
    /// What comes is longer than what may be looked at.
    Short,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Bytes, one by one: brackets, digits, white space; of strings and escapes, each for some.
    pub bytes: usize,
    /// Bytes within strings, many at a time.
    pub text: usize,
}

impl Skips for Looked {
    #[inline]
    fn string(&mut self, length: usize, escapes: usize) {
        self.text += length;
        self.bytes += STOP * (1 + escapes);
    }
}

impl<'a> Walk<'a> {
    /// A walk over the value at `span`, inside of which these are noted; over nothing if it is no object or array.
    pub fn new(bytes: &'a [u8], span: Span, marks: &'a [Value]) -> Self {
        let bytes = bytes.get(..span.end as usize).unwrap_or_default();
        let start = span.start as usize;
        let bracket = bytes.get(start);
        let at = if matches!(bracket, Some(b'{' | b'[')) { start + 1 } else { bytes.len() };
        Self { bytes, at, marks, is_object: bracket == Some(&b'{') }
    }

    /// Goes on to what is next, looking at `most` bytes; what is noted as long is not looked at.
    pub fn next(&mut self, most: usize) -> Step<'a> {
        let (from, limit) = (self.at, self.at.saturating_add(most).min(self.bytes.len()));
        let bytes = self.bytes.get(..limit).unwrap_or_default();
        let cut = limit < self.bytes.len();
        let mut looked = Looked::default();
        let mut at = navigate::token_at(bytes, from);
        let mut key = None;
        if self.is_object {
            key = navigate::token(bytes, at, &mut looked).filter(|key| key.kind == Kind::String);
            at = key.map_or(limit, |key| navigate::token_at(bytes, key.span.end as usize));
        }
        // What was passed, and what of that was in strings.
        let one_by_one = |looked: Looked, to: usize| Looked {
            bytes: looked.bytes + to.saturating_sub(from).saturating_sub(looked.text),
            ..looked
        };
        if let Some((noted, behind)) = self.marks.split_first()
            && noted.span.start as usize == at
        {
            let (inside, ahead) = behind.split_at(behind.partition_point(|mark| mark.span.start < noted.span.end));
            (self.at, self.marks) = (noted.span.end as usize, ahead);
            let looked = one_by_one(looked, at);
            let looked = Looked { bytes: looked.bytes + NOTE, ..looked };
            return Step::At { key, value: *noted, marks: inside, looked };
        }
        match navigate::token(bytes, at, &mut looked) {
            Some(value) if !cut || (value.span.end as usize) < limit => {
                self.at = value.span.end as usize;
                Step::At { key, value, marks: &[], looked: one_by_one(looked, self.at) }
            }
            _ if cut => {
                self.at = self.bytes.len();
                Step::Short
            }
            _ => {
                self.at = self.bytes.len();
                Step::End(one_by_one(looked, limit))
            }
        }
    }
}
