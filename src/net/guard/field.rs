//! One header line: a name, a colon, a value.

use super::{classes, name::Name, refused::Fault};

/// A line taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: Name<'a>,
    /// With the white space around the value.
    rest: &'a [u8],
}

impl<'a> Field<'a> {
    /// Takes a line apart that has no control byte but tabs. Bytes from 0x80 on may stand in a value (RFC 9110, 5.5).
    #[inline]
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let end = line.iter().position(|byte| !classes::is(*byte, classes::TOKEN)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        match rest {
            [b':', rest @ ..] if !name.is_empty() => Ok(Self { name: Name::new(name), rest }),
            _ => Err(fault(name, rest)),
        }
    }

    /// Where in the line the value begins.
    pub(super) fn start(&self) -> usize {
        let padding = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.name.length() + 1 + padding
    }

    /// The value, without the white space around it: spaces and tabs, where `trim_ascii` would take more.
    pub(super) fn value(&self) -> &'a [u8] {
        let mut value = self.rest;
        while let [b' ' | b'\t', rest @ ..] = value {
            value = rest;
        }
        while let [rest @ .., b' ' | b'\t'] = value {
            value = rest;
        }
        value
    }
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
