//! How many connections there may be, in all and from one address. Asked at accept only.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The node's count of client connections.
///
/// The map by address is behind a lock, which is taken when a connection opens and when it closes, never for a
/// message.
#[derive(Debug)]
pub struct Admission {
    most: AtomicUsize,
    most_per_address: AtomicUsize,
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Admission {
    /// At most `most` connections, at most `most_per_address` of one address.
    pub fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        let (most, most_per_address) = (AtomicUsize::new(most), AtomicUsize::new(most_per_address));
        Arc::new(Self { most, most_per_address, open: AtomicUsize::new(0), by_address: Mutex::default() })
    }

    /// Other bounds from now on. Who is in stays in.
    pub fn bound(&self, most: usize, most_per_address: usize) {
        self.most.store(most, Ordering::Relaxed);
        self.most_per_address.store(most_per_address, Ordering::Relaxed);
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Admits one connection from `address`, or says that a limit is reached. Without an address, a proxy's say, it
    /// counts as one in all.
    ///
    /// An IPv4 address counts as one, however it is written; of IPv6 the /64 counts, since one host has all of it.
    pub fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Permit> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.most.load(Ordering::Relaxed) {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut permit = Permit { admission: Arc::clone(self), address: None };
        address.is_none_or(|address| permit.is_of(address)).then_some(permit)
    }
}

fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

/// A connection's place; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    /// Of whom it counts as one.
    address: Option<IpAddr>,
}

impl Permit {
    /// Counts it as one of this address; false where that has too many.
    pub fn is_of(&mut self, address: IpAddr) -> bool {
        self.release();
        let address = counted(address);
        let mut by_address = self.admission.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_insert(0);
        if *count >= self.admission.most_per_address.load(Ordering::Relaxed) {
            return false;
        }
        *count += 1;
        self.address = Some(address);
        true
    }

    fn release(&mut self) {
        let Some(address) = self.address.take() else { return };
        let mut by_address = self.admission.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.release();
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_a_place_is_given_back() {
        let admission = Admission::new(3, 2);
        let (one, two) = (Some("127.0.0.1".parse().unwrap()), Some("127.0.0.2".parse().unwrap()));
        let first = admission.admit(one).unwrap();
        let _second = admission.admit(one).unwrap();
        assert!(admission.admit(one).is_none(), "a third of one address");
        let _third = admission.admit(two).unwrap();
        assert!(admission.admit(two).is_none(), "a fourth in all");
        drop(first);
        assert!(admission.admit(one).is_some());
        assert_eq!(admission.open(), 2);
    }

    #[test]
    fn who_comes_through_a_proxy_is_counted_once_that_is_known() {
        let admission = Admission::new(9, 1);
        let client = "192.0.2.1".parse().unwrap();
        let [mut first, mut second] = [(); 2].map(|()| admission.admit(None).unwrap());
        assert!(first.is_of(client) && !second.is_of(client));
        drop(first);
        assert!(second.is_of(client));
        drop(second);
        assert_eq!((admission.open(), admission.by_address.lock().unwrap().len()), (0, 0), "nothing is kept");
    }

    #[test]
    fn an_address_counts_as_one_however_it_is_written() {
        let admission = Admission::new(9, 1);
        let places: Vec<_> = ["10.0.0.1", "2001:db8::1", "::1", "::ffff:10.0.0.2"]
            .map(|address| admission.admit(Some(address.parse().unwrap())).expect(address))
            .into();
        for same in ["::ffff:10.0.0.1", "2001:db8::2", "::1", "10.0.0.2"] {
            assert!(admission.admit(Some(same.parse().unwrap())).is_none(), "{same}");
        }
        assert!(admission.admit(Some("2001:db8:0:1::1".parse().unwrap())).is_some(), "another network");
        drop(places);
        assert_eq!((admission.open(), admission.by_address.lock().unwrap().len()), (0, 0), "nothing is kept");
    }
}
