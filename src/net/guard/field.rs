//! One header line: a name, a colon, a value.

use super::{bytes, refused::Fault};

/// A line taken apart; the value is without the white space around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl<'a> Field<'a> {
    /// Takes a line apart that has no control byte but tabs. Bytes from 0x80 on may stand in a value (RFC 9110, 5.5).
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let end = line.iter().position(|byte| !bytes::is(*byte, bytes::TOKEN));
        match end.map(|end| (end, line[end])) {
            Some((0, b' ' | b'\t')) => Err(Fault::bad("a folded line")),
            Some((0, b':')) => Err(Fault::bad("a header without a name")),
            Some((end, b':')) => Ok(Self { name: &line[..end], value: trim(&line[end + 1..]) }),
            Some((_, b' ' | b'\t')) => Err(Fault::bad("white space in or behind a header's name")),
            Some(_) => Err(Fault::bad("a header's name that is no token")),
            None => Err(Fault::bad("a header line without a colon")),
        }
    }

    /// True if the name is that one; `name` is in lower case.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// True if only letters and digits make the name: what somebody could read who takes `_` for `-`, or
    /// drops what he does not expect. `letters` is in lower case.
    pub(super) fn reads_as(&self, letters: &[u8]) -> bool {
        let mut expected = letters.iter();
        let mut own = self.name.iter().filter(|byte| byte.is_ascii_alphanumeric());
        own.all(|byte| expected.next() == Some(&byte.to_ascii_lowercase())) && expected.next().is_none()
    }
}

/// Without the spaces and tabs at both ends; `trim_ascii` would take more.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
