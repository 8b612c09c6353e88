//! The key of operators on loopback: kept in the data directory, so that whoever may read it there is one of them.

use std::path::Path;

use aws_lc_rs::{constant_time, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::vault::{self, Kept, VaultError};

/// Its file in the data directory, beside the key ring.
const NAME: &str = "admin";
/// What it begins with, so that whoever finds one knows what it is, and scanners for secrets find it.
const PREFIX: &str = "weir_admin_";
/// 256 random bits.
const BYTES: usize = 32;

/// A key that operators show. Without `Debug`: a key is never printed.
pub struct OperatorKey(Kept);

impl OperatorKey {
    /// The one in `data`, made if there is none.
    ///
    /// # Errors
    /// Where it cannot be made or read, where others may read it, or where it is none.
    pub fn open_or_create(data: &Path) -> Result<Self, VaultError> {
        let (path, text) = vault::open_or_create(data, NAME, generate)?;
        Self::parse(&text).ok_or(VaultError::Operators(path))
    }

    /// The one in `data`; `None` where there is none, as before the first start. Changes nothing.
    ///
    /// # Errors
    /// Where it cannot be read, where others may read it, or where it is none.
    pub fn open(data: &Path) -> Result<Option<Self>, VaultError> {
        let Some((path, text)) = vault::open(data, NAME)? else { return Ok(None) };
        Self::parse(&text).ok_or(VaultError::Operators(path)).map(Some)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let shown = text.trim_ascii();
        let random = Zeroizing::new(URL_SAFE_NO_PAD.decode(shown.strip_prefix(PREFIX.as_bytes())?).ok()?);
        let fits = random.len() == BYTES && random.iter().any(|byte| *byte != random[0]);
        fits.then(|| Self(Zeroizing::new(shown.to_vec())))
    }

    /// Whether a credential is meant to be such a key, right or wrong.
    pub fn is_like(shown: &str) -> bool {
        shown.starts_with(PREFIX)
    }

    /// Whether this is what was shown. How long that takes says nothing of the key.
    pub fn is(&self, shown: &str) -> bool {
        constant_time::verify_slices_are_equal(&self.0, shown.as_bytes()).is_ok()
    }

    /// Adds the field of a head that shows it: from then on that is a secret.
    pub fn add_to(&self, head: &mut Vec<u8>) {
        for part in [&b"Authorization: Bearer "[..], &self.0[..], b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
}

fn generate() -> Zeroizing<String> {
    let mut random = Zeroizing::new([0; BYTES]);
    rand::fill(&mut *random).expect("the operating system gives random bytes");
    let mut text = Zeroizing::new(String::with_capacity(64));
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(*random, &mut text);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn it_is_made_once_for_us_alone_and_known_again() {
        let data = tempfile::tempdir().unwrap();
        assert!(OperatorKey::open(data.path()).unwrap().is_none());
        let key = OperatorKey::open_or_create(data.path()).unwrap();
        let file = data.path().join("keys/admin");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        let shown = text.trim_end();
        assert!(OperatorKey::is_like(shown) && key.is(shown) && shown.len() == PREFIX.len() + 43, "{shown}");
        let mut head = Vec::new();
        key.add_to(&mut head);
        assert_eq!(head, format!("Authorization: Bearer {shown}\r\n").into_bytes());
        for wrong in ["", PREFIX, &shown[..shown.len() - 1], &text, &shown.to_uppercase(), &format!("{shown}A")] {
            assert!(!key.is(wrong), "{wrong:?}");
        }
        for again in
            [OperatorKey::open_or_create(data.path()).unwrap(), OperatorKey::open(data.path()).unwrap().unwrap()]
        {
            assert!(again.is(shown));
        }
    }

    #[test]
    fn what_is_none_or_can_be_read_by_others_is_refused() {
        let data = tempfile::tempdir().unwrap();
        assert!(OperatorKey::open_or_create(data.path()).is_ok());
        let file = data.path().join("keys/admin");
        for none in ["", "weir_admin_\n", "weir_admin_AAAA\n", &format!("{PREFIX}{}\n", "A".repeat(43)), "secret\n"] {
            fs::write(&file, none).unwrap();
            let refused = OperatorKey::open(data.path()).err().expect("this is no key");
            assert!(matches!(&refused, VaultError::Operators(path) if *path == file), "{none:?}");
            assert!(!refused.to_string().contains("AAAA") && !refused.to_string().contains("secret"), "{refused}");
            assert!(OperatorKey::open_or_create(data.path()).is_err(), "{none:?}");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(OperatorKey::open(data.path()), Err(VaultError::Open(..))));
    }
}
