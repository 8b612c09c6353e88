//! `[http] unverified`: how many credentials of one address may be checked, so that strangers cannot keep the cores at
//! it.
//!
//! The cells are shared by all cores, and there is no map of addresses that could grow or would need a lock: an address
//! has a cell in each of two rows, by a keyed hash, and is refused where both are used up. So two addresses that share
//! one cell by chance do not see each other; they would have to share both, of 2^30 pairs.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::model::{Reason, Refusal, clock};

use super::bucket::{Bucket, Pace};
use super::key::counted;

/// Cells of a row: together with the other one 512 KiB.
const CELLS: usize = 1 << 15;

/// The bound of this node. A reload changes the rate, and what has been used stays used.
#[derive(Debug)]
pub struct Unverified {
    rows: [Box<[Bucket]>; 2],
    hashers: [RandomState; 2],
    begun: Instant,
    apart: AtomicU64,
    window: AtomicU64,
}

impl Unverified {
    /// One without a bound, until [`Unverified::bound`] gives it one.
    pub fn new() -> Self {
        let row = || std::iter::repeat_with(Bucket::default).take(CELLS).collect();
        Self {
            rows: [row(), row()],
            hashers: [RandomState::new(), RandomState::new()],
            begun: clock::now(),
            apart: AtomicU64::new(0),
            window: AtomicU64::new(0),
        }
    }

    /// At most so many in that time from now on, or any number.
    pub fn bound(&self, rate: Option<(u64, Duration)>) {
        let (most, per) = rate.unwrap_or((1, Duration::ZERO));
        let window = u64::try_from(per.as_nanos()).unwrap_or(u64::MAX);
        self.apart.store(window / most.max(1), Ordering::Relaxed);
        self.window.store(window, Ordering::Relaxed);
    }

    /// Takes one for this address; of IPv6 for its /64, since one host has all of it. Without an address, on a Unix socket
    /// say, there is nobody to be counted.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn take(&self, address: Option<IpAddr>, now: Instant) -> Result<(), Refusal> {
        let pace = Pace { apart: self.apart.load(Ordering::Relaxed), window: self.window.load(Ordering::Relaxed) };
        let (Some(address), 1..) = (address.map(counted), pace.apart) else { return Ok(()) };
        let now = u64::try_from(now.saturating_duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX / 2);
        let mut taken = self.rows.iter().zip(&self.hashers).map(|(row, hasher)| {
            let at = hasher.hash_one(address) as usize % CELLS;
            row[at].take(now, pace)
        });
        // Of both, whether or not the first has one.
        let both = [taken.next(), taken.next()].map(|taken| taken.unwrap_or(Ok(())));
        match both {
            [Err(one), Err(other)] => {
                let message = "too many credentials of this address had to be checked: use one for many requests";
                Err(Refusal::new(Reason::RateLimited, message).retryable(one.min(other)))
            }
            _ => Ok(()),
        }
    }
}

impl Default for Unverified {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_has_its_own_bound_however_it_is_written() {
        let bound = Unverified::new();
        let now = clock::now();
        (0..1000).for_each(|_| bound.take(address("192.0.2.1"), now).unwrap());
        bound.bound(Some((2, Duration::from_secs(1))));
        for (one, same, other) in
            [("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")]
        {
            bound.take(address(one), now).unwrap();
            bound.take(address(same), now).unwrap();
            let refusal = bound.take(address(one), now).unwrap_err();
            assert_eq!((refusal.reason, refusal.retry_after), (Reason::RateLimited, Some(Duration::from_millis(500))));
            bound.take(address(other), now).unwrap();
            bound.take(address(one), now + Duration::from_millis(500)).unwrap();
        }
        (0..1000).for_each(|_| bound.take(None, now).unwrap());
    }

    #[test]
    fn strangers_do_not_use_up_what_is_ours() {
        let bound = Unverified::new();
        bound.bound(Some((1, Duration::from_secs(60))));
        let now = clock::now();
        let refused =
            (0..1000u32).filter(|number| bound.take(Some(IpAddr::V4((*number).into())), now).is_err()).count();
        assert!(refused <= 10, "{refused} of 1000 addresses share both cells with others");
    }
}
