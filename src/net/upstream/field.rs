//! A field that a server is shown of ours: our credential for it, or whom we speak for.

use std::fmt;
use std::hint::black_box;

/// Longest value, in bytes: more than that no server takes in a head.
const MOST_BYTES: usize = 64 * 1024;

/// Name and value, as the line of a head. It is a secret: never printed, and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    line: Box<[u8]>,
    /// Where the name ends.
    name: usize,
}

impl Field {
    /// One of this name, in lower case. `None` where the value is empty, longer than 64 KiB, has white space around it, or
    /// anything but visible ASCII and spaces in it: no two readers of a head may differ about where it ends.
    pub fn new(name: &str, value: &[u8]) -> Option<Self> {
        Self::of(name, b"", value)
    }

    /// `Authorization: Bearer` with this token. `None` as for [`Field::new`].
    pub fn bearer(token: &str) -> Option<Self> {
        Self::of("authorization", b"Bearer ", token.as_bytes())
    }

    fn of(name: &str, scheme: &[u8], value: &[u8]) -> Option<Self> {
        let fits = value.iter().all(|byte| matches!(byte, b' '..=b'~')) && value.trim_ascii().len() == value.len();
        if value.is_empty() || value.len() > MOST_BYTES || !fits {
            return None;
        }
        // In one piece from the start: what grows would leave copies behind.
        let mut line = Vec::with_capacity(name.len() + scheme.len() + value.len() + 4);
        for piece in [name.as_bytes(), b": ", scheme, value, b"\r\n"] {
            line.extend_from_slice(piece);
        }
        Some(Self { line: line.into_boxed_slice(), name: name.len() })
    }

    /// Its name, in lower case.
    pub fn name(&self) -> &[u8] {
        &self.line[..self.name]
    }

    /// The whole line, with its end.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        self.line.fill(0);
        black_box(&mut self.line);
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Field").field(&String::from_utf8_lossy(self.name())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_one_line_and_is_not_printed() {
        let field = Field::new("authorization", b"Bearer hunter2").unwrap();
        assert_eq!((field.name(), field.line()), (&b"authorization"[..], &b"authorization: Bearer hunter2\r\n"[..]));
        assert_eq!(format!("{field:?}"), "Field(\"authorization\")");
    }

    #[test]
    fn what_would_be_read_in_two_ways_is_no_value() {
        for wrong in ["", " a", "a ", "a\r\nhost: evil", "a\nb", "a\tb", "\u{e9}", "a\0"] {
            assert!(Field::new("authorization", wrong.as_bytes()).is_none(), "{wrong:?}");
        }
        assert!(Field::new("a", &[b'x'; MOST_BYTES]).is_some() && Field::new("a", &[b'x'; MOST_BYTES + 1]).is_none());
    }
}
