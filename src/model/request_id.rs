//! The id that ties an error, a log line and a server's log together.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use super::hex::Hex;

/// One request's id: 16 bytes, shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    core: u64,
    count: u64,
}

impl RequestId {
    /// The place in its core's run of ids.
    pub fn count(self) -> u64 {
        self.count
    }
}

impl RequestId {
    /// As it is shown.
    pub fn hex(self) -> Hex<32> {
        Hex::of(u128::from(self.core) << 64 | u128::from(self.count))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

/// Hands out ids on one core: a random half a core and a count, so that no two cores, nodes or runs share one,
/// and no randomness is drawn per request.
#[derive(Debug)]
pub struct RequestIds {
    core: u64,
    count: Cell<u64>,
}

impl RequestIds {
    /// A new run of ids.
    pub fn new() -> Self {
        // The standard library's hasher keys are random per instance; this needs uniqueness, not secrecy.
        Self { core: RandomState::new().hash_one(0u8), count: Cell::new(RandomState::new().hash_one(1u8) >> 16) }
    }

    /// The next id.
    pub fn next(&self) -> RequestId {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        RequestId { core: self.core, count }
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}
