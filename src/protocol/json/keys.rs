//! Repeated keys: the keys of the objects that are open, and whether one of them repeats.
//!
//! All open objects share one stack; an object owns what lies above its base and gives it back when it closes.
//! A few keys are compared with each other by a tag first, without allocation; many of them go through a hash set
//! with a random seed, so that neither many keys nor chosen ones cost more than their length.

use std::{borrow::Cow, collections::HashSet};

use super::{
    stack::Stack,
    value::{Kind, Span, Value},
};

/// Past so many keys of one object pairs are no longer compared.
const FEW: usize = 32;
/// Past so many, if one of them is escaped: each comparison of such a key unescapes it anew.
const FEW_ESCAPED: usize = 4;

/// The keys of the objects that are open.
pub(super) struct Keys {
    open: Stack<Entry, 32>,
}

#[derive(Clone, Copy)]
struct Entry {
    span: Span,
    /// Equal for equal keys, and mostly different for different ones.
    tag: u32,
    escaped: bool,
}

impl Keys {
    #[inline(always)]
    pub(super) fn new() -> Keys {
        Keys { open: Stack::new(Entry { span: Span { start: 0, end: 0 }, tag: 0, escaped: false }) }
    }

    /// The base of an object that opens now.
    #[inline]
    pub(super) fn base(&self) -> usize {
        self.open.len()
    }

    /// Adds a key to the innermost object.
    #[inline(always)]
    pub(super) fn push(&mut self, bytes: &[u8], key: Value) {
        let tag = if key.escaped {
            tag_escaped(bytes, key)
        } else {
            tag_at(bytes, key.span.start as usize + 1, (key.span.end as usize).saturating_sub(1))
        };
        self.open.push(Entry { span: key.span, tag, escaped: key.escaped });
    }

    /// Closes the innermost object, which opened at `base`; returns a key of it that repeats an earlier one.
    #[inline]
    pub(super) fn close(&mut self, bytes: &[u8], base: usize) -> Option<Span> {
        let own = self.open.as_slice().get(base..).unwrap_or_default();
        let repeated = if differ(own) { None } else { repeated(bytes, own) };
        self.open.truncate(base);
        repeated
    }
}

impl Entry {
    fn value(&self) -> Value {
        Value { span: self.span, kind: Kind::String, escaped: self.escaped }
    }

    fn content<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.value().content(bytes)
    }
}

/// Whether all keys differ already in six bits of their tags, which most objects' few keys do.
#[inline]
fn differ(own: &[Entry]) -> bool {
    let mut seen = 0_u64;
    own.iter().all(|entry| {
        let before = seen;
        seen |= 1 << (entry.tag >> 26);
        seen != before
    })
}

fn repeated(bytes: &[u8], own: &[Entry]) -> Option<Span> {
    let few = own.len() <= FEW && (own.len() <= FEW_ESCAPED || own.iter().all(|entry| !entry.escaped));
    if few { among_few(bytes, own) } else { among_many(bytes, own) }
}

fn among_few(bytes: &[u8], own: &[Entry]) -> Option<Span> {
    for (index, later) in own.iter().enumerate() {
        for earlier in own.iter().take(index) {
            if earlier.tag == later.tag && earlier.content(bytes) == later.content(bytes) {
                return Some(later.span);
            }
        }
    }
    None
}

#[cold]
fn among_many(bytes: &[u8], own: &[Entry]) -> Option<Span> {
    let mut seen = HashSet::with_capacity(own.len());
    own.iter().find(|entry| !seen.insert(entry.content(bytes))).map(|entry| entry.span)
}

#[cold]
fn tag_escaped(bytes: &[u8], key: Value) -> u32 {
    tag(&key.content(bytes))
}

/// The first eight bytes, the last eight of a longer key, and the length, mixed into the upper bits.
#[inline]
fn tag(content: &[u8]) -> u32 {
    let (first, last) = match (content.first_chunk(), content.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (content.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
    };
    mix(first, last, content.len())
}

/// The same of a key that is not escaped, at `start..end` in the text, without a loop where it is short.
#[inline]
fn tag_at(bytes: &[u8], start: usize, end: usize) -> u32 {
    let length = end.saturating_sub(start);
    match bytes.get(start..).and_then(|rest| rest.first_chunk()) {
        Some(first) if length < 8 => mix(u64::from_le_bytes(*first) & ((1 << (8 * length)) - 1), 0, length),
        _ => tag(bytes.get(start..end).unwrap_or_default()),
    }
}

#[inline]
fn mix(first: u64, last: u64, length: usize) -> u32 {
    ((first ^ last.rotate_left(29) ^ length as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::{tag, tag_at};

    #[test]
    fn a_tag_does_not_depend_on_how_it_was_taken() {
        let text = b"\"abcdefghijklmnopqrst\":1";
        for start in 0..text.len() {
            for end in start..=text.len() {
                assert_eq!(tag_at(text, start, end), tag(&text[start..end]), "{start}..{end}");
            }
        }
    }
}
