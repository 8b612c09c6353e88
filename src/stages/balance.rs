//! Which endpoint of a server: equal ones in turn; the one that gave a session for what belongs to it.

use std::cell::Cell;
use std::sync::Arc;

use crate::net::upstream::Endpoint;

/// One endpoint of a server.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its place in the pool.
    pub index: usize,
    /// Where it listens.
    pub endpoint: Arc<Endpoint>,
    /// What sealed ids name it by; the same over restarts and on every node.
    pub fingerprint: u64,
}

/// The equal endpoints of one server, as one core sees them.
#[derive(Debug)]
pub struct Endpoints {
    listed: Vec<Listed>,
    turn: Cell<usize>,
}

impl Endpoints {
    /// `listed` in the order of the configuration; `start` lets the cores begin at different ones.
    pub fn new(listed: Vec<Listed>, start: usize) -> Self {
        Self { listed, turn: Cell::new(start) }
    }

    /// Those to try, in order: the pinned one alone, or all of them beginning with the one whose turn it is.
    /// Empty where the pinned one is no longer configured.
    pub fn candidates(&self, pinned: Option<u64>) -> Candidates<'_> {
        if let Some(fingerprint) = pinned {
            let at = self.listed.iter().position(|listed| listed.fingerprint == fingerprint);
            return Candidates { listed: &self.listed, next: at.unwrap_or(0), left: usize::from(at.is_some()) };
        }
        let next = self.turn.get() % self.listed.len().max(1);
        self.turn.set(next + 1);
        Candidates { listed: &self.listed, next, left: self.listed.len() }
    }
}

/// See [`Endpoints::candidates`].
#[derive(Clone, Debug)]
pub struct Candidates<'a> {
    listed: &'a [Listed],
    next: usize,
    left: usize,
}

impl<'a> Iterator for Candidates<'a> {
    type Item = &'a Listed;

    fn next(&mut self) -> Option<&'a Listed> {
        self.left = self.left.checked_sub(1)?;
        let listed = &self.listed[self.next];
        self.next = (self.next + 1) % self.listed.len();
        Some(listed)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Candidates<'_> {}

/// Names an endpoint in sealed ids: FNV-1a (64 bits) of the server's name and the URL. It needs to be stable, not
/// secret: it travels sealed.
pub fn fingerprint(server: &str, url: &str) -> u64 {
    let bytes = server.bytes().chain([0]).chain(url.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
