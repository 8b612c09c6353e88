//! A short text that lives without an allocation.

use std::fmt;

/// At most `N` (below 256) characters of visible ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Short<const N: usize> {
    /// Bytes from here on are zero, so that equal texts are equal values.
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Short<N> {
    /// `None` if `text` is longer than `N` or holds anything but visible ASCII (0x21 to 0x7E).
    pub fn new(text: &str) -> Option<Self> {
        let length = u8::try_from(text.len()).ok().filter(|_| text.len() <= N && is_visible(text.as_bytes()))?;
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { length, bytes })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("only visible ASCII is kept")
    }
}

impl<const N: usize> Default for Short<N> {
    /// The empty text.
    fn default() -> Self {
        Self { length: 0, bytes: [0; N] }
    }
}

impl<const N: usize> fmt::Debug for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Whether all of `bytes` are visible ASCII (0x21 to 0x7E).
pub(super) fn is_visible(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_visible_ascii_is_taken() {
        assert_eq!(Short::<4>::new("a~!4").unwrap().as_str(), "a~!4");
        assert_eq!(Short::<4>::new("").unwrap(), Short::default());
        for refused in ["12345", "a b", "a\u{7f}", "\u{e9}"] {
            assert_eq!(Short::<4>::new(refused), None, "{refused:?}");
        }
    }
}
