//! Which endpoint of a server: equal ones in turn; the one that gave a session for what belongs to it.

use std::cell::Cell;

/// One endpoint of a server. What an endpoint is does not matter here: this decides, it does not connect.
#[derive(Clone, Debug)]
pub struct Listed<E> {
    /// Its place in the pool.
    pub index: usize,
    /// Where it listens.
    pub endpoint: E,
    /// What sealed ids name it by; the same over restarts and on every node.
    pub fingerprint: u64,
}

/// The equal endpoints of one server, as one core sees them.
#[derive(Debug)]
pub struct Endpoints<E> {
    listed: Vec<Listed<E>>,
    turn: Cell<usize>,
}

impl<E> Endpoints<E> {
    /// `listed` in the order of the configuration; `start` lets the cores begin at different ones.
    pub fn new(listed: Vec<Listed<E>>, start: usize) -> Self {
        Self { listed, turn: Cell::new(start) }
    }

    /// Whether one of them has this fingerprint.
    pub fn has(&self, fingerprint: u64) -> bool {
        self.listed.iter().any(|listed| listed.fingerprint == fingerprint)
    }

    /// Those to try, in order: the pinned one alone, or all of them beginning with the one whose turn it is.
    /// Empty where the pinned one is no longer configured.
    pub fn candidates(&self, pinned: Option<u64>) -> Candidates<'_, E> {
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
#[derive(Debug)]
pub struct Candidates<'a, E> {
    listed: &'a [Listed<E>],
    next: usize,
    left: usize,
}

impl<'a, E> Iterator for Candidates<'a, E> {
    type Item = &'a Listed<E>;

    fn next(&mut self) -> Option<&'a Listed<E>> {
        self.left = self.left.checked_sub(1)?;
        let listed = &self.listed[self.next];
        self.next = (self.next + 1) % self.listed.len();
        Some(listed)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<E> ExactSizeIterator for Candidates<'_, E> {}

/// Names an endpoint in sealed ids: FNV-1a (64 bits) of the server's name and the URL. It needs to be stable, not
/// secret: it travels sealed.
pub fn fingerprint(server: &str, url: &str) -> u64 {
    let bytes = server.bytes().chain([0]).chain(url.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(start: usize) -> Endpoints<char> {
        let listed = ['a', 'b', 'c'].into_iter().enumerate();
        Endpoints::new(
            listed.map(|(index, endpoint)| Listed { index, endpoint, fingerprint: index as u64 + 10 }).collect(),
            start,
        )
    }

    fn order(endpoints: &Endpoints<char>, pinned: Option<u64>) -> String {
        endpoints.candidates(pinned).map(|listed| listed.endpoint).collect()
    }

    #[test]
    fn equal_endpoints_come_in_turn_and_all_are_candidates() {
        let endpoints = endpoints(1);
        assert_eq!([(); 4].map(|()| order(&endpoints, None)), ["bca", "cab", "abc", "bca"]);
    }

    #[test]
    fn a_pinned_endpoint_is_the_only_one_and_one_that_is_gone_is_none() {
        let endpoints = endpoints(0);
        assert_eq!(order(&endpoints, Some(12)), "c");
        assert_eq!(order(&endpoints, Some(99)), "");
        assert_eq!(order(&endpoints, None), "abc", "what is pinned takes nobody's turn");
    }

    #[test]
    fn a_fingerprint_is_the_same_for_ever_and_no_two_texts_run_together() {
        assert_eq!(fingerprint("files", "http://10.0.0.1:3000/mcp"), 0x5d5e_7fdc_69f9_e7aa);
        assert_ne!(fingerprint("a", "bc"), fingerprint("ab", "c"));
    }
}
