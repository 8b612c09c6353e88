//! Seals bytes into URL-safe text and opens them again, for one purpose.
//!
//! ```text
//! base64url without padding of:
//!   1 byte    version, 1
//!   4 bytes   key id
//!  12 bytes   random nonce
//!   n bytes   AES-256-GCM-SIV of the plain bytes
//!  16 bytes   tag
//! ```
//!
//! The version and the key id need no authentication of their own: changed, they choose no key or another one.

use std::sync::Arc;

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroize;

use super::{
    context,
    ring::{KEY_BYTES, KeyId},
};

const VERSION: u8 = 1;
const NONCE_AT: usize = 1 + size_of::<KeyId>();
const SEALED_AT: usize = NONCE_AT + NONCE_LEN;
const TAG_BYTES: usize = 16;

/// What a text is sealed for; each has sub-keys of its own, so that one never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `Mcp-Session-Id`.
    Session,
    /// Tickets of TLS sessions.
    Ticket,
    /// The token of the pair of 2024-11-05, which names a stream.
    Pair,
    /// Cursors of servers.
    Cursor,
    /// `requestState` of servers.
    State,
    /// Ids of tasks.
    Task,
}

/// Seals with the newest key of its ring and opens with every key of it. Cheap to clone. Without `Debug`.
#[derive(Clone)]
pub struct Sealer {
    /// Newest first, never empty.
    keys: Arc<[(KeyId, LessSafeKey)]>,
}

impl Purpose {
    pub(super) fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"session",
            Self::Ticket => b"ticket",
            Self::Pair => b"pair",
            Self::Cursor => b"cursor",
            Self::State => b"state",
            Self::Task => b"task",
        }
    }
}

impl Sealer {
    /// Bytes that sealing adds, before the text is encoded.
    pub const OVERHEAD: usize = SEALED_AT + TAG_BYTES;

    pub(super) fn new(sub_keys: impl Iterator<Item = (KeyId, [u8; KEY_BYTES])>) -> Self {
        let keys = sub_keys.map(|(id, mut bytes)| {
            let key = UnboundKey::new(&AES_256_GCM_SIV, &bytes).expect("a sub-key has the cipher's 32 bytes");
            bytes.zeroize();
            (id, LessSafeKey::new(key))
        });
        Self { keys: keys.collect() }
    }

