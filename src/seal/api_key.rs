//! The text of an API key: what it looks like, how one is made, and what is kept of it.
//!
//! ```text
//! weir_ | 43 letters and digits, drawn evenly: 256.03 bits | CRC-32 of all before it, in 6 letters and digits
//! ```
//!
//! The prefix is for people and for scanners of repositories; the checksum tells a mistyped key, and one that a scanner
//! need not report, before anybody looks it up. It says nothing of which keys there are.

use aws_lc_rs::{digest, rand};
use zeroize::{Zeroize, Zeroizing};

/// What every key begins with.
const PREFIX: &str = "weir_";
/// Letters and digits that are drawn, and those of the checksum.
const DRAWN: usize = 43;
const SUM: usize = 6;
/// Bytes of a whole key. With the padding of SHA-256 it is one block.
const LENGTH: usize = PREFIX.len() + DRAWN + SUM;
/// The letters of an id: as good as never the same twice, and no secret.
const ID: usize = 12;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What is kept of a key. With so much chance in a key nobody finds one that has it, and none is found from it.
pub type KeyDigest = [u8; 32];

/// A key with its secret. Without `Debug`: it is never printed but by who shows it to its owner.
pub struct KeySecret(Zeroizing<String>);

impl KeySecret {
    /// A new one.
    pub fn generate() -> Self {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        text.push_str(PREFIX);
        draw(&mut text, DRAWN);
        let mut sum = crc32(text.as_bytes());
        for _ in 0..SUM {
            text.push(char::from(DIGITS[(sum % 62) as usize]));
            sum /= 62;
        }
        Self(text)
    }

    /// The text that its owner sends.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The same, for whoever shows it to them.
    pub fn into_text(self) -> Zeroizing<String> {
        self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> KeyDigest {
        sha256(self.0.as_bytes())
    }
}

/// Whether a credential is meant to be an API key, right or wrong.
pub fn is_like_a_key(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// What would be kept of a key; `None` where the text cannot be one: it is mistyped, or cut.
pub fn key_digest(text: &str) -> Option<KeyDigest> {
    let bytes = text.as_bytes();
    if bytes.len() != LENGTH || !text.starts_with(PREFIX) {
        return None;
    }
    let (body, sum) = bytes.split_at(LENGTH - SUM);
    let digit = |byte: u8| DIGITS.iter().position(|known| *known == byte).map(|digit| digit as u64);
    if !body[PREFIX.len()..].iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let written = sum.iter().rev().try_fold(0, |sum, byte| Some(sum * 62 + digit(*byte)?))?;
    (written == u64::from(crc32(body))).then(|| sha256(bytes))
}

/// A name for a new key.
pub fn key_id() -> String {
    let mut id = String::with_capacity(ID);
    draw(&mut id, ID);
    id
}

/// SHA-256, of what is no secret as well.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut whole = [0; 32];
    whole.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    whole
}

/// Draws letters and digits, each as often as the others.
fn draw(text: &mut String, count: usize) {
    let mut random = [0; 64];
    let end = text.len() + count;
    while text.len() < end {
        rand::fill(&mut random).expect("the operating system gives random bytes");
        // Six bits have 64 values, and two of them are no digit.
        let drawn = random.iter().filter_map(|byte| DIGITS.get(usize::from(byte & 63)));
        text.extend(drawn.take(end - text.len()).map(|digit| char::from(*digit)));
    }
    random.zeroize();
}

/// CRC-32 as in Ethernet and zip (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| (sum >> 8) ^ CRC[usize::from(sum as u8 ^ byte)])
}

static CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn a_new_key_is_one_and_no_other() {
        let mut seen = BTreeSet::new();
        for _ in 0..1000 {
            let key = KeySecret::generate();
            assert!(is_like_a_key(key.text()) && key.text().len() == LENGTH, "its length");
            assert_eq!(key_digest(key.text()), Some(key.digest()));
            assert!(seen.insert(key.text().to_owned()) && seen.insert(key_id()));
        }
        let letters: BTreeSet<_> = seen.iter().flat_map(|key| key.bytes()).collect();
        assert_eq!(letters.len(), 63, "every letter, every digit and `_`");
    }

    proptest! {
        #[test]
        fn one_letter_more_less_or_other_is_noticed(at in 0..LENGTH, letter in "[0-9A-Za-z_ -]") {
            let key = KeySecret::generate();
            let text = key.text();
            let (before, after) = (&text[..at], &text[at + 1..]);
            let (less, more) = (format!("{before}{after}"), format!("{before}{letter}{}", &text[at..]));
            prop_assert_eq!((key_digest(&less), key_digest(&more)), (None, None));
            let other = format!("{before}{letter}{after}");
            prop_assert_eq!(key_digest(&other).is_some(), other == text);
        }

        #[test]
        fn two_letters_in_the_other_order_are_noticed(at in PREFIX.len()..LENGTH - 1) {
            let key = KeySecret::generate();
            let mut bytes = key.text().as_bytes().to_vec();
            bytes.swap(at, at + 1);
            let swapped = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(key_digest(&swapped).is_some(), swapped == key.text());
        }

        #[test]
        fn whatever_comes_is_answered(text in "\\PC{0,80}") {
            prop_assert!(key_digest(&text).is_none());
            let alike = format!("{PREFIX}{text}");
            prop_assert!(key_digest(&alike).is_none());
        }
    }
}
