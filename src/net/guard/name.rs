//! The name of a header, and what it may be taken for.

use http::{HeaderName, header};

use super::refused::Fault;

/// Names of MCP, which `http` does not know: read from text, each would be an allocation.
static OURS: [HeaderName; 5] = [
    HeaderName::from_static("mcp-name"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("mcp-session-id"),
    HeaderName::from_static("mcp-protocol-version"),
];

/// At least one byte, all of them of a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// The caller has looked at its bytes.
    pub(super) fn new(name: &'a [u8]) -> Self {
        Self(name)
    }

    /// True if it is that one; `name` is of letters in lower case and hyphens.
    #[inline]
    pub(super) fn is(self, name: &[u8]) -> bool {
        self.0.len() == name.len() && is_folded(self.0, name)
    }

    /// As `http` has it, where it is one of those that many requests have.
    #[inline]
    pub(super) fn known(self) -> Option<HeaderName> {
        let name = match (self.0.len(), self.0[0] | 0x20) {
            (4, b'h') => header::HOST,
            (6, b'a') => header::ACCEPT,
            (8, b'm') => OURS[0].clone(),
            (10, b'c') => header::CONNECTION,
            (10, b'm') => OURS[1].clone(),
            (10, b'u') => header::USER_AGENT,
            (12, b'c') => header::CONTENT_TYPE,
            (13, b'a') => header::AUTHORIZATION,
            (13, b'l') => OURS[2].clone(),
            (14, b'c') => header::CONTENT_LENGTH,
            (14, b'm') => OURS[3].clone(),
            (15, b'a') => header::ACCEPT_ENCODING,
            (20, b'm') => OURS[4].clone(),
            _ => return None,
        };
        self.is(name.as_str().as_bytes()).then_some(name)
    }

    /// The same of any other.
    pub(super) fn parsed(self) -> Result<HeaderName, Fault> {
        HeaderName::from_bytes(self.0).map_err(|_| Fault::bad("a header's name that is no token"))
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

/// Whether both are the same without regard to case: `own` is of token bytes, `name` of letters in lower case and hyphens.
/// The bit that tells the cases apart turns no other byte of a token into one of those, so that eight bytes can be
/// compared at once.
#[inline]
fn is_folded(own: &[u8], name: &[u8]) -> bool {
    const CASE: u64 = u64::from_le_bytes([0x20; 8]);
    let differ = |own: &[u8; 8], name: &[u8; 8]| (u64::from_le_bytes(*own) | CASE) ^ u64::from_le_bytes(*name);
    match (own.last_chunk(), name.last_chunk()) {
        (Some(own_end), Some(name_end)) => {
            // The last eight may overlap those before.
            let (own, _) = own.as_chunks();
            let (name, _) = name.as_chunks();
            own.iter().zip(name).fold(differ(own_end, name_end), |sum, (own, name)| sum | differ(own, name)) == 0
        }
        _ => own.iter().zip(name).all(|(own, name)| own | 0x20 == *name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::classes;
    use super::*;

    #[test]
    fn a_name_is_itself_in_any_case_and_nothing_else() {
        for name in ["host", "accept", "mcp-name", "content-type", "mcp-protocol-version"] {
            assert!(Name::new(name.as_bytes()).is(name.as_bytes()));
            assert!(Name::new(name.to_ascii_uppercase().as_bytes()).is(name.as_bytes()));
            for at in 0..name.len() {
                for byte in (0..=255).filter(|byte| classes::is(*byte, classes::TOKEN)) {
                    let mut other = name.as_bytes().to_vec();
                    other[at] = byte;
                    let same = other.eq_ignore_ascii_case(name.as_bytes());
                    assert_eq!(Name::new(&other).is(name.as_bytes()), same, "{byte:#x} at {at} of {name}");
                }
            }
            assert!(!Name::new(&name.as_bytes()[1..]).is(name.as_bytes()));
        }
    }
}
