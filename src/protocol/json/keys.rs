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
    pub(super) fn new() -> Keys {
        Keys { open: Stack::new(Entry { span: Span { start: 0, end: 0 }, tag: 0, escaped: false }) }
    }

    /// The base of an object that opens now.
    #[inline]
    pub(super) fn base(&self) -> usize {
        self.open.len()
    }

    /// Adds a key to the innermost object.
    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8], key: Value) {
        self.open.push(Entry { span: key.span, tag: tag(&key.content(bytes)), escaped: key.escaped });
    }

    /// Closes the innermost object, which opened at `base`; returns a key of it that repeats an earlier one.
    #[inline]
    pub(super) fn close(&mut self, bytes: &[u8], base: usize) -> Option<Span> {
        let own = self.open.as_slice().get(base..).unwrap_or_default();
        let few = own.len() <= FEW && (own.len() <= FEW_ESCAPED || own.iter().all(|entry| !entry.escaped));
        let repeated = if few { among_few(bytes, own) } else { among_many(bytes, own) };
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

#[inline]
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

/// The first and the last four bytes and the length, mixed.
#[inline]
fn tag(content: &[u8]) -> u32 {
    let length = (content.len() as u32).wrapping_mul(0x9E37_79B1);
    let ends = match (content.first_chunk(), content.last_chunk()) {
        (Some(first), Some(last)) => u32::from_le_bytes(*first) ^ u32::from_le_bytes(*last).rotate_left(13),
        _ => content.iter().fold(0, |mixed, &byte| mixed << 8 | u32::from(byte)),
    };
    length ^ ends
}
