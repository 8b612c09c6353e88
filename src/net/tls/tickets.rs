//! Tickets of TLS sessions (RFC 5077; RFC 8446, 4.6.1): a client comes back without the whole handshake, to any node
//! that has the same key ring, and no node remembers it.
//!
//! They are sealed with a sub-key of the ring for each 12 hours. The one of these 12 hours seals, it and the one before
//! open: a ticket is good for 12 hours at least and 24 at most.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::ProducesTickets;

use crate::model::clock;
use crate::seal::{KeyRing, Purpose, Sealer};

/// Seconds that one sub-key seals.
const PERIOD: u32 = 12 * 60 * 60;

/// Makes and reads them.
pub(super) struct Tickets {
    ring: KeyRing,
    keys: ArcSwap<Keys>,
}

/// The sub-keys of a period.
struct Keys {
    period: u64,
    current: Sealer,
    last: Sealer,
}

impl Tickets {
    pub(super) fn new(ring: KeyRing) -> Self {
        let keys = ArcSwap::from_pointee(Keys::of(&ring, now()));
        Self { ring, keys }
    }

    fn keys(&self, period: u64) -> Arc<Keys> {
        let keys = self.keys.load_full();
        if keys.period == period {
            return keys;
        }
        // Whoever else sees the new period first derives the same.
        let keys = Arc::new(Keys::of(&self.ring, period));
        self.keys.store(Arc::clone(&keys));
        keys
    }

    fn seal(&self, period: u64, plain: &[u8]) -> Vec<u8> {
        self.keys(period).current.seal_bytes(&[], plain)
    }

    fn open(&self, period: u64, ticket: &[u8]) -> Option<Vec<u8>> {
        let keys = self.keys(period);
        let open = |sealer: &Sealer| sealer.open_bytes(&[], ticket.to_vec());
        open(&keys.current).or_else(|| open(&keys.last))
    }
}

impl Keys {
    fn of(ring: &KeyRing, period: u64) -> Self {
        let sealer = |period| ring.sealer_of(Purpose::Ticket, period);
        Self { period, current: sealer(period), last: sealer(period.saturating_sub(1)) }
    }
}

/// The number of the present 12 hours.
fn now() -> u64 {
    clock::unix_seconds() / u64::from(PERIOD)
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        PERIOD
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        Some(self.seal(now(), plain))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(now(), ticket)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_in_its_period_and_the_next_on_every_node_with_the_same_ring() {
        let text = KeyRing::generate_text();
        let node = || Tickets::new(KeyRing::parse(&text).unwrap());
        let (one, other) = (node(), node());
        let ticket = one.seal(7, b"session");
        assert_ne!(one.seal(7, b"session"), ticket);
        for (period, opens) in [(6, false), (7, true), (8, true), (9, false), (7, true)] {
            assert_eq!(other.open(period, &ticket).is_some(), opens, "{period}");
        }
        assert_eq!(other.open(8, &ticket).as_deref(), Some(&b"session"[..]));
        let stranger = Tickets::new(KeyRing::parse(&KeyRing::generate_text()).unwrap());
        assert_eq!(stranger.open(7, &ticket), None);
        let mut altered = ticket.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(one.open(7, &altered), None);
        assert_eq!(one.open(7, b""), None);
    }

    #[test]
    fn a_ring_that_turns_opens_what_its_older_key_sealed() {
        let (old, new) = (KeyRing::generate_text(), KeyRing::generate_text());
        let before = Tickets::new(KeyRing::parse(&old).unwrap());
        let after = Tickets::new(KeyRing::parse(&(new + &old)).unwrap());
        assert!(after.open(7, &before.seal(7, b"session")).is_some());
        assert!(before.open(7, &after.seal(7, b"session")).is_none(), "the first key seals");
    }
}
