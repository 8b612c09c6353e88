//! A token for a server in exchange for the caller's own, found again on this core by the digest of that.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, header};

use crate::model::{Challenge, Means, Principal, Reason, Refusal};
use crate::net::grant::{Book, Held, Slot, Subject};
use crate::seal::digest_of;

use super::denial;

/// Sets, a power of two, and places in each.
const SETS: usize = 512;
const PLACES: usize = 4;

/// What those are told who have shown no token.
const NEEDED: &str =
    "this server is called in the name of a caller's token: send yours as `Authorization: Bearer TOKEN`";

/// Exchanges the tokens of callers for one server, on one core.
pub struct Exchanging {
    book: Arc<Book>,
    /// What a caller's token is called there.
    kind: &'static str,
    known: RefCell<Known>,
}

struct Known {
    places: Box<[Option<Entry>]>,
    /// Where the next one goes that finds no place in its set.
    hand: usize,
}

struct Entry {
    digest: [u8; 32],
    principal: Principal,
    slot: Arc<Slot>,
}

/// A token that has to be waited for.
pub(super) struct Wanted<'a> {
    slot: Arc<Slot>,
    token: &'a str,
    kind: &'static str,
}

impl Exchanging {
    /// By the terms of that book.
    pub fn new(book: Arc<Book>, kind: &'static str) -> Self {
        let places = std::iter::repeat_with(|| None).take(SETS * PLACES).collect();
        Self { book, kind, known: RefCell::new(Known { places, hand: 0 }) }
    }

    /// What is there for this caller's token, or what it takes to have it.
    ///
    /// # Errors
    /// `unauthenticated` where the caller has shown no token.
    pub(super) fn look<'a>(
        &self,
        principal: &Principal,
        headers: &'a HeaderMap,
        challenge: impl FnOnce() -> Challenge,
    ) -> Result<Result<Held, Wanted<'a>>, Refusal> {
        let Some(token) = token(principal, headers) else {
            return Err(Refusal::new(Reason::Unauthenticated, NEEDED).challenging(challenge()));
        };
        let slot = self.slot(principal, token);
        let Some(granted) = slot.current() else { return Ok(Err(Wanted { slot, token, kind: self.kind })) };
        if slot.is_due() {
            slot.refresh(|| Some(Subject::new(token, self.kind)));
        }
        Ok(Ok(Held::Token(granted, slot)))
    }

    fn slot(&self, principal: &Principal, token: &str) -> Arc<Slot> {
        let digest = digest_of(token.as_bytes());
        let known = &mut *self.known.borrow_mut();
        let start = (usize::from(digest[0]) | usize::from(digest[1]) << 8) % SETS * PLACES;
        let set = start..start + PLACES;
        let is_it = |entry: &&Entry| entry.digest == digest && entry.principal == *principal;
        if let Some(found) = known.places[set.clone()].iter().flatten().find(is_it) {
            return Arc::clone(&found.slot);
        }
        let slot = self.book.slot(principal.key(), digest);
        let free = set.clone().find(|at| known.places[*at].is_none());
        known.hand = known.hand.wrapping_add(1);
        let at = free.unwrap_or(set.start + known.hand % PLACES);
        known.places[at] = Some(Entry { digest, principal: principal.clone(), slot: Arc::clone(&slot) });
        slot
    }
}

impl Wanted<'_> {
    /// Waits for it.
    pub(super) async fn obtain(self) -> Result<Held, Refusal> {
        let Self { slot, token, kind } = self;
        match slot.obtain(|| Some(Subject::new(token, kind))).await {
            Ok(granted) => Ok(Held::Token(granted, slot)),
            Err(denied) => Err(denial(denied)),
        }
    }
}

/// The token that the caller is known by, where it is one that somebody can exchange.
fn token<'a>(principal: &Principal, headers: &'a HeaderMap) -> Option<&'a str> {
    let by_token = match principal.caller().means {
        Means::Jwt | Means::Opaque | Means::Local => true,
        Means::Anonymous | Means::Certificate | Means::ApiKey => false,
    };
    // It was read before: there is one, and its scheme is Bearer.
    let value = headers.get(header::AUTHORIZATION).filter(|_| by_token)?.to_str().ok()?;
    value.split_once(' ').map(|(_, token)| token.trim_start_matches(' '))
}

impl fmt::Debug for Exchanging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanging").field("book", &self.book).finish_non_exhaustive()
    }
}
