//! The caller's own token, on its way to whoever exchanges it. It was verified before; here it is a secret.

use std::fmt;
use std::hint::black_box;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::protocol::json::{self, Kind, Span};

/// A copy of a caller's token, for one exchange. Never printed, and overwritten when it is dropped.
pub struct Subject {
    token: Vec<u8>,
    kind: &'static str,
}

impl Subject {
    /// That token, of this kind (`subject_token_type`).
    pub fn new(token: &str, kind: &'static str) -> Self {
        Self { token: token.as_bytes().to_vec(), kind }
    }

    pub(super) fn token(&self) -> &str {
        str::from_utf8(&self.token).expect("it was made of a text")
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// When it ends, where it says so itself: what is had for it is not shown for longer.
    pub(super) fn ends(&self) -> Option<u64> {
        let payload = self.token().split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        json::check(&payload, 64).ok()?;
        let start = payload.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let whole = Span { start: start as u32, end: payload.len() as u32 };
        let end = json::member(&payload, whole, "exp").filter(|end| end.kind == Kind::Number)?;
        let seconds: f64 = str::from_utf8(end.raw(&payload)).ok()?.parse().ok()?;
        Some(seconds as u64)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.token.fill(0);
        black_box(&mut self.token);
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_says_its_end_is_heard() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let ends = |token: &str| Subject::new(token, "x").ends();
        assert_eq!(ends(&token(r#"{"exp":1700000000}"#)), Some(1_700_000_000));
        assert_eq!(ends(&token(r#" {"a":1,"exp":1.7e9}"#)), Some(1_700_000_000));
        for none in [token(r#"{"exp":"1"}"#), token("{}"), token("[1]"), "opaque".to_owned(), "a.b.c".to_owned()] {
            assert_eq!(ends(&none), None, "{none}");
        }
        assert_eq!(format!("{:?}", Subject::new("hunter2", "x")), "Subject { .. }");
    }
}