    /// Seals `plain`, bound to `context`; two calls never give the same text.
    pub fn seal(&self, context: &[&[u8]], plain: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.seal_bytes(context, plain))
    }

    /// As [`seal`](Self::seal), before it is made text.
    pub fn seal_bytes(&self, context: &[&[u8]], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).expect("the operating system gives random bytes");
        self.seal_under(nonce, context, plain)
    }

    /// As [`seal_bytes`](Self::seal_bytes), under a nonce that the caller answers for: GCM-SIV tells of two texts under
    /// one nonce no more than whether they are equal.
    pub(super) fn seal_under(&self, nonce: [u8; NONCE_LEN], context: &[&[u8]], plain: &[u8]) -> Vec<u8> {
        let (id, key) = &self.keys[0];
        let mut sealed = Vec::with_capacity(Self::OVERHEAD + plain.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = context::encoded(context, |aad| {
            key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut sealed[SEALED_AT..])
                .expect("what we seal is far below the cipher's bound of 64 GiB")
        });
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// The bytes that were sealed with this context. `None` for whatever is wrong with `text`: altered, cut, sealed for
    /// another context or purpose, with a key that is gone, or spelt in another way than we spell it.
    pub fn open(&self, context: &[&[u8]], text: &str) -> Option<Vec<u8>> {
        self.open_bytes(context, URL_SAFE_NO_PAD.decode(text).ok()?)
    }

    /// As [`open`](Self::open), of what [`seal_bytes`](Self::seal_bytes) gave.
    pub fn open_bytes(&self, context: &[&[u8]], mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        if bytes.len() < Self::OVERHEAD || bytes[0] != VERSION {
            return None;
        }
        let id = &bytes[1..NONCE_AT];
        let (_, key) = self.keys.iter().find(|(known, _)| known == id)?;
        let nonce = Nonce::try_assume_unique_for_key(&bytes[NONCE_AT..SEALED_AT]).ok()?;
        let plain = context::encoded(context, |aad| {
            key.open_within(nonce, Aad::from(aad), &mut bytes[SEALED_AT..], 0..).map(|plain| plain.len())
        });
        let length = plain.ok()?;
        bytes.copy_within(SEALED_AT..SEALED_AT + length, 0);
        bytes.truncate(length);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{super::KeyRing, *};

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(text).expect("a generated ring is one")
    }

    fn sealer() -> Sealer {
        ring(&KeyRing::generate_text()).sealer(Purpose::Session)
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_its_length_is_known(plain in vec(any::<u8>(), 0..300), part in vec(any::<u8>(), 0..300)) {
            let sealer = sealer();
            let text = sealer.seal(&[b"route", &part], &plain);
            prop_assert_eq!(text.len(), ((Sealer::OVERHEAD + plain.len()) * 4).div_ceil(3));
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            prop_assert_eq!(sealer.open(&[b"route", &part], &text), Some(plain));
        }

        #[test]
        fn a_text_changed_at_any_place_does_not_open(plain in vec(any::<u8>(), 0..40), flip in 1..=255_u8) {
            let sealer = sealer();
            let text = sealer.seal(&[], &plain);
            for at in 0..text.len() {
                let mut altered = text.clone().into_bytes();
                altered[at] ^= flip;
                if let Ok(altered) = String::from_utf8(altered) {
                    prop_assert_eq!(sealer.open(&[], &altered), None);
                }
                prop_assert_eq!(sealer.open(&[], &text[..at]), None);
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
            prop_assert_eq!(sealer().open(&[], &text), None);
        }
    }

    #[test]
    fn another_context_purpose_or_ring_does_not_open() {
        let ring = ring(&KeyRing::generate_text());
        let sealer = ring.sealer(Purpose::Session);
        let text = sealer.seal(&[b"ab", b"c"], b"plain");
        assert_eq!(sealer.open(&[b"a", b"bc"], &text), None);
        assert_eq!(sealer.open(&[b"ab"], &text), None);
        assert_eq!(ring.sealer(Purpose::Ticket).open(&[b"ab", b"c"], &text), None);
        assert_eq!(ring.sealer(Purpose::Pair).open(&[b"ab", b"c"], &text), None);
        assert_eq!(super::tests::sealer().open(&[b"ab", b"c"], &text), None);
    }

    #[test]
    fn the_newest_key_seals_and_the_others_still_open() {
        let (old, new) = (KeyRing::generate_text(), KeyRing::generate_text());
        let before = ring(&old).sealer(Purpose::Session);
        let after = ring(&(new.clone() + &old)).sealer(Purpose::Session);
        assert_eq!(after.open(&[], &before.seal(&[], b"x")), Some(b"x".to_vec()));
        let text = after.seal(&[], b"y");
        assert_eq!(before.open(&[], &text), None);
        assert_eq!(ring(&new).sealer(Purpose::Session).open(&[], &text), Some(b"y".to_vec()));
    }

    #[test]
    fn a_text_has_one_spelling() {
        let sealer = sealer();
        // 33 + 1 bytes leave four unused bits in the last character.
        let text = sealer.seal(&[], b"x");
        assert_eq!(text.len() % 4, 2);
        let last = text.as_bytes()[text.len() - 1];
        for spelling in [format!("{text}="), format!("{text}=="), format!(" {text}"), format!("{text}\n")] {
            assert_eq!(sealer.open(&[], &spelling), None);
        }
        for other in (0..=127_u8).filter(|other| *other != last) {
            let spelling = format!("{}{}", &text[..text.len() - 1], char::from(other));
            assert_eq!(sealer.open(&[], &spelling), None, "{spelling:?}");
        }
    }
}
