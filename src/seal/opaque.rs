//! What a server gives a client to bring back: cursors, `requestState`, task ids. Sealed, they are the caller's alone.
//!
//! What is sealed is the server's JSON token to the byte, so that it gets back what it gave, escapes and all. Task ids are
//! compared by clients and come in many messages: each is sealed to the same text every time (for one caller, and for as
//! long as the ring begins with the same key), by its contents, however they were spelt.

use std::{fmt, sync::Arc};

use aws_lc_rs::{aead::NONCE_LEN, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    context,
    ring::KeyRing,
    sealer::{Purpose, Sealer},
};

/// Which of them it is; one never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opaque {
    /// `nextCursor`, `cursor`.
    Cursor,
    /// `requestState`.
    State,
    /// `taskId`.
    Task,
}

/// The keys for them. Cheap to clone.
#[derive(Clone)]
pub struct Opaques(Arc<Keys>);

struct Keys {
    cursors: Sealer,
    states: Sealer,
    tasks: Sealer,
    nonces: hmac::Key,
}

/// Seals and opens what one server gives on one route.
pub struct Binder {
    keys: Opaques,
    route: Box<str>,
    server: Box<str>,
}

impl Opaques {
    /// Does the key derivations, so make it once and clone it.
    pub fn new(ring: &KeyRing) -> Self {
        Self(Arc::new(Keys {
            cursors: ring.sealer(Purpose::Cursor),
            states: ring.sealer(Purpose::State),
            tasks: ring.sealer(Purpose::Task),
            nonces: ring.nonces(Purpose::Task),
        }))
    }
}

impl Binder {
    /// For what this server gives on this route.
    pub fn new(keys: Opaques, route: &str, server: &str) -> Self {
        Self { keys, route: route.into(), server: server.into() }
    }

    /// The text for the client in the place of the server's JSON `token`.
    pub fn seal(&self, what: Opaque, principal: &str, token: &[u8]) -> String {
        let context = self.context(principal);
        match what {
            Opaque::Cursor => self.keys.0.cursors.seal(&context, token),
            Opaque::State => self.keys.0.states.seal(&context, token),
            Opaque::Task => {
                let nonce = self.keys.0.nonce(&context, token);
                URL_SAFE_NO_PAD.encode(self.keys.0.tasks.seal_under(nonce, &context, token))
            }
        }
    }

    /// The server's token. `None` for whatever is not ours, or not for this caller, server and route.
    pub fn open(&self, what: Opaque, principal: &str, text: &str) -> Option<Vec<u8>> {
        let keys = &self.keys.0;
        let sealer = match what {
            Opaque::Cursor => &keys.cursors,
            Opaque::State => &keys.states,
            Opaque::Task => &keys.tasks,
        };
        sealer.open(&self.context(principal), text)
    }

    fn context<'a>(&'a self, principal: &'a str) -> [&'a [u8]; 3] {
        [self.route.as_bytes(), self.server.as_bytes(), principal.as_bytes()]
    }
}

impl Keys {
    /// A nonce that equal texts of one context share, and no others.
    fn nonce(&self, context: &[&[u8]], plain: &[u8]) -> [u8; NONCE_LEN] {
        let mut digest = hmac::Context::with_key(&self.nonces);
        context::encoded(context, |encoded| digest.update(encoded));
        digest.update(plain);
        digest.sign().as_ref().first_chunk().copied().expect("SHA-256 gives more bytes than a nonce has")
    }
}

impl fmt::Debug for Binder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binder").field("route", &self.route).field("server", &self.server).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const ALL: [Opaque; 3] = [Opaque::Cursor, Opaque::State, Opaque::Task];

    fn binder(ring: &str, route: &str, server: &str) -> Binder {
        Binder::new(Opaques::new(&KeyRing::parse(ring).expect("a ring")), route, server)
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_for_its_caller_alone(token in vec(any::<u8>(), 0..300), which in 0..3_usize) {
            let ring = KeyRing::generate_text();
            let (here, what) = (binder(&ring, "/mcp", "files"), ALL[which]);
            let text = here.seal(what, "ann", &token);
            prop_assert_eq!(here.open(what, "ann", &text), Some(token.clone()));
            for other in ALL.into_iter().filter(|other| *other != what) {
                prop_assert_eq!(here.open(other, "ann", &text), None);
            }
            prop_assert_eq!(here.open(what, "bob", &text), None);
            prop_assert_eq!(binder(&ring, "/other", "files").open(what, "ann", &text), None);
            prop_assert_eq!(binder(&ring, "/mcp", "other").open(what, "ann", &text), None);
            prop_assert_eq!(here.open(what, "ann", &text[..text.len() - 1]), None);
            // The same text every time for task ids, never for the others.
            prop_assert_eq!(here.seal(what, "ann", &token) == text, what == Opaque::Task);
            prop_assert_ne!(here.seal(what, "bob", &token), text);
        }
    }

    #[test]
    fn a_key_before_it_opens_what_the_old_one_sealed() {
        let old = KeyRing::generate_text();
        let rotated = KeyRing::generate_text() + &old;
        let (before, after) = (binder(&old, "/mcp", "files"), binder(&rotated, "/mcp", "files"));
        for what in ALL {
            let text = before.seal(what, "ann", b"\"t-1\"");
            assert_eq!(after.open(what, "ann", &text).as_deref(), Some(&b"\"t-1\""[..]));
            assert_ne!(after.seal(what, "ann", b"\"t-1\""), text);
        }
    }
}
