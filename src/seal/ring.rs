//! The ring of master keys: the first seals, all of them open.
//!
//! Its text is one key a line, 32 random bytes in Base64, newest first. To rotate, put a new key in front on every node,
//! and take the last one away once everything sealed with it has run out (24 hours for sessions).

use std::{error, fmt};

use aws_lc_rs::{digest, hkdf, hmac, rand};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::{Zeroize, Zeroizing};

use super::sealer::{Purpose, Sealer};

/// Bytes of a master key and of a sub-key.
pub(super) const KEY_BYTES: usize = 32;
/// The first bytes of a digest of the master key, so that the right key is found without trying all of them.
pub(super) type KeyId = [u8; 4];

const MOST_KEYS: usize = 16;
const SALT: &[u8] = b"weir seal 1";
const ID_LABEL: &[u8] = b"weir key id 1";

/// Master keys, newest first; never empty, ids unique. Without `Debug`: a key is never printed.
pub struct KeyRing {
    keys: Vec<MasterKey>,
}

/// Why a text is no key ring. Names lines, never shows what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingError {
    /// There is no key in it.
    Empty,
    /// There are more than 16 keys in it.
    TooMany,
    /// The line (counted from 1) is no Base64.
    NotBase64(usize),
    /// The line is Base64 of so many bytes, which are not 32.
    Length(usize, usize),
    /// The line repeats one byte 32 times: a placeholder, not a random key.
    NotRandom(usize),
    /// The first line has the same key, or one with the same id, as the second.
    Repeated(usize, usize),
}

struct MasterKey {
    id: KeyId,
    line: usize,
    bytes: [u8; KEY_BYTES],
}

impl KeyRing {
    /// Reads a ring; blank lines and white space around a key are ignored.
    pub fn parse(text: &str) -> Result<Self, RingError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for (line, key) in (1..).zip(text.lines().map(str::trim)).filter(|(_, key)| !key.is_empty()) {
            if keys.len() == MOST_KEYS {
                return Err(RingError::TooMany);
            }
            let key = MasterKey::parse(line, key)?;
            if let Some(twin) = keys.iter().find(|other| other.id == key.id) {
                return Err(RingError::Repeated(line, twin.line));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(RingError::Empty) } else { Ok(Self { keys }) }
    }

    /// The text of a new ring with one random key, its line end included.
    pub fn generate_text() -> String {
        let mut key = [0; KEY_BYTES];
        rand::fill(&mut key).expect("the operating system gives random bytes");
        let text = STANDARD.encode(key) + "\n";
        key.zeroize();
        text
    }

    /// What seals and opens for one purpose. Does the key derivations, so make it once and clone it.
    pub fn sealer(&self, purpose: Purpose) -> Sealer {
        Sealer::new(self.keys.iter().map(|key| (key.id, key.derive(&[purpose.label()]))))
    }

    /// What nonces are made with where equal texts have to be sealed alike, by the newest key.
    pub(super) fn nonces(&self, purpose: Purpose) -> hmac::Key {
        let key = Zeroizing::new(self.keys[0].derive(&[purpose.label(), b" nonce"]));
        hmac::Key::new(hmac::HMAC_SHA256, &*key)
    }

    /// What seals and opens for one purpose in one period of time, by the number of that.
    pub fn sealer_of(&self, purpose: Purpose, period: u64) -> Sealer {
        Sealer::new(self.keys.iter().map(|key| (key.id, key.derive(&[purpose.label(), &period.to_be_bytes()]))))
    }
}

impl KeyRing {
    /// A sub-key of each key, newest first, for what this label says. Whoever takes one wipes it.
    pub(super) fn sub_keys(&self, label: &'static [u8]) -> impl Iterator<Item = [u8; KEY_BYTES]> {
        self.keys.iter().map(move |key| key.derive(&[label]))
    }
}

impl MasterKey {
    fn parse(line: usize, text: &str) -> Result<Self, RingError> {
        let decoded = Zeroizing::new(STANDARD.decode(text).map_err(|_| RingError::NotBase64(line))?);
        let bytes = <[u8; KEY_BYTES]>::try_from(&decoded[..]).map_err(|_| RingError::Length(line, decoded.len()))?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(RingError::NotRandom(line));
        }
        Ok(Self { id: key_id(&bytes), line, bytes })
    }

    fn derive(&self, label: &[&[u8]]) -> [u8; KEY_BYTES] {
        let mut sub_key = [0; KEY_BYTES];
        hkdf::Salt::new(hkdf::HKDF_SHA256, SALT)
            .extract(&self.bytes)
            .expand(label, SubKey)
            .and_then(|material| material.fill(&mut sub_key))
            .expect("32 bytes are within what HKDF-SHA256 yields");
        sub_key
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

fn key_id(key: &[u8; KEY_BYTES]) -> KeyId {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(ID_LABEL);
    context.update(key);
    let digest = context.finish();
    digest.as_ref().first_chunk().copied().expect("a SHA-256 digest has 32 bytes")
}

struct SubKey;

impl hkdf::KeyType for SubKey {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl error::Error for RingError {}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the key ring is empty: it takes one key a line, 32 random bytes in Base64"),
            Self::TooMany => write!(f, "the key ring has more than {MOST_KEYS} keys: take the last ones away"),
            Self::NotBase64(line) => write!(f, "line {line} of the key ring is not Base64 with padding"),
            Self::Length(line, found) => {
                write!(f, "line {line} of the key ring is a key of {found} bytes: it has to be {KEY_BYTES}")
            }
            Self::NotRandom(line) => write!(f, "line {line} of the key ring repeats one byte: that is no random key"),
            Self::Repeated(line, twin) => write!(f, "line {line} of the key ring repeats the key of line {twin}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seed: u8) -> String {
        STANDARD.encode(std::array::from_fn::<u8, KEY_BYTES, _>(|index| seed.wrapping_add(index as u8)))
    }

    fn refused(text: &str) -> RingError {
        KeyRing::parse(text).err().expect("this is no key ring")
    }

    #[test]
    fn a_generated_ring_is_a_ring_and_no_two_are_alike() {
        let text = KeyRing::generate_text();
        assert!(KeyRing::parse(&text).is_ok());
        assert_ne!(text, KeyRing::generate_text());
    }

    #[test]
    fn blank_lines_and_foreign_line_ends_are_taken() {
        let ring = KeyRing::parse(&format!("\r\n {}\r\n\n{}", line(1), line(2))).unwrap();
        assert_eq!(ring.keys.iter().map(|key| key.line).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn what_is_no_ring_is_refused_by_line() {
        assert_eq!(refused(" \n\n"), RingError::Empty);
        assert_eq!(refused(&format!("{}\nnot base64!", line(1))), RingError::NotBase64(2));
        assert_eq!(refused(&STANDARD.encode([7; 31])), RingError::Length(1, 31));
        assert_eq!(refused(&STANDARD.encode([0; 32])), RingError::NotRandom(1));
        assert_eq!(refused(&format!("{}\n\n{}", line(1), line(1))), RingError::Repeated(3, 1));
        let many: Vec<_> = (0..17).map(line).collect();
        assert_eq!(refused(&many.join("\n")), RingError::TooMany);
        assert!(KeyRing::parse(&many[..16].join("\n")).is_ok());
    }
}
