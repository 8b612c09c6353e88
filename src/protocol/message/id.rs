//! The id of a message: a string or an integer, echoed exactly as it came.

use super::fault::FaultReason;
use crate::protocol::json::{Kind, Span, Value};

/// An id, as a place in the body that it came in.
///
/// It is either a string of at most 256 bytes (of its contents, unescaped) or an integer in plain digits, without
/// fraction or exponent, within ±(2^53-1), which every JSON parser reads alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    /// A string or a number, nothing else.
    value: Value,
}

/// The most bytes of a string's contents.
const LONGEST: usize = 256;
/// 2^53-1.
const LARGEST: i64 = 9_007_199_254_740_991;

impl Id {
    /// The most bytes of an id's token: each byte of its contents escaped, and the quotes.
    pub(super) const LONGEST_TOKEN: usize = LONGEST * 6 + 2;

    /// Reads an id; `None` for `null`.
    #[inline]
    pub(super) fn read(bytes: &[u8], value: Value) -> Result<Option<Id>, FaultReason> {
        match value.kind {
            Kind::Null => Ok(None),
            Kind::String if value.span.end - value.span.start > Id::LONGEST_TOKEN as u32 => Err(FaultReason::LongId),
            Kind::String if value.content(bytes).len() > LONGEST => Err(FaultReason::LongId),
            Kind::String => Ok(Some(Id { value })),
            Kind::Number if integer(value.raw(bytes)).is_some() => Ok(Some(Id { value })),
            _ => Err(FaultReason::Id),
        }
    }

    /// The token exactly as it came, to be echoed.
    #[inline]
    pub fn raw<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.value.raw(bytes)
    }

    /// Where the token is.
    pub fn span(&self) -> Span {
        self.value.span
    }

    /// Whether this is a string; else it is an integer.
    pub fn is_string(&self) -> bool {
        self.value.kind == Kind::String
    }

    /// Whether this id of `bytes` is the id `other` of `other_bytes`: strings by their contents, integers by value,
    /// and never one like the other.
    pub fn same(&self, bytes: &[u8], other: &Id, other_bytes: &[u8]) -> bool {
        let (raw, other_raw) = (self.raw(bytes), other.raw(other_bytes));
        if self.value.kind != other.value.kind {
            return false;
        }
        if raw == other_raw {
            return true;
        }
        match self.value.kind {
            Kind::String => self.value.content(bytes) == other.value.content(other_bytes),
            _ => integer(raw).is_some_and(|number| integer(other_raw) == Some(number)),
        }
    }

    /// Whether it holds escapes.
    pub fn is_escaped(&self) -> bool {
        self.value.escaped
    }

    /// The id that is all of a token.
    pub(super) fn of_token(len: usize, is_string: bool, escaped: bool) -> Id {
        let kind = if is_string { Kind::String } else { Kind::Number };
        Id { value: Value { span: Span::new(0, len), kind, escaped } }
    }
}

/// The value of an integer in plain digits, if it is within the bounds.
fn integer(token: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(token).ok()?.parse().ok()?;
    (-LARGEST..=LARGEST).contains(&number).then_some(number)
}
