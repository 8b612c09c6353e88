//! One header line: a name, a colon, a value.

use std::ops::Range;

use super::{classes, name::Name, refused::Fault};

/// A line taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: Name<'a>,
    value: &'a [u8],
    /// Where in the line the value begins.
    start: usize,
}

impl<'a> Field<'a> {
    /// Takes a line apart that has no control byte but tabs. Bytes from 0x80 on may stand in a value (RFC 9110, 5.5).
    #[inline]
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let end = line.iter().position(|byte| !classes::is(*byte, classes::TOKEN)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        match rest {
            [b':', rest @ ..] if !name.is_empty() => {
                let value = trimmed_start(rest);
                let start = line.len() - value.len();
                Ok(Self { name: Name::new(name), value: trimmed_end(value), start })
            }
            _ => Err(fault(name, rest)),
        }
    }

    /// The value, without the white space around it: spaces and tabs, where `trim_ascii` would take more.
    #[inline]
    pub(super) fn value(&self) -> &'a [u8] {
        self.value
    }

    /// Where in the line the value is.
    #[inline]
    pub(super) fn place(&self) -> Range<usize> {
        self.start..self.start + self.value.len()
    }
}

#[inline]
fn trimmed_start(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    value
}

#[inline]
fn trimmed_end(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// What is wrong with a line that is a name and then not its colon.
#[cold]
fn fault(name: &[u8], rest: &[u8]) -> Fault {
    Fault::bad(match (name, rest) {
        (_, []) => "a header line without a colon",
        ([], [b' ' | b'\t', ..]) => "a folded line",
        ([], [b':', ..]) => "a header without a name",
        (_, [b' ' | b'\t', ..]) => "white space in or behind a header's name",
        _ => "a header's name that is no token",
    })
}
