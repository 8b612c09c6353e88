//! The key that signs the tokens of `weir token`: Ed25519, kept in the data directory.

use std::fmt::Write;
use std::path::Path;

use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use super::vault::{self, VaultError};

/// Its file in the data directory, beside the key ring.
const NAME: &str = "token";

/// A key that signs. Without `Debug`: a key is never printed.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    id: String,
}

impl SigningKey {
    /// The one in `data`, made with a random key if there is none.
    ///
    /// # Errors
    /// Where it cannot be made or read, where others may read it, or where it is none.
    pub fn open_or_create(data: &Path) -> Result<Self, VaultError> {
        let (path, text) = vault::open_or_create(data, NAME, generate)?;
        Self::parse(&text).ok_or(VaultError::Signing(path))
    }

    /// 32 random bytes in Base64.
    fn parse(text: &[u8]) -> Option<Self> {
        let seed = Zeroizing::new(STANDARD.decode(text.trim_ascii()).ok()?);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let mut id = String::from("weir-");
        for byte in &pair.public_key().as_ref()[..4] {
            write!(id, "{byte:02x}").expect("a String takes everything");
        }
        Some(Self { pair, id })
    }

    /// Its `kid`: from the public half, so that another key has another one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The JWK set that its signatures are verified with.
    pub fn key_set(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        let id = &self.id;
        format!(
            "{{\"keys\":[{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\",\"alg\":\"EdDSA\",\"kid\":\"{id}\",\"x\":\"{x}\"}}]}}"
        )
    }

    /// A signed token in its compact form (RFC 7515, 7.1) of these claims, an object as JSON text.
    pub fn token(&self, claims: &str) -> String {
        let header = format!("{{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"{}\"}}", self.id);
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn generate() -> Zeroizing<String> {
    let mut seed = Zeroizing::new([0; 32]);
    rand::fill(&mut *seed).expect("the operating system gives random bytes");
    let mut text = Zeroizing::new(String::with_capacity(64));
    STANDARD.encode_string(*seed, &mut text);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn it_is_made_once_and_for_us_alone() {
        let data = tempfile::tempdir().unwrap();
        let token = SigningKey::open_or_create(data.path()).unwrap().token("{}");
        assert_eq!(SigningKey::open_or_create(data.path()).unwrap().token("{}"), token);
        let file = data.path().join("keys/token");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(SigningKey::open_or_create(data.path()), Err(VaultError::Open(..))));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "AAAA\n").unwrap();
        assert!(matches!(SigningKey::open_or_create(data.path()), Err(VaultError::Signing(path)) if path == file));
    }
}
