//! Signs who a caller is, for servers to check: Ed25519, by keys that are derived from the ring.
//!
//! So every node that shares the ring shares them, and they are rotated with it: the newest signs, and all of them are in
//! the published set, so that what was signed with the one before stays valid.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::ring::KeyRing;
use super::signing::SigningKey;

/// What the keys are derived for; no purpose of a sealer.
const LABEL: &[u8] = b"assertion";
/// What it says that it is (RFC 8725, 3.11), so that it passes for no access token.
const KIND: &str = "weir-principal+jwt";

/// Signs assertions. Without `Debug`: a key is never printed.
pub struct Asserter {
    /// Newest first, never empty.
    keys: Vec<SigningKey>,
}

impl KeyRing {
    /// What signs assertions.
    pub fn asserter(&self) -> Asserter {
        let key = |seed: [u8; 32]| {
            let seed = Zeroizing::new(seed);
            SigningKey::of_seed(&*seed).expect("every 32 bytes are an Ed25519 key")
        };
        Asserter { keys: self.sub_keys(LABEL).map(key).collect() }
    }
}

impl Asserter {
    /// A signed assertion of these claims, an object as JSON text.
    pub fn assertion(&self, claims: &str) -> String {
        self.keys[0].signed(KIND, claims)
    }

    /// The JWK set that assertions are checked with.
    pub fn key_set(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(SigningKey::jwk).collect();
        format!("{{\"keys\":[{}]}}", keys.join(","))
    }

    /// A name that nobody has given before (`jti`).
    pub fn unique() -> String {
        let mut random = [0; 16];
        rand::fill(&mut random).expect("the operating system gives random bytes");
        URL_SAFE_NO_PAD.encode(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(text: &str) -> Asserter {
        KeyRing::parse(text).unwrap().asserter()
    }

    #[test]
    fn the_newest_key_signs_and_all_are_published_alike_on_every_node() {
        let (old, new) = (KeyRing::generate_text(), KeyRing::generate_text());
        let (before, after) = (ring(&old), ring(&format!("{new}{old}")));
        assert_eq!(before.key_set(), ring(&old).key_set());
        assert_eq!(before.assertion("{}"), ring(&old).assertion("{}"));
        assert_ne!(before.assertion("{}"), after.assertion("{}"));
        assert_eq!(after.assertion("{}"), ring(&new).assertion("{}"));
        assert!(after.key_set().contains(&before.keys[0].jwk()) && after.key_set().contains(&ring(&new).keys[0].jwk()));
    }

    #[test]
    fn no_name_is_given_twice() {
        assert_ne!(Asserter::unique(), Asserter::unique());
    }
}
