//! The name of a header, and what it may be taken for.

/// At least one byte, all of them of a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// The caller has looked at its bytes.
    pub(super) fn new(name: &'a [u8]) -> Self {
        Self(name)
    }

    /// True if it is that one; `name` is in lower case.
    #[inline]
    pub(super) fn is(self, name: &[u8]) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }

    /// True if a name of those first letters cannot be read from it; `letters` are in lower case.
    #[inline]
    pub(super) fn begins_with_none_of(self, letters: &[u8]) -> bool {
        let first = self.0[0];
        first.is_ascii_alphanumeric() && !letters.contains(&first.to_ascii_lowercase())
    }

    /// True if only letters and digits make the name: what somebody could read who takes `_` for `-`, or
    /// drops what he does not expect. `letters` are in lower case.
    pub(super) fn reads_as(self, letters: &[u8]) -> bool {
        let mut expected = letters.iter();
        let mut own = self.0.iter().filter(|byte| byte.is_ascii_alphanumeric());
        own.all(|byte| expected.next() == Some(&byte.to_ascii_lowercase())) && expected.next().is_none()
    }
}
